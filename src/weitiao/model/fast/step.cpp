// One step of AdamW over one tensor: clip, moments, decay and weights in a single pass over memory.
#include "vectors.h"
#include <cmath>

namespace {

inline f16 root(f16 x) {
  f16 r;
  for (int i = 0; i < W; i++) r[i] = std::sqrt(x[i]);
  return r;
}

}  // namespace

// scale: of the gradient (clipping). correction1, correction2: 1 - beta^t.
extern "C" void adamw_step(float* p, const float* g, float* m, float* v, int64_t n, float rate,
                           float beta1, float beta2, float eps, float decay, float correction1,
                           float correction2, float scale, int threads) {
  const float size = rate / correction1, keep = 1.f - rate * decay;
  const float back = 1.f / std::sqrt(correction2);
#pragma omp parallel for schedule(static) num_threads(threads)
  for (int64_t i = 0; i < n / W; i++) {
    int64_t at = i * W;
    f16 x = load(g + at) * scale;
    f16 a = load(m + at), b = load(v + at);
    a += (x - a) * (1.f - beta1);
    b = b * beta2 + x * x * (1.f - beta2);
    store(m + at, a); store(v + at, b);
    store(p + at, load(p + at) * keep - size * a / (root(b) * back + eps));
  }
  for (int64_t i = n / W * W; i < n; i++) {
    float x = g[i] * scale;
    m[i] += (x - m[i]) * (1.f - beta1);
    v[i] = v[i] * beta2 + x * x * (1.f - beta2);
    p[i] = p[i] * keep - size * m[i] / (std::sqrt(v[i]) * back + eps);
  }
}

// The sum of squares, in double, summed in a fixed order.
extern "C" double squares(const float* g, int64_t n, int threads) {
  double parts[256] = {};
  if (threads > 256) threads = 256;
#pragma omp parallel num_threads(threads)
  {
    const int t = omp_get_thread_num();
    const int64_t blocks = n / 4096, from = blocks * t / threads, to = blocks * (t + 1) / threads;
    double total = 0;
    for (int64_t b = from; b < to; b++) {
      f16 a{};
      for (int c = 0; c < 4096; c += W) { f16 x = load(g + b * 4096 + c); a += x * x; }
      total += sum(a);
    }
    parts[t] = total;
  }
  double total = 0;
  for (int t = 0; t < threads; t++) total += parts[t];
  for (int64_t i = n / 4096 * 4096; i < n; i++) total += (double)g[i] * g[i];
  return total;
}
