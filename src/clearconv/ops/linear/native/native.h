// The compiled telling of linear, as the rest of the module sees it.
#pragma once

#include "native/runtime.h"

namespace clearconv::linear {

// Matrices take the first two axes of a tensor. The numbers of a row adjoin; rows may lie anywhere.
// Results are dense and distinct from inputs.
template <class T>
struct Functions {
  // `bias` may be null.
  void (*forward)(const Tensor<const T>& x, const Tensor<const T>& weight, const T* bias, T* y,
                  const Runtime& runtime);
  void (*backward_input)(const Tensor<const T>& grad_y, const Tensor<const T>& weight, T* grad_x,
                         const Runtime& runtime);
  // Sums over the shards at hand, 0 where there is none.
  void (*backward_weight)(const Tensor<const T>& grad_y, const Tensor<const T>& x,
                          const Shards& shards, T* grad_weight, const Runtime& runtime);
  void (*backward_bias)(const Tensor<const T>& grad_y, const Shards& shards, T* grad_bias,
                        const Runtime& runtime);
};

struct Kernels {
  Functions<float> float32;
  Functions<double> float64;
};

}  // namespace clearconv::linear

CLEARCONV_TABLES(linear)
