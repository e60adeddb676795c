// Token-wise kernels: embeddings, dropout + residual + LayerNorm, GELU, forward and backward.
// T is how activations are stored (float, or uint16_t for bf16); they are (tokens, n) without gaps,
// n a multiple of 16. Parameters, statistics and sums are fp32.
#include "vectors.h"
#include <cmath>
#include <vector>

namespace {

// LayerNorm (Ba et al. 2016) of one row: y = (s - mean) / sqrt(var + eps) * weight + bias, given to
// `write` in vectors. stats: mean and 1 / sqrt(var + eps). The variance in a second pass over the
// row, not as E[s^2] - mean^2, whose digits cancel.
template <class Write>
inline void layer_norm(const float* s, int n, float eps, const float* weight, const float* bias,
                      float* stats, Write write) {
  f16 total{}; for (int c = 0; c < n; c += W) total += load(s + c);
  float mean = sum(total) / n;
  f16 squares{};
  for (int c = 0; c < n; c += W) { f16 d = load(s + c) - mean; squares += d * d; }
  float rstd = 1.f / std::sqrt(sum(squares) / n + eps);
  stats[0] = mean; stats[1] = rstd;
  for (int c = 0; c < n; c += W)
    write(c, (load(s + c) - mean) * rstd * load(weight + c) + load(bias + c));
}

// Gradient of LayerNorm for one row; dy (n,) is overwritten by ds. With x = (s - mean) rstd and
// g = dy * weight:
//
//   ds = rstd (g - mean(g) - x mean(g x))        dw += dy x        db += dy
template <class T>
inline void layer_norm_backward(float* dy, const T* s, int n, const float* stats,
                                const float* weight, float* dw, float* db) {
  float mean = stats[0], rstd = stats[1];
  f16 a{}, b{};
  for (int c = 0; c < n; c += W) {
    f16 g = load(dy + c), x = (load(s + c) - mean) * rstd;
    store(dw + c, load(dw + c) + g * x);
    store(db + c, load(db + c) + g);
    g *= load(weight + c);
    a += g; b += g * x;
    store(dy + c, g);
  }
  float ma = sum(a) / n, mb = sum(b) / n;
  for (int c = 0; c < n; c += W) {
    f16 x = (load(s + c) - mean) * rstd;
    store(dy + c, (load(dy + c) - ma - x * mb) * rstd);
  }
}

// Sums over tokens: each thread adds into its own, and in the end they are added in the order of
// the threads. So a run with as many threads gives the same bits.
struct Sums {
  int n; std::vector<float> all;
  Sums(int threads, int n) : n(n), all((size_t)threads * n) {}
  float* mine() { return all.data() + (size_t)omp_get_thread_num() * n; }
  void add_to(float* out, int from, int count, int threads) const {
    for (int i = 0; i < count; i++) {
      float t = 0;
      for (int k = 0; k < threads; k++) t += all[(size_t)k * n + from + i];
      out[i] = t;
    }
  }
};

// y = dropout(norm(words[ids] + type_table[types] + position_table[positions])).
// ids, positions, types: (tokens,), types null for all 0; tables: (entries, n), null where a family
// has none; s: the sum (tokens, n), stats: (tokens, 2), both for backward.
template <class T>
void embed(const int64_t* ids, const int64_t* positions, const int64_t* types, const float* words,
           const float* position_table, const float* type_table, const float* weight,
           const float* bias, float eps, float rate, uint64_t seed, int64_t tokens, int n, T* s,
           float* stats, T* y, int threads) {
  Dropout dropout(rate, seed, 0);
#pragma omp parallel num_threads(threads)
  {
    std::vector<float> row(n);
#pragma omp for schedule(static)
    for (int64_t t = 0; t < tokens; t++) {
      const float* w = words + ids[t] * n;
      const float* p = position_table ? position_table + positions[t] * n : nullptr;
      const float* k = type_table ? type_table + (types ? types[t] : 0) * n : nullptr;
      for (int c = 0; c < n; c += W) {
        f16 x = load(w + c);
        if (k) x += load(k + c);
        if (p) x += load(p + c);
        store(row.data() + c, x);
        store(s + t * n + c, x);
      }
      u16 bits{};
      layer_norm(row.data(), n, eps, weight, bias, stats + 2 * t, [&](int c, f16 v) {
        if (dropout.threshold) {
          int half = (c / W) & 1;
          if (!half) bits = dropout.bits(t, n, c);
          v *= dropout.factor(bits, half);
        }
        store(y + t * n + c, v);
      });
    }
  }
}

// ds (tokens, n) fp32: the gradient of the sum of embeddings, which the caller adds up by ids;
// dw, db (n,): of LayerNorm. The mask of dropout is computed again from rate and seed.
template <class T>
void embed_back(const T* dy, const T* s, const float* stats, const float* weight, float rate,
                uint64_t seed, int64_t tokens, int n, float* ds, float* dw, float* db,
                int threads) {
  Dropout dropout(rate, seed, 0);
  Sums sums(threads, 2 * n);
#pragma omp parallel num_threads(threads)
  {
    float* mine = sums.mine();
#pragma omp for schedule(static)
    for (int64_t t = 0; t < tokens; t++) {
      float* row = ds + t * n;
      u16 bits{};
      for (int c = 0; c < n; c += W) {
        f16 g = load(dy + t * n + c);
        if (dropout.threshold) {
          int half = (c / W) & 1;
          if (!half) bits = dropout.bits(t, n, c);
          g *= dropout.factor(bits, half);
        }
        store(row + c, g);
      }
      layer_norm_backward(row, s + t * n, n, stats + 2 * t, weight, mine, mine + n);
    }
  }
  sums.add_to(dw, 0, n, threads); sums.add_to(db, n, n, threads);
}

// y = norm(x + dropout(a)). s: the sum, for backward; null in inference.
template <class T>
void add_norm(const T* a, const T* x, const float* weight, const float* bias, float eps,
              float rate, uint64_t seed, uint64_t stream, int64_t tokens, int n, T* s,
              float* stats, T* y, int threads) {
  Dropout dropout(rate, seed, stream);
#pragma omp parallel num_threads(threads)
  {
    std::vector<float> row(n);
#pragma omp for schedule(static)
    for (int64_t t = 0; t < tokens; t++) {
      u16 bits{};
      for (int c = 0; c < n; c += W) {
        f16 v = load(a + t * n + c);
        if (dropout.threshold) {
          int half = (c / W) & 1;
          if (!half) bits = dropout.bits(t, n, c);
          v *= dropout.factor(bits, half);
        }
        v += load(x + t * n + c);
        store(row.data() + c, v);
        if (s) store(s + t * n + c, v);
      }
      layer_norm(row.data(), n, eps, weight, bias, stats + 2 * t,
                [&](int c, f16 v) { store(y + t * n + c, v); });
    }
  }
}

// Gradients of y = norm(s), s = x + dropout(a), at dy (+ more, unless null): ds, of s and so of the
// residual x; da = ds * dropout's factor, of the branch a (da may be ds without dropout).
// out: (3, n), dw and db of LayerNorm, and the sum of da over tokens, the branch's bias gradient.
template <class T>
void add_norm_back(const T* dy, const T* more, const T* s, const float* stats,
                   const float* weight, float rate, uint64_t seed, uint64_t stream,
                   int64_t tokens, int n, T* ds, T* da, float* out, int threads) {
  Dropout dropout(rate, seed, stream);
  Sums sums(threads, 3 * n);
#pragma omp parallel num_threads(threads)
  {
    std::vector<float> row(n);
    float *mine = sums.mine(), *da_sum = mine + 2 * n;
#pragma omp for schedule(static)
    for (int64_t t = 0; t < tokens; t++) {
      for (int c = 0; c < n; c += W) {
        f16 g = load(dy + t * n + c);
        if (more) g += load(more + t * n + c);
        store(row.data() + c, g);
      }
      layer_norm_backward(row.data(), s + t * n, n, stats + 2 * t, weight, mine, mine + n);
      u16 bits{};
      for (int c = 0; c < n; c += W) {
        f16 g = load(row.data() + c);
        store(ds + t * n + c, g);
        if (dropout.threshold) {
          int half = (c / W) & 1;
          if (!half) bits = dropout.bits(t, n, c);
          g *= dropout.factor(bits, half);
        }
        store(da + t * n + c, g);
        store(da_sum + c, load(da_sum + c) + g);
      }
    }
  }
  sums.add_to(out, 0, 3 * n, threads);
}

// (Phi(x), phi(x)) of the standard normal distribution: gelu(x) = x Phi(x) has the derivative
// Phi(x) + x phi(x) (Hendrycks and Gimpel 2016). With z = |x| / sqrt(2), Phi(-|x|) = erfc(z) / 2 by
// Abramowitz and Stegun 7.1.26, whose error is at most 1.5e-7, about that of fp32.
inline void normal_cdf_pdf(f16 x, f16& cumulative, f16& density) {
  f16 z = floats(ints(x) & 0x7fffffff) * 0.70710678f;  // without the sign's bit
  f16 t = 1.f / (1.f + 0.3275911f * z), e = exponential_below(-z * z);
  f16 q = t * (0.254829592f + t * (-0.284496736f + t * (1.421413741f + t * (-1.453152027f +
          t * 1.061405429f)))) * e * 0.5f;
  cumulative = select(x < all(0.f), q, 1.f - q);
  density = e * 0.39894228f;
}

// For bf16, whose rounding (4e-3) hides more: 1/2 + x p(x^2) of degree 15, fitted on [-4, 4].
// Without exponential and division it takes half of the time. Phi and GELU's derivative are both
// 1/2 plus an odd function. Errors: 5e-5 of Phi, 3e-4 of the derivative.
inline f16 odd_polynomial(f16 x, const float (&p)[8]) {
  f16 s = x * x, r = all(p[7]);
  for (int i = 6; i >= 0; i--) r = r * s + p[i];
  r = r * x + 0.5f;
  r = select(x < all(-4.f), all(0.f), r);
  return select(x > all(4.f), all(1.f), r);
}

inline f16 gelu_cdf(f16 v, float) {
  f16 cumulative, density;
  normal_cdf_pdf(v, cumulative, density);
  return cumulative;
}
inline f16 gelu_derivative(f16 v, float) {
  f16 cumulative, density;
  normal_cdf_pdf(v, cumulative, density);
  return cumulative + v * density;
}
inline f16 gelu_cdf(f16 v, uint16_t) {
  return odd_polynomial(v, {3.98847495e-01f, -6.61753427e-02f, 9.66484842e-03f, -1.04819646e-03f,
                 8.06661467e-05f, -4.10076180e-06f, 1.21706658e-07f, -1.58071072e-09f});
}
inline f16 gelu_derivative(f16 v, uint16_t) {
  return odd_polynomial(v, {7.96721448e-01f, -2.62029362e-01f, 5.59144827e-02f, -7.68733519e-03f,
                 6.87628601e-04f, -3.84581545e-05f, 1.21374572e-06f, -1.64187591e-08f});
}

// y = x Phi(x), the exact GELU; x, y: `count` numbers.
template <class T> void gelu(const T* x, int64_t count, T* y, int threads) {
#pragma omp parallel for schedule(static) num_threads(threads)
  for (int64_t i = 0; i < count; i += W) {
    f16 v = load(x + i);
    store(y + i, v * gelu_cdf(v, T{}));
  }
}

// dx = dy (Phi(x) + x phi(x)), in place of dy; out (n,): the sum of dx over tokens, the gradient of
// the bias that was added before GELU.
template <class T>
void gelu_back(T* dy, const T* x, int64_t tokens, int n, float* out, int threads) {
  Sums sums(threads, n);
#pragma omp parallel num_threads(threads)
  {
    float* mine = sums.mine();
#pragma omp for schedule(static)
    for (int64_t t = 0; t < tokens; t++)
      for (int c = 0; c < n; c += W) {
        f16 g = load(dy + t * n + c) * gelu_derivative(load(x + t * n + c), T{});
        store(dy + t * n + c, g);
        store(mine + c, load(mine + c) + g);
      }
  }
  sums.add_to(out, 0, n, threads);
}

// fp32 to bf16, in `count` arrays of sizes[i] numbers: one call for all weights of a layer.
void cast(const float* const* from, uint16_t* const* to, const int64_t* sizes, int count,
          int threads) {
  constexpr int64_t PART = 4096;
#pragma omp parallel num_threads(threads)
  for (int i = 0; i < count; i++) {
    const int64_t size = sizes[i];
#pragma omp for schedule(static) nowait
    for (int64_t start = 0; start < size; start += PART) {
      const int64_t end = start + PART < size ? start + PART : size;
      int64_t c = start;
      for (; c + W <= end; c += W) store(to[i] + c, load(from[i] + c));
      for (; c < end; c++) store_one(to[i] + c, load_one(from[i] + c));
    }
  }
}

}  // namespace

extern "C" void cast_bf16(const float* const* from, uint16_t* const* to, const int64_t* sizes,
                          int count, int threads) {
  cast(from, to, sizes, count, threads);
}

// The C functions that Python calls, for activations of type T.
#define EXPORTED(T, name)                                                                          \
  extern "C" void embed_##name(const int64_t* ids, const int64_t* positions, const int64_t* types, \
      const float* words, const float* position_table, const float* type_table,                    \
      const float* weight,                                                                         \
      const float* bias, float eps, float rate, uint64_t seed, int64_t tokens, int n, T* s,        \
      float* stats, T* y, int threads) {                                                           \
    embed<T>(ids, positions, types, words, position_table, type_table, weight, bias, eps, rate,    \
             seed, tokens,                                                                         \
             n, s, stats, y, threads);                                                             \
  }                                                                                                \
  extern "C" void embed_back_##name(const T* dy, const T* s, const float* stats,                   \
      const float* weight, float rate, uint64_t seed, int64_t tokens, int n, float* ds, float* dw, \
      float* db, int threads) {                                                                    \
    embed_back<T>(dy, s, stats, weight, rate, seed, tokens, n, ds, dw, db, threads);               \
  }                                                                                                \
  extern "C" void add_norm_##name(const T* a, const T* x, const float* weight, const float* bias,  \
      float eps, float rate, uint64_t seed, uint64_t stream, int64_t tokens, int n, T* s,          \
      float* stats, T* y, int threads) {                                                           \
    add_norm<T>(a, x, weight, bias, eps, rate, seed, stream, tokens, n, s, stats, y, threads);     \
  }                                                                                                \
  extern "C" void add_norm_back_##name(const T* dy, const T* more, const T* s, const float* stats, \
      const float* weight, float rate, uint64_t seed, uint64_t stream, int64_t tokens, int n,      \
      T* ds, T* da, float* out, int threads) {                                                     \
    add_norm_back<T>(dy, more, s, stats, weight, rate, seed, stream, tokens, n, ds, da, out,       \
                     threads);                                                                     \
  }                                                                                                \
  extern "C" void gelu_##name(const T* x, int64_t count, T* y, int threads) {                      \
    gelu<T>(x, count, y, threads);                                                                 \
  }                                                                                                \
  extern "C" void gelu_back_##name(T* dy, const T* x, int64_t tokens, int n, float* out,           \
      int threads) {                                                                               \
    gelu_back<T>(dy, x, tokens, n, out, threads);                                                  \
  }

EXPORTED(float, fp32)
EXPORTED(uint16_t, bf16)
