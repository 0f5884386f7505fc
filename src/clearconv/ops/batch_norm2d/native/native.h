// The compiled telling of batch_norm2d, as the rest of the module sees it.
#pragma once

#include "native/runtime.h"

namespace clearconv::batch_norm2d {

// weight x̂ + bias, where x̂ = (x - mean) / sqrt(var + eps); all have one number per channel.
template <class T>
struct Norm {
  const double *mean, *var;
  double eps;
  Tensor<const T> weight, bias;  // one axis, any stride; without a weight (data null) it is 1
};

// Results of backward; null where one is not wanted. `weight` and `bias` go together.
template <class T>
struct Gradients {
  Tensor<T> x;
  T *weight, *bias;
};

// Arrays of four axes may have any strides. Results are distinct from the inputs.
template <class T>
struct Functions {
  void (*forward)(const Tensor<const T>& x, const Norm<T>& norm, const Tensor<T>& y,
                  const Runtime& runtime);
  // For each channel, over at least one shard: count, mean and sum of squared distances from it,
  // (3, C).
  void (*measure)(const Tensor<const T>& x, const Shards& shards, double* moments,
                  const Runtime& runtime);
  // For each channel, over these shards: the sums of grad_y and of grad_y (x - mean rounded to T),
  // (2, C).
  void (*gradient_sums)(const Tensor<const T>& grad_y, const Tensor<const T>& x,
                        const double* mean, const Shards& shards, double* sums,
                        const Runtime& runtime);
  // `fixed` where mean and var were given, not measured. norm.bias is not read.
  void (*backward)(const Tensor<const T>& grad_y, const Tensor<const T>& x, const Norm<T>& norm,
                   bool fixed, const Gradients<T>& to, const Runtime& runtime);
  // The same, with the sums over a whole batch in which each channel has `count` numbers.
  void (*backward_from)(const double* sums, Index count, const Tensor<const T>& grad_y,
                        const Tensor<const T>& x, const Norm<T>& norm, bool fixed,
                        const Gradients<T>& to, const Runtime& runtime);
  void (*backward_bias)(const Tensor<const T>& grad_y, T* grad_bias, const Runtime& runtime);
};

struct Kernels {
  Functions<float> float32;
  Functions<double> float64;
};

}  // namespace clearconv::batch_norm2d

CLEARCONV_TABLES(batch_norm2d)
