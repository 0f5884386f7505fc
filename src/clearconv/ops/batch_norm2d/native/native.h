// The compiled telling of batch_norm2d, as the rest of the module sees it.
#pragma once

#include "native/runtime.h"

namespace clearconv::batch_norm2d {

// weight x̂ + bias, where x̂ = (x - mean) / sqrt(var + eps); all have one number a channel.
template <class T>
struct Norm {
  const double *mean, *var;
  double eps;
  Tensor<const T> weight, bias;  // one axis, any stride; without a weight (data null) it is 1
};

// Results of backward; null where one is not wanted. `weight` and `bias` go together.
template <class T>
struct Gradients {
  T *x, *weight, *bias;
};

// Inputs of four axes may have any strides. Results are dense, images channels last, and distinct
// from the inputs.
template <class T>
struct Functions {
  void (*forward)(const Tensor<const T>& x, const Norm<T>& norm, T* y, const Runtime& runtime);
  // Mean and biased variance of a batch that is not empty.
  void (*measure)(const Tensor<const T>& x, double* mean, double* var, const Runtime& runtime);
  // `fixed` where mean and var were given, not measured. norm.bias is not read.
  void (*backward)(const Tensor<const T>& grad_y, const Tensor<const T>& x, const Norm<T>& norm,
                   bool fixed, const Gradients<T>& to, const Runtime& runtime);
  void (*backward_bias)(const Tensor<const T>& grad_y, T* grad_bias, const Runtime& runtime);
};

struct Kernels {
  Functions<float> float32;
  Functions<double> float64;
};

}  // namespace clearconv::batch_norm2d

CLEARCONV_TABLES(batch_norm2d)
