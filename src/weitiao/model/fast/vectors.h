// SIMD vectors of sixteen numbers on every processor: one register of AVX-512, or two halves each,
// down to registers of AVX2, SSE or NEON. g++ keeps a vector type that is wider than a register in
// memory (attention took ten times as long on AVX2), so for it the halves are a struct.
// Numbers are stored as fp32 or bf16 and always computed in fp32.
#pragma once
#include <cstdint>
#include <cstring>

#ifdef __AVX512BF16__
#include <immintrin.h>
#endif

#ifdef _OPENMP
#include <omp.h>
#else
static inline int omp_get_thread_num() { return 0; }
#endif

#if defined(__AVX512F__)
#define REGISTER 64  // bytes
#elif defined(__AVX__)
#define REGISTER 32
#else
#define REGISTER 16
#endif
#define INLINE static inline __attribute__((always_inline))

// A vector of twice as many numbers as V, with the operators of the compilers' own vectors.
template <class V> struct Halves { V low, high; };
template <class V> INLINE Halves<V> halves(V low, V high) { return {low, high}; }

#define OPERATOR(op)                                                                               \
  template <class V> INLINE auto operator op(Halves<V> x, Halves<V> y) {                           \
    return halves(x.low op y.low, x.high op y.high);                                               \
  }                                                                                                \
  template <class V, class S> INLINE auto operator op(Halves<V> x, S y) {                          \
    return halves(x.low op y, x.high op y);                                                        \
  }                                                                                                \
  template <class V, class S> INLINE auto operator op(S x, Halves<V> y) {                          \
    return halves(x op y.low, x op y.high);                                                        \
  }
#define ASSIGNMENT(op)                                                                             \
  OPERATOR(op)                                                                                     \
  template <class V, class S> INLINE Halves<V>& operator op##=(Halves<V>& x, S y) {                \
    return x = x op y;                                                                             \
  }
ASSIGNMENT(+) ASSIGNMENT(-) ASSIGNMENT(*) ASSIGNMENT(/) ASSIGNMENT(&) ASSIGNMENT(|) ASSIGNMENT(^)
OPERATOR(<<) OPERATOR(>>) OPERATOR(<) OPERATOR(>) OPERATOR(>=)
template <class V> INLINE Halves<V> operator-(Halves<V> x) { return {-x.low, -x.high}; }

// E: the element; N: how many.
template <class E, int N, bool FITS = (sizeof(E) * N <= REGISTER)> struct Vector {
  typedef E type __attribute__((vector_size(sizeof(E) * N)));
};
template <class E, int N> struct Vector<E, N, false> {
  typedef Halves<typename Vector<E, N / 2>::type> type;
};
typedef Vector<float, 4>::type f4;
typedef Vector<float, 8>::type f8;
typedef Vector<float, 16>::type f16;
typedef Vector<int32_t, 16>::type i16;
typedef Vector<uint32_t, 16>::type u16;

typedef uint16_t half16 __attribute__((vector_size(32)));  // 16 bf16 as bits

constexpr int W = 16;

INLINE f16 all(float x) { return f16{} + x; }

// mask ? x : y, number by number.
template <class M, class V> INLINE V select(M mask, V x, V y) { return mask ? x : y; }
template <class M, class V>
INLINE Halves<V> select(Halves<M> mask, Halves<V> x, Halves<V> y) {
  return {select(mask.low, x.low, y.low), select(mask.high, x.high, y.high)};
}

// The same bits as numbers of another kind.
#define BITS_AS(name, E)                                                                           \
  template <class V> INLINE auto name(V x) {                                                       \
    typedef E type __attribute__((vector_size(sizeof(V))));                                        \
    return (type)x;                                                                                \
  }                                                                                                \
  template <class V> INLINE auto name(Halves<V> x) { return halves(name(x.low), name(x.high)); }
BITS_AS(floats, float) BITS_AS(ints, int32_t) BITS_AS(unsigneds, uint32_t)

template <class V> INLINE void fetch(const float* p, V& x) { memcpy(&x, p, sizeof x); }
template <class V> INLINE void put(float* p, V x) { memcpy(p, &x, sizeof x); }
template <class V> INLINE void fetch(const uint16_t* p, V& x) {
  typedef uint16_t narrow __attribute__((vector_size(sizeof(V) / 2)));
  narrow h; memcpy(&h, p, sizeof h);
  x = (V)(__builtin_convertvector(h, decltype(unsigneds(x))) << 16);
}
// fp32 to bf16, to nearest, ties to even: half of the last place is added, less one bit where the
// upper half is even, and the lower half cut off.
template <class V> INLINE void put(uint16_t* p, V x) {
  typedef uint16_t narrow __attribute__((vector_size(sizeof(V) / 2)));
  auto b = unsigneds(x);
  b = (b + 0x7fffu + ((b >> 16) & 1u)) >> 16;
  narrow h = __builtin_convertvector(b, narrow);
  memcpy(p, &h, sizeof h);
}
#define BY_HALVES(T)                                                                               \
  template <class V> INLINE void fetch(const T* p, Halves<V>& x) {                                 \
    fetch(p, x.low); fetch(p + sizeof(V) / 4, x.high);                                             \
  }                                                                                                \
  template <class V> INLINE void put(T* p, Halves<V> x) {                                          \
    put(p, x.low); put(p + sizeof(V) / 4, x.high);                                                 \
  }
BY_HALVES(float) BY_HALVES(uint16_t)
template <class T> INLINE f16 load(const T* p) { f16 x; fetch(p, x); return x; }
template <class T> INLINE void store(T* p, f16 x) { put(p, x); }

// 0, 1, 2, ...
INLINE u16 iota() {
  static const uint32_t places[W] = {0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15};
  return unsigneds(load((const float*)places));
}

static inline float load_one(const float* p) { return *p; }
static inline float load_one(const uint16_t* p) {
  uint32_t b = (uint32_t)*p << 16; float r; memcpy(&r, &b, 4); return r;
}
static inline void store_one(float* p, float x) { *p = x; }
static inline void store_one(uint16_t* p, float x) {
  uint32_t b; memcpy(&b, &x, 4); *p = (uint16_t)((b + 0x7fffu + ((b >> 16) & 1u)) >> 16);
}

// The first n (at most 16) numbers, zeros behind them.
template <class T> static inline f16 load(const T* p, int n) {
  if (n >= W) return load(p);
  float b[W] = {};
  for (int i = 0; i < n; i++) b[i] = load_one(p + i);
  return load(b);
}
template <class T> static inline void store(T* p, f16 x, int n) {
  if (n >= W) return store(p, x);
  float b[W]; store(b, x);
  for (int i = 0; i < n; i++) store_one(p + i, b[i]);
}

// Sum and maximum of a vector, by halves until four numbers are left. So numbers are added in the
// same order with every register width.
INLINE float sum(f4 x) { return (x[0] + x[2]) + (x[1] + x[3]); }
INLINE float largest(f4 x) {
  float a = x[0] > x[1] ? x[0] : x[1], b = x[2] > x[3] ? x[2] : x[3];
  return a > b ? a : b;
}
template <class V> INLINE V larger(V x, V y) { return select(x > y, x, y); }
#define REDUCED(V, H)                                                                              \
  INLINE float sum(V x) { H half[2]; memcpy(half, &x, sizeof x); return sum(half[0] + half[1]); }  \
  INLINE float largest(V x) {                                                                      \
    H half[2]; memcpy(half, &x, sizeof x);                                                         \
    return largest(larger(half[0], half[1]));                                                      \
  }
REDUCED(f8, f4)
REDUCED(f16, f8)

// c + a b: a fused multiply-add where the processor has one.
INLINE f16 times(f16 b, float a, f16 c) { return c + b * a; }

// Two bf16 in one number, the first in the low half: two neighbours of a line, or of a column.
typedef int32_t pair;

#ifdef __AVX512BF16__
static inline i16 load(const pair* p) { i16 r; memcpy(&r, p, sizeof r); return r; }
INLINE f16 times(i16 b, pair a, f16 c) {
  return (f16)_mm512_dpbf16_ps((__m512)c, (__m512bh)b, (__m512bh)_mm512_set1_epi32(a));
}
#endif

// e^x, relative error about 1e-7, by Cephes' expf: x = k ln 2 + r, e^x = 2^k p(r). x is clipped to
// [-87, 88], where 2^k is a normal number. ln 2 is subtracted in two parts (Cody and Waite 1980),
// the first with so few bits that its product with k is exact. Adding 1.5 * 2^23 rounds to an
// integer: the fraction falls off the 24 bits, and k is left in the low ones (the bits of that
// number are 0x4b400000). Whoever knows that x is not above 88 spares one clipping.
INLINE f16 exponential_unclipped(f16 x) {
  f16 n = x * 1.44269504f + 12582912.f;
  i16 k = ints(n) - 0x4b400000;
  n = n - 12582912.f;
  f16 r = (x - n * 0.693359375f) + n * 2.12194440e-4f;
  f16 p = all(1.9875691e-4f);
  p = p * r + 1.3981999e-3f;
  p = p * r + 8.3334519e-3f;
  p = p * r + 4.1665796e-2f;
  p = p * r + 1.6666665e-1f;
  p = p * r + 0.5f;
  p = p * r * r + r + 1.f;
  return p * floats((k + 127) << 23);
}
INLINE f16 exponential_below(f16 x) {  // of x <= 88
  return exponential_unclipped(select(x < all(-87.f), all(-87.f), x));
}
INLINE f16 exponential(f16 x) { return exponential_below(select(x > all(88.f), all(88.f), x)); }

// Dropout masks as a hash of (seed, stream, place): nothing is stored, backward computes the same
// mask again. Each number compares 16 random bits with the rate in 65536ths.
struct Dropout {
  uint32_t low, high, threshold;  // of 65536; 0: nothing is dropped
  float scale;
  // The key of a stream: splitmix64 (Steele et al. 2014).
  Dropout(float rate, uint64_t seed, uint64_t stream)
      : threshold((uint32_t)(rate * 65536.f + 0.5f)) {
    uint64_t z = seed + 0x9e3779b97f4a7c15ull * (stream + 1);
    z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9ull;
    z = (z ^ (z >> 27)) * 0x94d049bb133111ebull;
    z ^= z >> 31;
    low = (uint32_t)z; high = (uint32_t)(z >> 32);
    scale = threshold ? 65536.f / (65536.f - threshold) : 1.f;
  }
  // Random bits of the columns c to c + 31 of a line of n: 16 bits each, low halves first. Lines
  // are whole blocks of 32 apart, or the end of one would have the bits of the next one's start.
  // The mixing is lowbias32 (C. Wellons), with the second half of the key between its steps.
  u16 bits(int64_t line, int n, int c) const {
    uint32_t place = (uint32_t)(line * ((n + 31) / 32 * 16) + c / 2);
    u16 x = iota() + place;
    x = x * 0x9e3779b1u + low;
    x ^= x >> 16; x *= 0x7feb352du;
    x ^= (x >> 15) + high; x *= 0x846ca68bu;
    return x ^ (x >> 16);
  }
  f16 factor(u16 bits, int half) const {  // 0 or scale, for the low (0) or high (1) halves
    u16 r = half ? bits >> 16 : bits & 0xffffu;
    return select(r >= threshold, all(scale), all(0.f));
  }
};
