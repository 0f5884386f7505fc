// Softmax with a vector of rows at a time, compiled per instruction set.
#include "native.h"

#include "native/passes/classes.h"

namespace clearconv::CLEARCONV_VARIANT {
namespace {

template <class T>
void forward(const T* x, Index N, Index K, T* y, const Runtime& runtime) {
  over_rows<T, 1>(N, K, runtime, [=](Index n, const Turned<T>* block) {
    const Turned<T>& row = block[0];
    row.take(x + n * K);
    const Vector<T> total = powers(row, largest_of(row), row);
    for (Index k = 0; k < K; ++k) row.set(k, row[k] / total);
    row.give(y + n * K);
  });
}

// dx_k = y_k (dy_k - Σ dy y)
template <class T>
void backward_input(const T* grad_y, const T* y, Index N, Index K, T* grad_x,
                    const Runtime& runtime) {
  over_rows<T, 2>(N, K, runtime, [=](Index n, const Turned<T>* block) {
    const Turned<T>&grads = block[0], &shares = block[1];
    grads.take(grad_y + n * K);
    shares.take(y + n * K);
    const Vector<T> mean = sum_over<T>(K, [&](Index k) { return grads[k] * shares[k]; });
    for (Index k = 0; k < K; ++k) grads.set(k, (grads[k] - mean) * shares[k]);
    grads.give(grad_x + n * K);
  });
}

}  // namespace

extern const softmax::Kernels softmax_kernels = {
    {forward<float>, backward_input<float>},
    {forward<double>, backward_input<double>},
};

}  // namespace clearconv::CLEARCONV_VARIANT
