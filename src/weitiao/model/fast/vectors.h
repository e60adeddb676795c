// Sixteen numbers at a time, whatever the processor: gcc and clang lower these vectors to AVX-512,
// AVX2, NEON or plain code. Numbers are stored as fp32 or bf16 and always computed in fp32.
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

typedef float f16 __attribute__((vector_size(64)));       // 16 floats
typedef int32_t i16 __attribute__((vector_size(64)));     // 16 ints
typedef uint32_t u16 __attribute__((vector_size(64)));    // 16 unsigned ints
typedef uint16_t half16 __attribute__((vector_size(32))); // 16 bf16 as bits

constexpr int W = 16;

static inline f16 all(float x) { return f16{} + x; }

static inline f16 load(const float* p) { f16 r; memcpy(&r, p, sizeof r); return r; }
static inline void store(float* p, f16 x) { memcpy(p, &x, sizeof x); }

static inline f16 load(const uint16_t* p) {
  half16 h; memcpy(&h, p, sizeof h);
  return (f16)(__builtin_convertvector(h, u16) << 16);
}
static inline void store(uint16_t* p, f16 x) {  // to nearest, ties to even
  u16 b = (u16)x;
  b = (b + 0x7fffu + ((b >> 16) & 1u)) >> 16;
  half16 h = __builtin_convertvector(b, half16);
  memcpy(p, &h, sizeof h);
}

static inline float one(const float* p) { return *p; }
static inline float one(const uint16_t* p) {
  uint32_t b = (uint32_t)*p << 16; float r; memcpy(&r, &b, 4); return r;
}
static inline void put(float* p, float x) { *p = x; }
static inline void put(uint16_t* p, float x) {
  uint32_t b; memcpy(&b, &x, 4); *p = (uint16_t)((b + 0x7fffu + ((b >> 16) & 1u)) >> 16);
}

// The first n (at most 16) numbers, zeros behind them.
template <class T> static inline f16 load(const T* p, int n) {
  if (n >= W) return load(p);
  float b[W] = {};
  for (int i = 0; i < n; i++) b[i] = one(p + i);
  return load(b);
}
template <class T> static inline void store(T* p, f16 x, int n) {
  if (n >= W) return store(p, x);
  float b[W]; store(b, x);
  for (int i = 0; i < n; i++) put(p + i, b[i]);
}

typedef float f8 __attribute__((vector_size(32)));
typedef float f4 __attribute__((vector_size(16)));

static inline float sum(f16 x) {
  f8 a[2]; memcpy(a, &x, 64);
  f8 b = a[0] + a[1];
  f4 c[2]; memcpy(c, &b, 32);
  f4 d = c[0] + c[1];
  return (d[0] + d[2]) + (d[1] + d[3]);
}
static inline float largest(f16 x) {
  f8 a[2]; memcpy(a, &x, 64);
  f8 b = a[0] > a[1] ? a[0] : a[1];
  f4 c[2]; memcpy(c, &b, 32);
  f4 d = c[0] > c[1] ? c[0] : c[1];
  float e = d[0] > d[1] ? d[0] : d[1], f = d[2] > d[3] ? d[2] : d[3];
  return e > f ? e : f;
}

static inline f16 times(f16 b, float a, f16 c) { return c + b * a; }

// Two bf16 in one number, the first in the low half: two neighbours of a line, or of a column.
typedef int32_t pair;

#ifdef __AVX512BF16__
static inline i16 load(const pair* p) { i16 r; memcpy(&r, p, sizeof r); return r; }
static inline f16 times(i16 b, pair a, f16 c) {
  return (f16)_mm512_dpbf16_ps((__m512)c, (__m512bh)b, (__m512bh)_mm512_set1_epi32(a));
}
#endif

// e^x, relative error about 1e-7; x below -87 gives (nearly) 0.
static inline f16 exponential(f16 x) {
  x = x < all(-87.f) ? all(-87.f) : x;
  x = x > all(88.f) ? all(88.f) : x;
  f16 n = x * 1.44269504f + 12582912.f;  // rounds: the fraction falls off
  i16 k = (i16)n - 0x4b400000;
  n = n - 12582912.f;
  f16 r = (x - n * 0.693359375f) + n * 2.12194440e-4f;
  f16 p = all(1.9875691e-4f);
  p = p * r + 1.3981999e-3f;
  p = p * r + 8.3334519e-3f;
  p = p * r + 4.1665796e-2f;
  p = p * r + 1.6666665e-1f;
  p = p * r + 0.5f;
  p = p * r * r + r + 1.f;
  return p * (f16)((k + 127) << 23);
}

// Which numbers dropout keeps: a hash of (key, place), so nothing is stored for the backward pass.
struct Keep {
  uint32_t low, high, threshold;  // of 65536; 0: nothing is dropped
  float scale;
  Keep(float rate, uint64_t seed, uint64_t stream) : threshold((uint32_t)(rate * 65536.f + 0.5f)) {
    uint64_t z = seed + 0x9e3779b97f4a7c15ull * (stream + 1);
    z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9ull;
    z = (z ^ (z >> 27)) * 0x94d049bb133111ebull;
    z ^= z >> 31;
    low = (uint32_t)z; high = (uint32_t)(z >> 32);
    scale = threshold ? 65536.f / (65536.f - threshold) : 1.f;
  }
  // Random bits of the columns c to c + 31 of a line of n: 16 bits each, low halves first. Lines
  // are whole blocks of 32 apart, or the end of one would have the bits of the next one's start.
  u16 bits(int64_t line, int n, int c) const {
    uint32_t place = (uint32_t)(line * ((n + 31) / 32 * 16) + c / 2);
    u16 x = u16{0,1,2,3,4,5,6,7,8,9,10,11,12,13,14,15} + place;
    x = x * 0x9e3779b1u + low;
    x ^= x >> 16; x *= 0x7feb352du;
    x ^= (x >> 15) + high; x *= 0x846ca68bu;
    return x ^ (x >> 16);
  }
  f16 factor(u16 bits, int half) const {  // 0 or scale, for the low (0) or high (1) halves
    u16 r = half ? bits >> 16 : bits & 0xffffu;
    return r >= threshold ? all(scale) : all(0.f);
  }
};
