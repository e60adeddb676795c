// Attention in bf16 where the processor multiplies pairs of bf16 and adds in fp32, twice as fast as
// fp32: the same as in attention.cpp, with the probabilities and their gradients rounded to bf16.
// A matrix lies as pairs of neighbours in a line ("flat") or of two lines, one below the other
// ("deep"): the left one of a product has its pairs along a line, the right one its pairs down.
#include "blocks.h"

#ifdef __AVX512BF16__

namespace {

typedef uint16_t half;

inline void round_to(pair* p, int at, f16 x) {  // numbers at, at + 1, ... of a line
  __m256bh h = _mm512_cvtneps_pbh((__m512)x);
  memcpy((char*)p + 2 * at, &h, sizeof h);
}

// n tokens of one head, flat: (n, dp / 2), zeros beyond d.
inline void gather(const half* x, int64_t ld, int n, int d, int dp, pair* out) {
  for (int t = 0; t < n; t++) {
    char* line = (char*)(out + (size_t)t * (dp / 2));
    memcpy(line, x + t * ld, 2 * d);
    memset(line + 2 * d, 0, 2 * (dp - d));
  }
}

// Flat (n, width / 2) to deep ((n + 1) / 2, width); width a multiple of 16.
inline void deepen(const pair* x, int n, int width, pair* out) {
  for (int t = 0; t < n; t += 2)
    for (int c = 0; c < width; c += W) {
      const char* from = (const char*)(x + (size_t)t * (width / 2)) + 2 * c;
      half16 upper, lower{};
      memcpy(&upper, from, sizeof upper);
      if (t + 1 < n) memcpy(&lower, from + 2 * width, sizeof lower);
      u16 both = __builtin_convertvector(upper, u16) | __builtin_convertvector(lower, u16) << 16;
      memcpy(out + (size_t)(t / 2) * width + c, &both, sizeof both);
    }
}

void forward(const half* q, int64_t ldq, const half* k, const half* v, int64_t ldk, half* o,
             int64_t ldo, float* lse, const int64_t* starts, const int64_t* lengths, int rows,
             int heads, int d, float scale, int first, float rate, uint64_t seed, uint64_t stream,
             int threads) {
  const int dp = wide(d), dh = dp / 2;
#pragma omp parallel num_threads(threads)
  {
    static thread_local Desk desk;
#pragma omp for schedule(static, 1)
    for (int job = 0; job < rows * heads; job++) {
      const int r = job / heads, h = job % heads, n = (int)lengths[r], np = wide(n);
      const int m = first ? 1 : n, nh = np / 2;
      const int64_t from = starts[r], to = first ? r : from;
      Keep keep(rate, seed, stream * 1000003u + job + 1);
      desk.open((size_t)n * dp + (size_t)(dh + dp) * np + (size_t)BLOCK * (2 * dp + 2 * np));
      pair *flat = desk.pairs((size_t)n * dh), *KT = desk.pairs((size_t)dh * np);
      pair *V = desk.pairs((size_t)nh * dp), *Q = desk.pairs(BLOCK * dh);
      pair* P = desk.pairs((size_t)BLOCK * nh);
      float *S = desk.take((size_t)BLOCK * np), *O = desk.take(BLOCK * dp);
      gather(k + from * ldk + h * d, ldk, n, d, dp, flat);
      transpose(flat, n, dh, dh, np, KT);
      gather(v + from * ldk + h * d, ldk, n, d, dp, flat);
      deepen(flat, n, dp, V);
      for (int i0 = 0; i0 < m; i0 += BLOCK) {
        const int b = m - i0 < BLOCK ? m - i0 : BLOCK;
        gather(q + (to + i0) * ldq + h * d, ldq, b, d, dp, Q);
        product(b, np, dh, Q, dh, 1, KT, np, S, np, false);
        for (int i = 0; i < b; i++) {
          float* line = S + (size_t)i * np;
          const float share = raise(line, n, np, scale, lse + (to + i0 + i) * heads + h);
          u16 bits{};
          for (int c = 0; c < np; c += W) {
            f16 p = load(line + c) * share;
            if (keep.threshold) p *= kept(keep, i0 + i, np, c, bits);
            round_to(P + (size_t)i * nh, c, p);
          }
        }
        product(b, dp, (n + 1) / 2, P, nh, 1, V, dp, O, dp, false);
        for (int i = 0; i < b; i++)
          for (int c = 0; c < d; c += W)
            store(o + (to + i0 + i) * ldo + h * d + c, load(O + i * dp + c), d - c);
      }
    }
  }
}

void backward(const half* q, int64_t ldq, const half* k, const half* v, int64_t ldk, const half* o,
              const half* dout, int64_t ldo, const float* lse, const int64_t* starts,
              const int64_t* lengths, int rows, int heads, int d, float scale, int first,
              float rate, uint64_t seed, uint64_t stream, half* dq, half* dk, half* dv, float* sums,
              int threads) {
  const int dp = wide(d), dh = dp / 2;
  Sums all_sums(threads, heads, dp);
#pragma omp parallel num_threads(threads)
  {
    static thread_local Desk desk;
    float* mine = all_sums.of(omp_get_thread_num());
#pragma omp for schedule(static, 1)
    for (int job = 0; job < rows * heads; job++) {
      const int r = job / heads, h = job % heads, n = (int)lengths[r], np = wide(n);
      const int m = first ? 1 : n, nh = np / 2;
      const int64_t from = starts[r], to = first ? r : from;
      Keep keep(rate, seed, stream * 1000003u + job + 1);
      desk.open((size_t)n * dp * 3 + (size_t)np * (dp * 2) + (size_t)BLOCK * (4 * dp + 4 * np));
      pair *flat = desk.pairs((size_t)n * dh), *K = desk.pairs((size_t)nh * dp);
      pair *KT = desk.pairs((size_t)dh * np), *VT = desk.pairs((size_t)dh * np);
      pair *Q = desk.pairs(BLOCK * dh), *DO = desk.pairs(BLOCK * dh);
      pair *deepQ = desk.pairs(BLOCK * dh), *deepDO = desk.pairs(BLOCK * dh);
      pair *P = desk.pairs((size_t)BLOCK * nh), *deepP = desk.pairs((size_t)BLOCK * nh);
      pair *DS = desk.pairs((size_t)BLOCK * nh), *deepDS = desk.pairs((size_t)BLOCK * nh);
      float *DK = desk.take((size_t)n * dp), *DV = desk.take((size_t)n * dp);
      float *DQ = desk.take(BLOCK * dp);
      float *S = desk.take((size_t)BLOCK * np), *DP = desk.take((size_t)BLOCK * np);
      gather(v + from * ldk + h * d, ldk, n, d, dp, flat);
      transpose(flat, n, dh, dh, np, VT);
      gather(k + from * ldk + h * d, ldk, n, d, dp, flat);
      transpose(flat, n, dh, dh, np, KT);
      deepen(flat, n, dp, K);
      for (int i0 = 0; i0 < m; i0 += BLOCK) {
        const int b = m - i0 < BLOCK ? m - i0 : BLOCK;
        gather(q + (to + i0) * ldq + h * d, ldq, b, d, dp, Q);
        gather(dout + (to + i0) * ldo + h * d, ldo, b, d, dp, DO);
        deepen(Q, b, dp, deepQ);
        deepen(DO, b, dp, deepDO);
        product(b, np, dh, Q, dh, 1, KT, np, S, np, false);
        product(b, np, dh, DO, dh, 1, VT, np, DP, np, false);
        for (int i = 0; i < b; i++) {
          float *line = S + (size_t)i * np, *grad = DP + (size_t)i * np;
          const float norm = lse[(to + i0 + i) * heads + h];
          const half *mine_out = o + (to + i0 + i) * ldo + h * d, *theirs = dout + (mine_out - o);
          f16 dot{};
          for (int c = 0; c < d; c += W) dot += load(mine_out + c, d - c) * load(theirs + c, d - c);
          const float delta = sum(dot);
          u16 bits{};
          for (int c = 0; c < np; c += W) {
            f16 p = exponential(load(line + c) * scale - norm), g = load(grad + c), used = p;
            if (keep.threshold) {
              f16 factor = kept(keep, i0 + i, np, c, bits);
              used *= factor; g *= factor;
            }
            f16 slope = p * (g - delta) * scale;
            if (c + W > n) { used = before(used, n - c); slope = before(slope, n - c); }
            round_to(P + (size_t)i * nh, c, used);
            round_to(DS + (size_t)i * nh, c, slope);
          }
        }
        deepen(P, b, np, deepP);
        deepen(DS, b, np, deepDS);
        product(n, dp, (b + 1) / 2, deepP, 1, np, deepDO, dp, DV, dp, i0 > 0);
        product(n, dp, (b + 1) / 2, deepDS, 1, np, deepQ, dp, DK, dp, i0 > 0);
        product(b, dp, (n + 1) / 2, DS, nh, 1, K, dp, DQ, dp, false);
        spread(DQ, b, d, dp, dq + (to + i0) * ldq + h * d, ldq, mine + (size_t)h * dp);
      }
      spread(DK, n, d, dp, dk + from * ldk + h * d, ldk, mine + (size_t)(heads + h) * dp);
      spread(DV, n, d, dp, dv + from * ldk + h * d, ldk, mine + (size_t)(2 * heads + h) * dp);
    }
  }
  all_sums.add_up(d, sums);
}

}  // namespace

EXPORTED(half, bf16)
#endif
