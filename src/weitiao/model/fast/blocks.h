// What attention is made of, in fp32 and in pairs of bf16: products of small matrices, room to work
// in, and dropout.
#pragma once
#include "vectors.h"
#include <cmath>
#include <vector>

namespace {

constexpr int BLOCK = 64;  // queries at a time: what is kept of a block fits the second cache

inline int wide(int n) { return (n + W - 1) / W * W; }

// C[i][0..16 NV) (+)= sum over k of A[i * ai + k * ak] * B[k][0..16 NV), for MR rows. E: what A and
// B hold, a float or a pair of bf16 that are two steps of k at once.
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

// Rows and sixteens of columns of a tile: what fits the registers, with room for a line of B.
#ifdef __AVX512F__
constexpr int ROWS = 8, WIDE = 2;
#else
constexpr int ROWS = 6, WIDE = 1;
#endif

// The last rows, fewer than ROWS, as one tile too: single rows would wait for each sum.
template <int MR, int NV, class E>
inline void rest(int M, int K, const E* A, int ai, int ak, const E* B, int ldb, float* C, int ldc,
                 bool add) {
  if constexpr (MR > 0) {
    if (M == MR) return tile<MR, NV>(K, A, ai, ak, B, ldb, C, ldc, add);
    rest<MR - 1, NV>(M, K, A, ai, ak, B, ldb, C, ldc, add);
  }
}

template <int NV, class E>
void columns(int M, int K, const E* A, int ai, int ak, const E* B, int ldb, float* C, int ldc,
             bool add) {
  int i = 0;
  for (; i + ROWS <= M; i += ROWS)
    tile<ROWS, NV>(K, A + (size_t)i * ai, ai, ak, B, ldb, C + (size_t)i * ldc, ldc, add);
  rest<ROWS - 1, NV>(M - i, K, A + (size_t)i * ai, ai, ak, B, ldb, C + (size_t)i * ldc, ldc, add);
}

// C (M, N) (+)= A (M, K) B (K, N); N a multiple of 16; A is read by strides. K counts pairs, if A and
// B hold pairs.
template <class E>
inline void product(int M, int N, int K, const E* A, int ai, int ak, const E* B, int ldb, float* C,
                    int ldc, bool add) {
  int n = 0;
  if constexpr (WIDE == 2)
    for (; n + 2 * W <= N; n += 2 * W) columns<2>(M, K, A, ai, ak, B + n, ldb, C + n, ldc, add);
  for (; n < N; n += W) columns<1>(M, K, A, ai, ak, B + n, ldb, C + n, ldc, add);
}

// What one thread works in; grows to the longest row.
struct Desk {
  std::vector<float> space;
  size_t used = 0;
  void open(size_t floats) { if (space.size() < floats) space.resize(floats); used = 0; }
  float* take(size_t floats) { float* p = space.data() + used; used += floats; return p; }
  pair* pairs(size_t count) { return (pair*)take(count); }
};

// What is added up over tokens, for each thread apart: gradients of three biases, heads * dp each.
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

// n scores of one query to e^(score * scale - the largest), zeros behind them; what makes shares of
// them. lse: the log of their sum, with the largest put back.
inline float raise(float* line, int n, int np, float scale, float* lse) {
  for (int j = n; j < np; j++) line[j] = -INFINITY;
  f16 most = load(line);
  for (int c = W; c < np; c += W) { f16 x = load(line + c); most = larger(x, most); }
  const float top = largest(most) * scale;
  f16 total{};
  for (int c = 0; c < np; c += W) {
    f16 e = exponential(load(line + c) * scale - top);
    store(line + c, e); total += e;
  }
  for (int j = n; j < np; j++) line[j] = 0;  // e^-87 was added for them: nothing
  const float all_of_it = sum(total);
  *lse = top + std::log(all_of_it);
  return 1.f / all_of_it;
}

// n lines (n, dp) to where they belong, and added to `sums`.
template <class T>
inline void spread(const float* x, int n, int d, int dp, T* out, int64_t ld, float* sums) {
  for (int t = 0; t < n; t++)
    for (int c = 0; c < d; c += W) {
      f16 line = load(x + (size_t)t * dp + c);
      store(out + t * ld + c, line, d - c);
      store(sums + c, load(sums + c) + line);
    }
}

// The first n of the numbers, zeros behind them; n may be below 0 or above 16.
inline f16 before(f16 x, int n) {
  return select(ints(numbered()) < n, x, f16{});
}

#ifdef __clang__
template <class E>
inline void transpose(const E* x, int n, int d, int dp, int np, E* out) {  // (d, np)
  for (int c = 0; c < d; c++)
    for (int t = 0; t < np; t++) out[(size_t)c * np + t] = t < n ? x[(size_t)t * dp + c] : 0;
}
#else
// L by L numbers turned by halves: at step s, lines s apart exchange blocks of s columns.
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

// Dropout on the probabilities of one query: 0 or scale for each key.
inline f16 kept(const Keep& keep, int query, int np, int c, u16& bits) {
  int half = (c / W) & 1;
  if (!half) bits = keep.bits(query, np, c);
  return keep.factor(bits, half);
}

}  // namespace

// What Python calls, for numbers of type T.
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
