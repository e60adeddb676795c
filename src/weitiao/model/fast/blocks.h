// Building blocks of attention in fp32 and in pairs of bf16: tiled matrix products, softmax,
// transposition, workspace, dropout.
#pragma once
#include "vectors.h"
#include <cmath>
#include <vector>

namespace {

constexpr int BLOCK = 64;  // queries at a time: their scores and gradients fit the second cache

// The next multiple of the vector width: lines are padded with zeros, so loops have no remainder.
inline int round_up(int n) { return (n + W - 1) / W * W; }

// Register tile: C[i][0..16 NV) (+)= sum over k of A[i * ai + k * ak] * B[k][0..16 NV), MR rows.
// All MR * NV sums stay in registers, so each line of B is loaded once for MR rows. E: what A and B
// hold, a float or a pair of bf16 that are two steps of k at once.
template <int MR, int NV, class E>
inline void tile(int K, const E* A, int ai, int ak, const E* B, int ldb, float* C, int ldc,
                 bool add) {
  f16 c[MR][NV];
#pragma GCC unroll 16
  for (int i = 0; i < MR; i++)
#pragma GCC unroll 4
    for (int v = 0; v < NV; v++) c[i][v] = add ? load(C + i * ldc + v * W) : f16{};
  for (int k = 0; k < K; k++) {
    decltype(load(B)) b[NV];
#pragma GCC unroll 4
    for (int v = 0; v < NV; v++) b[v] = load(B + (size_t)k * ldb + v * W);
#pragma GCC unroll 16
    for (int i = 0; i < MR; i++) {
      E a = A[(size_t)i * ai + (size_t)k * ak];
#pragma GCC unroll 4
      for (int v = 0; v < NV; v++) c[i][v] = times(b[v], a, c[i][v]);
    }
  }
#pragma GCC unroll 16
  for (int i = 0; i < MR; i++)
#pragma GCC unroll 4
    for (int v = 0; v < NV; v++) store(C + i * ldc + v * W, c[i][v]);
}

// Rows and vectors of a tile: what fits the registers, with room for a line of B. AVX-512 has 32
// registers: 8 * 2 sums and 2 of B. AVX2 has 16, and a vector of sixteen takes two: 6 * 2 and 2.
#ifdef __AVX512F__
constexpr int TILE_ROWS = 8, TILE_VECTORS = 2;
#else
constexpr int TILE_ROWS = 6, TILE_VECTORS = 1;
#endif

// The last rows, fewer than TILE_ROWS, as one tile too: a single row would wait for each addition,
// since the next one needs its result.
template <int MR, int NV, class E>
inline void last_rows(int M, int K, const E* A, int ai, int ak, const E* B, int ldb, float* C,
                      int ldc, bool add) {
  if constexpr (MR > 0) {
    if (M == MR) return tile<MR, NV>(K, A, ai, ak, B, ldb, C, ldc, add);
    last_rows<MR - 1, NV>(M, K, A, ai, ak, B, ldb, C, ldc, add);
  }
}

template <int NV, class E>
void columns(int M, int K, const E* A, int ai, int ak, const E* B, int ldb, float* C, int ldc,
             bool add) {
  int i = 0;
  for (; i + TILE_ROWS <= M; i += TILE_ROWS)
    tile<TILE_ROWS, NV>(K, A + (size_t)i * ai, ai, ak, B, ldb, C + (size_t)i * ldc, ldc, add);
  last_rows<TILE_ROWS - 1, NV>(M - i, K, A + (size_t)i * ai, ai, ak, B, ldb, C + (size_t)i * ldc,
                               ldc, add);
}

// Matrix product C (M, N) (+)= A (M, K) B (K, N). N is a multiple of 16; A[i][k] lies at
// i * ai + k * ak, so a transposed A needs no copy. K counts pairs, if A and B hold pairs.
template <class E>
inline void product(int M, int N, int K, const E* A, int ai, int ak, const E* B, int ldb, float* C,
                    int ldc, bool add) {
  int n = 0;
  if constexpr (TILE_VECTORS == 2)
    for (; n + 2 * W <= N; n += 2 * W) columns<2>(M, K, A, ai, ak, B + n, ldb, C + n, ldc, add);
  for (; n < N; n += W) columns<1>(M, K, A, ai, ak, B + n, ldb, C + n, ldc, add);
}

// Scratch memory of one thread; grows to the longest row and is not given back.
struct Workspace {
  std::vector<float> space;
  size_t used = 0;
  void open(size_t floats) { if (space.size() < floats) space.resize(floats); used = 0; }
  float* take(size_t floats) { float* p = space.data() + used; used += floats; return p; }
  pair* pairs(size_t count) { return (pair*)take(count); }
};

// Sums over tokens, of each thread by itself: gradients of three biases, heads * dp each. They are
// added in the order of the threads: atomic additions would come in another order in every run.
struct Sums {
  int threads, heads, dp;
  std::vector<float> all;
  Sums(int threads, int heads, int dp)
      : threads(threads), heads(heads), dp(dp), all((size_t)threads * 3 * heads * dp) {}
  float* of(int thread) { return all.data() + (size_t)thread * 3 * heads * dp; }
  void add_up(int d, float* sums) {  // (3, heads * d)
    for (int line = 0; line < 3 * heads; line++)
      for (int c = 0; c < d; c++) {
        float total = 0;
        for (int t = 0; t < threads; t++) total += of(t)[(size_t)line * dp + c];
        sums[(size_t)line * d + c] = total;
      }
  }
};

// Softmax of one query's n scores, without the division: in place e_j = exp(scale s_j - m) with
// m = max_j scale s_j, against overflow; zeros behind them. Returns 1 / sum_j e_j, by which the
// caller multiplies. lse = m + log sum_j e_j: the backward pass computes exp(scale s_j - lse).
inline float softmax_line(float* line, int n, int np, float scale, float* lse) {
  for (int j = n; j < np; j++) line[j] = -INFINITY;
  f16 most = load(line);
  for (int c = W; c < np; c += W) { f16 x = load(line + c); most = larger(x, most); }
  const float top = largest(most) * scale;
  f16 total{};
  for (int c = 0; c < np; c += W) {
    f16 e = exponential(load(line + c) * scale - top);
    store(line + c, e); total += e;
  }
  for (int j = n; j < np; j++) line[j] = 0;  // to the sum they added e^-87 each: below its bits
  const float all_of_it = sum(total);
  *lse = top + std::log(all_of_it);
  return 1.f / all_of_it;
}

// Scatter n lines (n, dp) to a head's columns of `out`, and add them to `sums` (dp,).
template <class T>
inline void scatter(const float* x, int n, int d, int dp, T* out, int64_t ld, float* sums) {
  for (int t = 0; t < n; t++)
    for (int c = 0; c < d; c += W) {
      f16 line = load(x + (size_t)t * dp + c);
      store(out + t * ld + c, line, d - c);
      store(sums + c, load(sums + c) + line);
    }
}

// The first n of sixteen numbers, zeros behind them; n may be below 0 or above 16.
inline f16 first_of(f16 x, int n) {
  return select(ints(iota()) < n, x, f16{});
}

// Transposition: x (n, d), a line every dp numbers, to out (d, np), zeros beyond n.
#ifdef __clang__
// clang has no __builtin_shuffle, which the other version needs.
template <class E>
inline void transpose(const E* x, int n, int d, int dp, int np, E* out) {  // (d, np)
  for (int c = 0; c < d; c++)
    for (int t = 0; t < np; t++) out[(size_t)c * np + t] = t < n ? x[(size_t)t * dp + c] : 0;
}
#else
// An L by L block in registers, in log2(L) steps: at step S, lines S apart exchange blocks of S
// columns. Numbers are moved as bits, so pairs of bf16 may pass as floats.
constexpr int L = REGISTER / 4;
typedef float line_of_f __attribute__((vector_size(REGISTER)));
typedef int32_t line_of_i __attribute__((vector_size(REGISTER)));

template <int S> inline void exchange(line_of_f* lines) {
  line_of_i low, high;
  for (int j = 0; j < L; j++) {
    low[j] = j & S ? j - S + L : j;
    high[j] = j & S ? j + L : j + S;
  }
#pragma GCC unroll 16
  for (int i = 0; i < L; i++)
    if (!(i & S)) {
      line_of_f a = lines[i], b = lines[i + S];
      lines[i] = __builtin_shuffle(a, b, low);
      lines[i + S] = __builtin_shuffle(a, b, high);
    }
  if constexpr (S > 1) exchange<S / 2>(lines);
}

template <class E>
inline void transpose(const E* x, int n, int d, int dp, int np, E* out) {  // (d, np)
  for (int t = 0; t < np; t += L)
    for (int c = 0; c < dp; c += L) {
      line_of_f lines[L];
      for (int i = 0; i < L; i++)
        if (t + i < n) memcpy(lines + i, x + (size_t)(t + i) * dp + c, REGISTER);
        else lines[i] = line_of_f{};
      exchange<L / 2>(lines);
      for (int i = 0; i < L && c + i < d; i++)
        memcpy(out + (size_t)(c + i) * np + t, lines + i, REGISTER);
    }
}
#endif

// Dropout on the probabilities of one query: 0 or 1 / (1 - rate) for sixteen keys from column c on.
// One call of `bits` serves 32 columns, so it is made for every other vector.
inline f16 dropout_factor(const Dropout& dropout, int query, int np, int c, u16& bits) {
  int half = (c / W) & 1;
  if (!half) bits = dropout.bits(query, np, c);
  return dropout.factor(bits, half);
}

}  // namespace

// The C functions that Python calls, for numbers of type T.
#define EXPORTED(T, name)                                                                          \
  extern "C" void attend_##name(const T* q, int64_t ldq, const T* k, const T* v, int64_t ldk,      \
      T* o, int64_t ldo, float* lse, const int64_t* starts, const int64_t* lengths, int rows,      \
      int heads, int d, float scale, int first, float rate, uint64_t seed, uint64_t stream,        \
      int threads) {                                                                               \
    forward(q, ldq, k, v, ldk, o, ldo, lse, starts, lengths, rows, heads, d, scale, first,         \
            rate, seed, stream, threads);                                                          \
  }                                                                                                \
  extern "C" void attend_back_##name(const T* q, int64_t ldq, const T* k, const T* v, int64_t ldk, \
      const T* o, const T* dout, int64_t ldo, const float* lse, const int64_t* starts,             \
      const int64_t* lengths, int rows, int heads, int d, float scale, int first, float rate,      \
      uint64_t seed, uint64_t stream, T* dq, T* dk, T* dv, float* sums, int threads) {             \
    backward(q, ldq, k, v, ldk, o, dout, ldo, lse, starts, lengths, rows, heads, d, scale, first,  \
             rate, seed, stream, dq, dk, dv, sums, threads);                                       \
  }
