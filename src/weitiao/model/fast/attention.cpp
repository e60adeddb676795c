// Attention inside each row of a packed batch, row by row and head by head, with no padding.
// Queries of a row: all its tokens, or (first = 1) its first token alone, then q, o and the
// statistics have one line a row. Probabilities are computed anew in the backward pass.
#include "blocks.h"

namespace {

// n tokens of one head as fp32, (n, dp), zeros beyond d.
template <class T>
inline void gather(const T* x, int64_t ld, int n, int d, int dp, float* out) {
  for (int t = 0; t < n; t++)
    for (int c = 0; c < dp; c += W) store(out + (size_t)t * dp + c, load(x + t * ld + c, d - c));
}

template <class T>
void forward(const T* q, int64_t ldq, const T* k, const T* v, int64_t ldk, T* o, int64_t ldo,
             float* lse, const int64_t* starts, const int64_t* lengths, int rows, int heads, int d,
             float scale, int first, float rate, uint64_t seed, uint64_t stream, int threads) {
  const int dp = wide(d);
#pragma omp parallel num_threads(threads)
  {
    static thread_local Desk desk;
#pragma omp for schedule(static, 1)
    for (int job = 0; job < rows * heads; job++) {
      const int r = job / heads, h = job % heads, n = (int)lengths[r], np = wide(n);
      const int m = first ? 1 : n;
      const int64_t from = starts[r], to = first ? r : from;
      Keep keep(rate, seed, stream * 1000003u + job + 1);
      desk.open((size_t)n * dp * 2 + (size_t)d * np + (size_t)BLOCK * (2 * dp + np));
      float *K = desk.take((size_t)n * dp), *V = desk.take((size_t)n * dp);
      float *KT = desk.take((size_t)d * np), *Q = desk.take(BLOCK * dp);
      float *O = desk.take(BLOCK * dp), *S = desk.take((size_t)BLOCK * np);
      gather(k + from * ldk + h * d, ldk, n, d, dp, K);
      gather(v + from * ldk + h * d, ldk, n, d, dp, V);
      transpose(K, n, d, dp, np, KT);
      for (int i0 = 0; i0 < m; i0 += BLOCK) {
        const int b = m - i0 < BLOCK ? m - i0 : BLOCK;
        gather(q + (to + i0) * ldq + h * d, ldq, b, d, dp, Q);
        product(b, np, d, Q, dp, 1, KT, np, S, np, false);
        for (int i = 0; i < b; i++) {
          float* line = S + (size_t)i * np;
          const float share = raise(line, n, np, scale, lse + (to + i0 + i) * heads + h);
          u16 bits{};
          for (int c = 0; c < np; c += W) {
            f16 p = load(line + c) * share;
            if (keep.threshold) p *= kept(keep, i0 + i, np, c, bits);
            store(line + c, p);
          }
        }
        product(b, dp, n, S, np, 1, V, dp, O, dp, false);
        for (int i = 0; i < b; i++)
          for (int c = 0; c < d; c += W)
            store(o + (to + i0 + i) * ldo + h * d + c, load(O + i * dp + c), d - c);
      }
    }
  }
}

// dq, dk, dv like q, k, v. Sums over tokens: dq (heads * d), dk, dv, one after another.
template <class T>
void backward(const T* q, int64_t ldq, const T* k, const T* v, int64_t ldk, const T* o,
              const T* dout, int64_t ldo, const float* lse, const int64_t* starts,
              const int64_t* lengths, int rows, int heads, int d, float scale, int first,
              float rate, uint64_t seed, uint64_t stream, T* dq, T* dk, T* dv, float* sums,
              int threads) {
  const int dp = wide(d);
  Sums all_sums(threads, heads, dp);
#pragma omp parallel num_threads(threads)
  {
    static thread_local Desk desk;
    float* mine = all_sums.of(omp_get_thread_num());
#pragma omp for schedule(static, 1)
    for (int job = 0; job < rows * heads; job++) {
      const int r = job / heads, h = job % heads, n = (int)lengths[r], np = wide(n);
      const int m = first ? 1 : n;
      const int64_t from = starts[r], to = first ? r : from;
      Keep keep(rate, seed, stream * 1000003u + job + 1);
      desk.open((size_t)n * dp * 4 + (size_t)d * np * 2 + (size_t)BLOCK * (4 * dp + 2 * np));
      float *K = desk.take((size_t)n * dp), *V = desk.take((size_t)n * dp);
      float *DK = desk.take((size_t)n * dp), *DV = desk.take((size_t)n * dp);
      float *KT = desk.take((size_t)d * np), *VT = desk.take((size_t)d * np);
      float *Q = desk.take(BLOCK * dp), *O = desk.take(BLOCK * dp), *DO = desk.take(BLOCK * dp);
      float *DQ = desk.take(BLOCK * dp);
      float *S = desk.take((size_t)BLOCK * np), *DP = desk.take((size_t)BLOCK * np);
      gather(k + from * ldk + h * d, ldk, n, d, dp, K);
      gather(v + from * ldk + h * d, ldk, n, d, dp, V);
      transpose(K, n, d, dp, np, KT);
      transpose(V, n, d, dp, np, VT);
      for (int i0 = 0; i0 < m; i0 += BLOCK) {
        const int b = m - i0 < BLOCK ? m - i0 : BLOCK;
        gather(q + (to + i0) * ldq + h * d, ldq, b, d, dp, Q);
        gather(o + (to + i0) * ldo + h * d, ldo, b, d, dp, O);
        gather(dout + (to + i0) * ldo + h * d, ldo, b, d, dp, DO);
        product(b, np, d, Q, dp, 1, KT, np, S, np, false);
        product(b, np, d, DO, dp, 1, VT, np, DP, np, false);
        for (int i = 0; i < b; i++) {
          float *line = S + (size_t)i * np, *grad = DP + (size_t)i * np;
          const float norm = lse[(to + i0 + i) * heads + h];
          f16 dot{};
          for (int c = 0; c < dp; c += W) dot += load(O + i * dp + c) * load(DO + i * dp + c);
          const float delta = sum(dot);
          u16 bits{};
          for (int c = 0; c < np; c += W) {
            f16 p = exponential(load(line + c) * scale - norm), g = load(grad + c), used = p;
            if (keep.threshold) {
              f16 factor = kept(keep, i0 + i, np, c, bits);
              used *= factor; g *= factor;
            }
            store(grad + c, p * (g - delta) * scale);
            store(line + c, used);
          }
          for (int j = n; j < np; j++) line[j] = grad[j] = 0;
        }
        product(n, dp, b, S, 1, np, DO, dp, DV, dp, i0 > 0);
        product(n, dp, b, DP, 1, np, Q, dp, DK, dp, i0 > 0);
        product(b, dp, n, DP, np, 1, K, dp, DQ, dp, false);
        spread(DQ, b, d, dp, dq + (to + i0) * ldq + h * d, ldq, mine + (size_t)h * dp);
      }
      spread(DK, n, d, dp, dk + from * ldk + h * d, ldk, mine + (size_t)(heads + h) * dp);
      spread(DV, n, d, dp, dv + from * ldk + h * d, ldk, mine + (size_t)(2 * heads + h) * dp);
    }
  }
  all_sums.add_up(d, sums);
}

}  // namespace

EXPORTED(float, fp32)
#ifndef __AVX512BF16__  // see pairs.cpp
EXPORTED(uint16_t, bf16)
#endif
