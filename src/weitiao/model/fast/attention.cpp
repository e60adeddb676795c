// Attention inside each row of a packed batch, row by row and head by head, with no padding.
// Queries of a row: all its tokens, or (first = 1) its first token alone, then q, o and the
// statistics have one line a row. Probabilities are computed anew in the backward pass.
#include "vectors.h"
#include <cmath>
#include <vector>

namespace {

constexpr int BLOCK = 64;  // queries at a time: what is kept of a block fits the second cache

inline int wide(int n) { return (n + W - 1) / W * W; }

// C[i][0..16 NV) (+)= sum over k of A[i * ai + k * ak] * B[k][0..16 NV), for MR rows.
template <int MR, int NV>
inline void tile(int K, const float* A, int ai, int ak, const float* B, int ldb, float* C, int ldc,
                 bool add) {
  f16 c[MR][NV];
#pragma GCC unroll 16
  for (int i = 0; i < MR; i++)
#pragma GCC unroll 4
    for (int v = 0; v < NV; v++) c[i][v] = add ? load(C + i * ldc + v * W) : f16{};
  for (int k = 0; k < K; k++) {
    f16 b[NV];
#pragma GCC unroll 4
    for (int v = 0; v < NV; v++) b[v] = load(B + (size_t)k * ldb + v * W);
#pragma GCC unroll 16
    for (int i = 0; i < MR; i++) {
      float a = A[(size_t)i * ai + (size_t)k * ak];
#pragma GCC unroll 4
      for (int v = 0; v < NV; v++) c[i][v] += b[v] * a;
    }
  }
#pragma GCC unroll 16
  for (int i = 0; i < MR; i++)
#pragma GCC unroll 4
    for (int v = 0; v < NV; v++) store(C + i * ldc + v * W, c[i][v]);
}

#ifdef __AVX512F__
constexpr int ROWS = 8;
#else
constexpr int ROWS = 4;
#endif

// The last rows, fewer than ROWS, as one tile too: single rows would wait for each sum.
template <int MR, int NV>
inline void rest(int M, int K, const float* A, int ai, int ak, const float* B, int ldb, float* C,
                 int ldc, bool add) {
  if constexpr (MR > 0) {
    if (M == MR) return tile<MR, NV>(K, A, ai, ak, B, ldb, C, ldc, add);
    rest<MR - 1, NV>(M, K, A, ai, ak, B, ldb, C, ldc, add);
  }
}

template <int NV>
void columns(int M, int K, const float* A, int ai, int ak, const float* B, int ldb, float* C,
             int ldc, bool add) {
  int i = 0;
  for (; i + ROWS <= M; i += ROWS)
    tile<ROWS, NV>(K, A + (size_t)i * ai, ai, ak, B, ldb, C + (size_t)i * ldc, ldc, add);
  rest<ROWS - 1, NV>(M - i, K, A + (size_t)i * ai, ai, ak, B, ldb, C + (size_t)i * ldc, ldc, add);
}

// C (M, N) (+)= A (M, K) B (K, N); N a multiple of 16; A is read by strides.
inline void product(int M, int N, int K, const float* A, int ai, int ak, const float* B, int ldb,
                    float* C, int ldc, bool add) {
  int n = 0;
  for (; n + 2 * W <= N; n += 2 * W) columns<2>(M, K, A, ai, ak, B + n, ldb, C + n, ldc, add);
  if (n < N) columns<1>(M, K, A, ai, ak, B + n, ldb, C + n, ldc, add);
}

// What one thread works in; grows to the longest row.
struct Desk {
  std::vector<float> space;
  size_t used = 0;
  void open(size_t floats) { if (space.size() < floats) space.resize(floats); used = 0; }
  float* take(size_t floats) { float* p = space.data() + used; used += floats; return p; }
};

// n tokens of one head as fp32, (n, dp), zeros beyond d.
template <class T>
inline void gather(const T* x, int64_t ld, int n, int d, int dp, float* out) {
  for (int t = 0; t < n; t++)
    for (int c = 0; c < dp; c += W) store(out + (size_t)t * dp + c, load(x + t * ld + c, d - c));
}

#ifdef __clang__
inline void transpose(const float* x, int n, int d, int dp, int np, float* out) {  // (d, np)
  for (int c = 0; c < d; c++)
    for (int t = 0; t < np; t++) out[(size_t)c * np + t] = t < n ? x[(size_t)t * dp + c] : 0;
}
#else
// 16 by 16 numbers turned by halves: at step s, lines s apart exchange blocks of s columns.
template <int S> inline void exchange(f16* lines) {
  i16 low, high;
  for (int j = 0; j < W; j++) {
    low[j] = j & S ? j - S + W : j;
    high[j] = j & S ? j + W : j + S;
  }
#pragma GCC unroll 16
  for (int i = 0; i < W; i++)
    if (!(i & S)) {
      f16 a = lines[i], b = lines[i + S];
      lines[i] = __builtin_shuffle(a, b, low);
      lines[i + S] = __builtin_shuffle(a, b, high);
    }
}

inline void transpose(const float* x, int n, int d, int dp, int np, float* out) {  // (d, np)
  for (int t = 0; t < np; t += W)
    for (int c = 0; c < dp; c += W) {
      f16 lines[W];
      for (int i = 0; i < W; i++)
        lines[i] = t + i < n ? load(x + (size_t)(t + i) * dp + c) : f16{};
      exchange<8>(lines); exchange<4>(lines); exchange<2>(lines); exchange<1>(lines);
      for (int i = 0; i < W && c + i < d; i++) store(out + (size_t)(c + i) * np + t, lines[i]);
    }
}
#endif

// Dropout on the probabilities of one query: 0 or scale for each key.
inline f16 kept(const Keep& keep, int query, int np, int c, u16& bits) {
  int half = (c / W) & 1;
  if (!half) bits = keep.bits(query, np, c);
  return keep.factor(bits, half);
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
          for (int j = n; j < np; j++) line[j] = -INFINITY;
          f16 most = load(line);
          for (int c = W; c < np; c += W) { f16 x = load(line + c); most = x > most ? x : most; }
          const float top = largest(most) * scale;
          f16 total{};
          for (int c = 0; c < np; c += W) {
            f16 e = exponential(load(line + c) * scale - top);
            store(line + c, e); total += e;
          }
          for (int j = n; j < np; j++) line[j] = 0;  // e^-87 was added for them: nothing
          const float all_of_it = sum(total), share = 1.f / all_of_it;
          lse[(to + i0 + i) * heads + h] = top + std::log(all_of_it);
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
  const int dp = wide(d), width = heads * d;
  std::vector<float> all_sums((size_t)threads * 3 * heads * dp);
#pragma omp parallel num_threads(threads)
  {
    static thread_local Desk desk;
    float* mine = all_sums.data() + (size_t)omp_get_thread_num() * 3 * heads * dp;
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
        for (int i = 0; i < b; i++)
          for (int c = 0; c < d; c += W) {
            f16 x = load(DQ + i * dp + c);
            store(dq + (to + i0 + i) * ldq + h * d + c, x, d - c);
            float* s = mine + (size_t)h * dp + c;
            store(s, load(s) + x);
          }
      }
      for (int t = 0; t < n; t++)
        for (int c = 0; c < d; c += W) {
          f16 x = load(DK + (size_t)t * dp + c), y = load(DV + (size_t)t * dp + c);
          store(dk + (from + t) * ldk + h * d + c, x, d - c);
          store(dv + (from + t) * ldk + h * d + c, y, d - c);
          float *s = mine + (size_t)(heads + h) * dp + c, *u = s + (size_t)heads * dp;
          store(s, load(s) + x); store(u, load(u) + y);
        }
    }
  }
  for (int which = 0; which < 3; which++)
    for (int h = 0; h < heads; h++)
      for (int c = 0; c < d; c++) {
        float total = 0;
        for (int t = 0; t < threads; t++)
          total += all_sums[((size_t)t * 3 + which) * heads * dp + (size_t)h * dp + c];
        sums[(size_t)which * width + h * d + c] = total;
      }
}

}  // namespace

#define BOTH(T, name)                                                                              \
  extern "C" void attend_##name(const T* q, int64_t ldq, const T* k, const T* v, int64_t ldk,      \
      T* o, int64_t ldo, float* lse, const int64_t* starts, const int64_t* lengths, int rows,      \
      int heads, int d, float scale, int first, float rate, uint64_t seed, uint64_t stream,        \
      int threads) {                                                                               \
    forward<T>(q, ldq, k, v, ldk, o, ldo, lse, starts, lengths, rows, heads, d, scale, first,      \
               rate, seed, stream, threads);                                                       \
  }                                                                                                \
  extern "C" void attend_back_##name(const T* q, int64_t ldq, const T* k, const T* v, int64_t ldk, \
      const T* o, const T* dout, int64_t ldo, const float* lse, const int64_t* starts,             \
      const int64_t* lengths, int rows, int heads, int d, float scale, int first, float rate,      \
      uint64_t seed, uint64_t stream, T* dq, T* dk, T* dv, float* sums, int threads) {             \
    backward<T>(q, ldq, k, v, ldk, o, dout, ldo, lse, starts, lengths, rows, heads, d, scale,      \
                first, rate, seed, stream, dq, dk, dv, sums, threads);                             \
  }

BOTH(float, fp32)
BOTH(uint16_t, bf16)
