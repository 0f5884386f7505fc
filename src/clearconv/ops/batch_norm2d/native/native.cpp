// Batch normalisation in as few passes over memory as there can be, compiled per instruction set:
// forward one for the moments and one to normalise, backward one for the sums over the batch and
// one for the gradient of x.
//
// The passes are in passes.h and gradients.h, the walk over memory that they share in pixels.h,
// the moments in native/passes/moments.h.
#include "native.h"

#include "gradients.h"

namespace clearconv::CLEARCONV_VARIANT {
namespace {

using batch_norm2d::Gradients;

template <class T>
void forward(const Tensor<const T>& x, const Norm<T>& norm, const Tensor<T>& y,
             const Runtime& runtime) {
  const Index C = x.shape[1];
  T* memory = static_cast<T*>(runtime.scratch(1, 3 * C * sizeof(T)));
  add_terms<T>({x, affine_of(norm, C, memory), {}}, {}, {}, y, runtime);
}

// weight r grad_y: what is left where mean and var are constants.
template <class T>
void backward_fixed(const Tensor<const T>& grad_y, const Norm<T>& norm, const Tensor<T>& grad_x,
                    T* memory, const Runtime& runtime) {
  const Index C = grad_y.shape[1];
  T *zero = memory, *scale = memory + C;
  std::memset(zero, 0, C * sizeof(T));
  for (Index c = 0; c < C; ++c)
    scale[c] = T(weight_of(norm, c) / __builtin_sqrt(norm.var[c] + norm.eps));
  add_terms<T>({grad_y, {zero, scale, zero}, {}}, {}, {}, grad_x, runtime);
}

// What backward keeps outside its passes: the sums (2, C) and four arrays of a number per channel.
template <class T>
struct BackwardMemory {
  double* sums;
  T *centre, *factors;
  BackwardMemory(Index C, const Runtime& runtime)
      : sums(static_cast<double*>(
            runtime.scratch(1, 2 * C * sizeof(double) + 4 * C * sizeof(T)))),
        centre(reinterpret_cast<T*>(sums + 2 * C)),
        factors(centre + C) {}
};

// Of the batch, whose sums are in `memory` unless mean and var are constants and no parameter's
// gradient is wanted.
template <class T>
void finish_backward(const BackwardMemory<T>& memory, Index count, const Tensor<const T>& grad_y,
                     const Tensor<const T>& x, const Norm<T>& norm, bool fixed,
                     const Gradients<T>& to, const Runtime& runtime) {
  const Index C = x.shape[1];
  double *sum_g = memory.sums, *sum_g_hat = sum_g + C;
  for (Index c = 0; c < C && (to.weight || !fixed); ++c) {
    memory.centre[c] = T(norm.mean[c]);
    const double rest = norm.mean[c] - double(memory.centre[c]);
    sum_g_hat[c] = (sum_g_hat[c] - rest * sum_g[c]) / __builtin_sqrt(norm.var[c] + norm.eps);
  }
  for (Index c = 0; c < C && to.weight; ++c) {
    to.bias[c] = T(sum_g[c]);
    to.weight[c] = T(sum_g_hat[c]);
  }
  if (to.x.data && fixed)
    backward_fixed(grad_y, norm, to.x, memory.factors, runtime);
  else if (to.x.data)
    apply_gradient(grad_y, x,
                   factors_of(norm, memory.centre, sum_g, sum_g_hat, count, C, memory.factors),
                   to.x, runtime);
}

template <class T>
void gradient_sums(const Tensor<const T>& grad_y, const Tensor<const T>& x, const double* mean,
                   const Shards& shards, double* sums, const Runtime& runtime) {
  const Index C = x.shape[1];
  T* centre = static_cast<T*>(runtime.scratch(1, C * sizeof(T)));
  for (Index c = 0; c < C; ++c) centre[c] = T(mean[c]);
  sum_gradient<T>(grad_y, x, {centre, nullptr, nullptr}, nullptr, shards, sums, runtime);
}

template <class T>
void backward(const Tensor<const T>& grad_y, const Tensor<const T>& x, const Norm<T>& norm,
              bool fixed, const Gradients<T>& to, const Runtime& runtime) {
  const Index C = x.shape[1];
  const BackwardMemory<T> memory(C, runtime);
  if (to.weight || !fixed) {
    for (Index c = 0; c < C; ++c) memory.centre[c] = T(norm.mean[c]);
    sum_gradient<T>(grad_y, x, {memory.centre, nullptr, nullptr}, nullptr,
                    whole_batch(x.shape[0]), memory.sums, runtime);
  }
  finish_backward(memory, x.shape[0] * x.shape[2] * x.shape[3], grad_y, x, norm, fixed, to,
                  runtime);
}

template <class T>
void backward_from(const double* sums, Index count, const Tensor<const T>& grad_y,
                   const Tensor<const T>& x, const Norm<T>& norm, bool fixed,
                   const Gradients<T>& to, const Runtime& runtime) {
  const BackwardMemory<T> memory(x.shape[1], runtime);
  std::memcpy(memory.sums, sums, 2 * x.shape[1] * sizeof(double));
  finish_backward(memory, count, grad_y, x, norm, fixed, to, runtime);
}

template <class T>
void backward_bias(const Tensor<const T>& grad_y, T* grad_bias, const Runtime& runtime) {
  const Index C = grad_y.shape[1];
  double* sums = static_cast<double*>(
      runtime.scratch(1, 2 * C * sizeof(double) + C * sizeof(T)));
  T* zero = reinterpret_cast<T*>(sums + 2 * C);
  std::memset(zero, 0, C * sizeof(T));
  // The products are summed too, although they are not needed: that saves a separate kernel.
  sum_gradient<T>(grad_y, grad_y, {zero, nullptr, nullptr}, nullptr, whole_batch(grad_y.shape[0]),
                  sums, runtime);
  for (Index c = 0; c < C; ++c) grad_bias[c] = T(sums[c]);
}

template <class T>
constexpr batch_norm2d::Functions<T> kFunctions = {forward<T>,  measure<T>,       gradient_sums<T>,
                                                   backward<T>, backward_from<T>, backward_bias<T>};

}  // namespace

extern const batch_norm2d::Kernels batch_norm2d_kernels = {kFunctions<float>, kFunctions<double>};

}  // namespace clearconv::CLEARCONV_VARIANT
