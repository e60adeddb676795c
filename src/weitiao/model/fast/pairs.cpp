// Variable-length attention in bf16 with vdpbf16ps, which multiplies pairs of bf16 and adds both
// products to an fp32 sum, twice as fast as fp32. Formulas and layout of the arguments are those of
// attention.cpp; probabilities and their gradients are rounded to bf16 between two products.
//
// The instruction sums over k in steps of two, so both factors hold pairs: a pair of the left one
// is A[i][k], A[i][k + 1], neighbours in a line ("flat"); a pair of the right one is B[k][j],
// B[k + 1][j], one number below the other ("stacked").
#include "blocks.h"

#ifdef __AVX512BF16__

namespace {

typedef uint16_t half;

// Sixteen numbers as bf16 (to nearest even), into numbers at, at + 1, ... of a flat line.
inline void round_to(pair* p, int at, f16 x) {
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

// Flat (n, width / 2) to stacked ((n + 1) / 2, width), width a multiple of 16. An odd last line is
// stacked on zeros.
inline void stack_lines(const pair* x, int n, int width, pair* out) {
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

// o = (P * D) v; see attention.cpp.
void forward(const half* q, int64_t ldq, const half* k, const half* v, int64_t ldk, half* o,
             int64_t ldo, float* lse, const int64_t* starts, const int64_t* lengths, int rows,
             int heads, int d, float scale, int first, float rate, uint64_t seed, uint64_t stream,
             int threads) {
  const int dp = round_up(d), dh = dp / 2;
#pragma omp parallel num_threads(threads)
  {
    static thread_local Workspace work;
#pragma omp for schedule(static, 1)
    for (int job = 0; job < rows * heads; job++) {
      const int r = job / heads, h = job % heads, n = (int)lengths[r], np = round_up(n);
      const int m = first ? 1 : n, nh = np / 2;
      const int64_t from = starts[r], to = first ? r : from;
      Dropout dropout(rate, seed, stream * 1000003u + job + 1);
      work.open((size_t)n * dp + (size_t)(dh + dp) * np + (size_t)BLOCK * (2 * dp + 2 * np));
      pair *flat = work.pairs((size_t)n * dh), *KT = work.pairs((size_t)dh * np);
      pair *V = work.pairs((size_t)nh * dp), *Q = work.pairs(BLOCK * dh);
      pair* P = work.pairs((size_t)BLOCK * nh);
      float *S = work.take((size_t)BLOCK * np), *O = work.take(BLOCK * dp);
      gather(k + from * ldk + h * d, ldk, n, d, dp, flat);
      transpose(flat, n, dh, dh, np, KT);
      gather(v + from * ldk + h * d, ldk, n, d, dp, flat);
      stack_lines(flat, n, dp, V);
      for (int i0 = 0; i0 < m; i0 += BLOCK) {
        const int b = m - i0 < BLOCK ? m - i0 : BLOCK;
        gather(q + (to + i0) * ldq + h * d, ldq, b, d, dp, Q);
        product(b, np, dh, Q, dh, 1, KT, np, S, np, false);
        for (int i = 0; i < b; i++) {
          float* line = S + (size_t)i * np;
          float* log_sum = lse + (to + i0 + i) * heads + h;
          const float inverse_sum = softmax_line(line, n, np, scale, log_sum);
          u16 bits{};
          for (int c = 0; c < np; c += W) {
            f16 p = load(line + c) * inverse_sum;
            if (dropout.threshold) p *= dropout_factor(dropout, i0 + i, np, c, bits);
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

// dq, dk, dv and their sums over tokens; see attention.cpp.
void backward(const half* q, int64_t ldq, const half* k, const half* v, int64_t ldk, const half* o,
              const half* dout, int64_t ldo, const float* lse, const int64_t* starts,
              const int64_t* lengths, int rows, int heads, int d, float scale, int first,
              float rate, uint64_t seed, uint64_t stream, half* dq, half* dk, half* dv, float* sums,
              int threads) {
  const int dp = round_up(d), dh = dp / 2;
  Sums all_sums(threads, heads, dp);
#pragma omp parallel num_threads(threads)
  {
    static thread_local Workspace work;
    float* mine = all_sums.of(omp_get_thread_num());
#pragma omp for schedule(static, 1)
    for (int job = 0; job < rows * heads; job++) {
      const int r = job / heads, h = job % heads, n = (int)lengths[r], np = round_up(n);
      const int m = first ? 1 : n, nh = np / 2;
      const int64_t from = starts[r], to = first ? r : from;
      Dropout dropout(rate, seed, stream * 1000003u + job + 1);
      work.open((size_t)n * dp * 3 + (size_t)np * (dp * 2) + (size_t)BLOCK * (4 * dp + 4 * np));
      pair *flat = work.pairs((size_t)n * dh), *K = work.pairs((size_t)nh * dp);
      pair *KT = work.pairs((size_t)dh * np), *VT = work.pairs((size_t)dh * np);
      pair *Q = work.pairs(BLOCK * dh), *DO = work.pairs(BLOCK * dh);
      pair *stackedQ = work.pairs(BLOCK * dh), *stackedDO = work.pairs(BLOCK * dh);
      pair *P = work.pairs((size_t)BLOCK * nh), *stackedP = work.pairs((size_t)BLOCK * nh);
      pair *DS = work.pairs((size_t)BLOCK * nh), *stackedDS = work.pairs((size_t)BLOCK * nh);
      float *DK = work.take((size_t)n * dp), *DV = work.take((size_t)n * dp);
      float *DQ = work.take(BLOCK * dp);
      float *S = work.take((size_t)BLOCK * np), *DP = work.take((size_t)BLOCK * np);
      gather(v + from * ldk + h * d, ldk, n, d, dp, flat);
      transpose(flat, n, dh, dh, np, VT);
      gather(k + from * ldk + h * d, ldk, n, d, dp, flat);
      transpose(flat, n, dh, dh, np, KT);
      stack_lines(flat, n, dp, K);
      for (int i0 = 0; i0 < m; i0 += BLOCK) {
        const int b = m - i0 < BLOCK ? m - i0 : BLOCK;
        gather(q + (to + i0) * ldq + h * d, ldq, b, d, dp, Q);
        gather(dout + (to + i0) * ldo + h * d, ldo, b, d, dp, DO);
        stack_lines(Q, b, dp, stackedQ);
        stack_lines(DO, b, dp, stackedDO);
        product(b, np, dh, Q, dh, 1, KT, np, S, np, false);
        product(b, np, dh, DO, dh, 1, VT, np, DP, np, false);
        for (int i = 0; i < b; i++) {
          float *line = S + (size_t)i * np, *grad = DP + (size_t)i * np;
          const float norm = lse[(to + i0 + i) * heads + h];
          const half* out_line = o + (to + i0 + i) * ldo + h * d;
          const half* dout_line = dout + (out_line - o);
          f16 dot{};
          for (int c = 0; c < d; c += W)
            dot += load(out_line + c, d - c) * load(dout_line + c, d - c);
          const float delta = sum(dot);
          u16 bits{};
          for (int c = 0; c < np; c += W) {
            f16 p = exponential(load(line + c) * scale - norm), g = load(grad + c), used = p;
            if (dropout.threshold) {
              f16 factor = dropout_factor(dropout, i0 + i, np, c, bits);
              used *= factor; g *= factor;
            }
            f16 dscore = p * (g - delta) * scale;
            // Columns beyond the row hold exp(0 - lse), and the last pair of an odd row reads one.
            if (c + W > n) { used = first_of(used, n - c); dscore = first_of(dscore, n - c); }
            round_to(P + (size_t)i * nh, c, used);
            round_to(DS + (size_t)i * nh, c, dscore);
          }
        }
        stack_lines(P, b, np, stackedP);
        stack_lines(DS, b, np, stackedDS);
        product(n, dp, (b + 1) / 2, stackedP, 1, np, stackedDO, dp, DV, dp, i0 > 0);
        product(n, dp, (b + 1) / 2, stackedDS, 1, np, stackedQ, dp, DK, dp, i0 > 0);
        product(b, dp, (n + 1) / 2, DS, nh, 1, K, dp, DQ, dp, false);
        scatter(DQ, b, d, dp, dq + (to + i0) * ldq + h * d, ldq, mine + (size_t)h * dp);
      }
      scatter(DK, n, d, dp, dk + from * ldk + h * d, ldk, mine + (size_t)(heads + h) * dp);
      scatter(DV, n, d, dp, dv + from * ldk + h * d, ldk, mine + (size_t)(2 * heads + h) * dp);
    }
  }
  all_sums.add_up(d, sums);
}

}  // namespace

EXPORTED(half, bf16)
#endif
