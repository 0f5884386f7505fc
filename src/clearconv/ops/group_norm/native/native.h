// The compiled telling of group_norm, as the rest of the module sees it.
#pragma once

#include "native/runtime.h"

namespace clearconv::group_norm {

// Each image's statistics, (N, groups), dense; each channel's scale, dense.
template <class T>
struct Norm {
  Index groups;
  double eps;
  const T* weight;
};

// Results of backward. `x` may be null; `sums`, (2, C), are the gradients of scale and shift, 0
// where no shard is at hand.
template <class T>
struct Gradients {
  Shards shards;
  T* x;
  double* sums;
};

// Inputs of four axes may have any strides. Results are dense, images channels last, and distinct
// from the inputs. A group has more than one number.
template <class T>
struct Functions {
  void (*forward)(const Tensor<const T>& x, const Norm<T>& norm, const T* bias, T* y, double* mean,
                  double* var, const Runtime& runtime);
  void (*backward)(const Tensor<const T>& grad_y, const Tensor<const T>& x, const Norm<T>& norm,
                   const double* mean, const double* var, const Gradients<T>& to,
                   const Runtime& runtime);
};

struct Kernels {
  Functions<float> float32;
  Functions<double> float64;
};

}  // namespace clearconv::group_norm

CLEARCONV_TABLES(group_norm)
