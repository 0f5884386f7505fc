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
void forward(const Tensor<const T>& x, const Norm<T>& norm, T* y, const Runtime& runtime) {
  const Index C = x.shape[1];
  T* memory = static_cast<T*>(runtime.scratch(1, 3 * C * sizeof(T)));
  add_terms<T>({x, affine_of(norm, C, memory), {}}, {}, {}, y, runtime);
}

// weight r grad_y: what is left where mean and var are constants.
template <class T>
void backward_fixed(const Tensor<const T>& grad_y, const Norm<T>& norm, T* grad_x, T* memory,
                    const Runtime& runtime) {
  const Index C = grad_y.shape[1];
  T *zero = memory, *scale = memory + C;
  std::memset(zero, 0, C * sizeof(T));
  for (Index c = 0; c < C; ++c)
    scale[c] = T(weight_of(norm, c) / __builtin_sqrt(norm.var[c] + norm.eps));
  add_terms<T>({grad_y, {zero, scale, zero}, {}}, {}, {}, grad_x, runtime);
}

template <class T>
void backward(const Tensor<const T>& grad_y, const Tensor<const T>& x, const Norm<T>& norm,
              bool fixed, const Gradients<T>& to, const Runtime& runtime) {
  const Index C = x.shape[1], count = x.shape[0] * x.shape[2] * x.shape[3];
  double* sum_g = static_cast<double*>(
      runtime.scratch(1, 2 * C * sizeof(double) + 4 * C * sizeof(T)));
  double* sum_g_hat = sum_g + C;
  T *centre = reinterpret_cast<T*>(sum_g_hat + C), *memory = centre + C;
  if (to.weight || !fixed) {
    for (Index c = 0; c < C; ++c) centre[c] = T(norm.mean[c]);
    sum_gradient<T>(grad_y, x, {centre, nullptr, nullptr}, nullptr, sum_g, runtime);
    for (Index c = 0; c < C; ++c) {
      const double rest = norm.mean[c] - double(centre[c]);
      sum_g_hat[c] = (sum_g_hat[c] - rest * sum_g[c]) / __builtin_sqrt(norm.var[c] + norm.eps);
    }
  }
  for (Index c = 0; c < C && to.weight; ++c) {
    to.bias[c] = T(sum_g[c]);
    to.weight[c] = T(sum_g_hat[c]);
  }
  if (to.x && fixed)
    backward_fixed(grad_y, norm, to.x, memory, runtime);
  else if (to.x)
    apply_gradient(grad_y, x, factors_of(norm, centre, sum_g, sum_g_hat, count, C, memory), to.x,
                   runtime);
}

template <class T>
void backward_bias(const Tensor<const T>& grad_y, T* grad_bias, const Runtime& runtime) {
  const Index C = grad_y.shape[1];
  double* sums = static_cast<double*>(
      runtime.scratch(1, 2 * C * sizeof(double) + C * sizeof(T)));
  T* zero = reinterpret_cast<T*>(sums + 2 * C);
  std::memset(zero, 0, C * sizeof(T));
  // The products that are summed as well are not wanted: they only save a kernel.
  sum_gradient<T>(grad_y, grad_y, {zero, nullptr, nullptr}, nullptr, sums, runtime);
  for (Index c = 0; c < C; ++c) grad_bias[c] = T(sums[c]);
}

}  // namespace

extern const batch_norm2d::Kernels batch_norm2d_kernels = {
    {forward<float>, measure<float>, backward<float>, backward_bias<float>},
    {forward<double>, measure<double>, backward<double>, backward_bias<double>},
};

}  // namespace clearconv::CLEARCONV_VARIANT
