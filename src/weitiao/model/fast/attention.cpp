// Variable-length attention: inside each row of a packed batch, row by row and head by head, with
// no padding. Probabilities are not stored but recomputed in the backward pass (Dao et al. 2022,
// FlashAttention); unlike there, a row's scores for BLOCK queries are in memory as a whole.
//
// Layout of the arguments (see also `ARGUMENT_TYPES` in compiled.py):
//   q              (queries, heads * d), one line every ldq numbers: may be a part of (q | k | v)
//   k, v           (tokens, heads * d), one line every ldk numbers
//   o, dout        (queries, heads * d), one line every ldo numbers
//   lse            (queries, heads) fp32: log-sum-exp of each query's scaled scores
//   starts, lengths  (rows,) first token and number of tokens of each row
//   first          0: queries are all tokens; 1: the first token of each row alone, one line a row
//   scale          1 / sqrt(d); rate, seed, stream: dropout of the probabilities
//   threads        how many threads work
#include "blocks.h"

namespace {

// n tokens of one head as fp32, (n, dp), zeros beyond d.
template <class T>
inline void gather(const T* x, int64_t ld, int n, int d, int dp, float* out) {
  for (int t = 0; t < n; t++)
    for (int c = 0; c < dp; c += W) store(out + (size_t)t * dp + c, load(x + t * ld + c, d - c));
}

// o = (P * D) v with P = softmax(scale q k^T), D = dropout's 0 or 1 / (1 - rate), by elements.
template <class T>
void forward(const T* q, int64_t ldq, const T* k, const T* v, int64_t ldk, T* o, int64_t ldo,
             float* lse, const int64_t* starts, const int64_t* lengths, int rows, int heads, int d,
             float scale, int first, float rate, uint64_t seed, uint64_t stream, int threads) {
  const int dp = round_up(d);
#pragma omp parallel num_threads(threads)
  {
    // All calls of a thread share it, so that none allocates once it is large enough.
    static thread_local Workspace work;
#pragma omp for schedule(static, 1)
    for (int job = 0; job < rows * heads; job++) {
      const int r = job / heads, h = job % heads, n = (int)lengths[r], np = round_up(n);
      const int m = first ? 1 : n;
      const int64_t from = starts[r], to = first ? r : from;
      // A stream for each row and head: the mask depends neither on the thread nor on their number.
      Dropout dropout(rate, seed, stream * 1000003u + job + 1);
      work.open((size_t)n * dp * 2 + (size_t)d * np + (size_t)BLOCK * (2 * dp + np));
      float *K = work.take((size_t)n * dp), *V = work.take((size_t)n * dp);
      float *KT = work.take((size_t)d * np), *Q = work.take(BLOCK * dp);
      float *O = work.take(BLOCK * dp), *S = work.take((size_t)BLOCK * np);
      gather(k + from * ldk + h * d, ldk, n, d, dp, K);
      gather(v + from * ldk + h * d, ldk, n, d, dp, V);
      transpose(K, n, d, dp, np, KT);
      for (int i0 = 0; i0 < m; i0 += BLOCK) {
        const int b = m - i0 < BLOCK ? m - i0 : BLOCK;
        gather(q + (to + i0) * ldq + h * d, ldq, b, d, dp, Q);
        product(b, np, d, Q, dp, 1, KT, np, S, np, false);
        for (int i = 0; i < b; i++) {
          float* line = S + (size_t)i * np;
          float* log_sum = lse + (to + i0 + i) * heads + h;
          const float inverse_sum = softmax_line(line, n, np, scale, log_sum);
          u16 bits{};
          for (int c = 0; c < np; c += W) {
            f16 p = load(line + c) * inverse_sum;
            if (dropout.threshold) p *= dropout_factor(dropout, i0 + i, np, c, bits);
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

// Gradients, with P recomputed as exp(scale q k^T - lse):
//
//   dv = (P * D)^T dout        dP = (dout v^T) * D        delta = sum_c o dout
//   dS = P * (dP - delta) scale        dq = dS k        dk = dS^T q
//
// delta is the sum over the keys of P * dP, which the softmax's derivative subtracts; o holds the
// dropped probabilities, so both sums are the same. dq, dk, dv: laid out as q, k, v.
// sums: (3, heads * d) fp32, the sums of dq, dk, dv over tokens: gradients of the three biases.
template <class T>
void backward(const T* q, int64_t ldq, const T* k, const T* v, int64_t ldk, const T* o,
              const T* dout, int64_t ldo, const float* lse, const int64_t* starts,
              const int64_t* lengths, int rows, int heads, int d, float scale, int first,
              float rate, uint64_t seed, uint64_t stream, T* dq, T* dk, T* dv, float* sums,
              int threads) {
  const int dp = round_up(d);
  Sums all_sums(threads, heads, dp);
#pragma omp parallel num_threads(threads)
  {
    static thread_local Workspace work;
    float* mine = all_sums.of(omp_get_thread_num());
    // static: with as many threads each gets the same jobs in every run, so that the sums are added
    // in one order. A resumed run has to give the same bits.
#pragma omp for schedule(static, 1)
    for (int job = 0; job < rows * heads; job++) {
      const int r = job / heads, h = job % heads, n = (int)lengths[r], np = round_up(n);
      const int m = first ? 1 : n;
      const int64_t from = starts[r], to = first ? r : from;
      Dropout dropout(rate, seed, stream * 1000003u + job + 1);
      work.open((size_t)n * dp * 4 + (size_t)d * np * 2 + (size_t)BLOCK * (4 * dp + 2 * np));
      float *K = work.take((size_t)n * dp), *V = work.take((size_t)n * dp);
      float *DK = work.take((size_t)n * dp), *DV = work.take((size_t)n * dp);
      float *KT = work.take((size_t)d * np), *VT = work.take((size_t)d * np);
      float *Q = work.take(BLOCK * dp), *O = work.take(BLOCK * dp), *DO = work.take(BLOCK * dp);
      float *DQ = work.take(BLOCK * dp);
      float *S = work.take((size_t)BLOCK * np), *DP = work.take((size_t)BLOCK * np);
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
            if (dropout.threshold) {
              f16 factor = dropout_factor(dropout, i0 + i, np, c, bits);
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
        scatter(DQ, b, d, dp, dq + (to + i0) * ldq + h * d, ldq, mine + (size_t)h * dp);
      }
      scatter(DK, n, d, dp, dk + from * ldk + h * d, ldk, mine + (size_t)(heads + h) * dp);
      scatter(DV, n, d, dp, dv + from * ldk + h * d, ldk, mine + (size_t)(2 * heads + h) * dp);
    }
  }
  all_sums.add_up(d, sums);
}

}  // namespace

EXPORTED(float, fp32)
#ifndef __AVX512BF16__  // see pairs.cpp
EXPORTED(uint16_t, bf16)
#endif
