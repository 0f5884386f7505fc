// Cross-entropy with a vector of samples at a time, compiled per instruction set.
#include "native.h"

#include "native/passes/classes.h"

namespace clearconv::CLEARCONV_VARIANT {
namespace {

// One logarithm per sample, by the C library, which has one answer for all our instruction sets.
template <class T>
Vector<T> logarithm(Vector<T> v) {
  T numbers[kLanes<T>];
  store(numbers, v);
  for (T& number : numbers) number = T(__builtin_log(double(number)));
  return load(numbers);
}

// -Σ q log p, with log p = x - largest - log Σ e^(x - largest).
template <class T>
void forward(const T* x, const T* share, Index N, Index K, T* losses, T* y,
             const Runtime& runtime) {
  over_rows<T, 3>(N, K, runtime, [=](Index n, const Turned<T>* block) {
    const Turned<T>&scores = block[0], &target = block[1], &power = block[2];
    scores.take(x + n * K);
    target.take(share + n * K);
    const Vector<T> largest = largest_of(scores), total = powers(scores, largest, power);
    const Vector<T> log_total = logarithm<T>(total);
    const Vector<T> loss = sum_over<T>(
        K, [&](Index k) { return target[k] * (log_total - (scores[k] - largest)); });
    for (Index k = 0; k < K; ++k) power.set(k, power[k] / total);
    power.give(y + n * K);
    store_part(losses + n, loss, power.rows);
  });
}

// dx_k = f (p_k Σ q - q_k)
template <class T>
void backward_input(const T* y, const T* share, const T* factors, Index N, Index K, T* grad_x,
                    const Runtime& runtime) {
  over_rows<T, 2>(N, K, runtime, [=](Index n, const Turned<T>* block) {
    const Turned<T>&p = block[0], &target = block[1];
    p.take(y + n * K);
    target.take(share + n * K);
    const Vector<T> factor = load_part(factors + n, p.rows);
    const Vector<T> whole = sum_over<T>(K, [&](Index k) { return target[k]; });
    for (Index k = 0; k < K; ++k) p.set(k, factor * (p[k] * whole - target[k]));
    p.give(grad_x + n * K);
  });
}

}  // namespace

extern const cross_entropy::Kernels cross_entropy_kernels = {
    {forward<float>, backward_input<float>},
    {forward<double>, backward_input<double>},
};

}  // namespace clearconv::CLEARCONV_VARIANT
