// The compiled telling of conv2d, as the rest of the module sees it.
#pragma once

#include "../../native/runtime.h"

namespace clearconv::conv2d {

// y, grad_x: any strides with adjoining channels. Arrays of the result are distinct from inputs.
template <class T>
struct Functions {
  void (*forward)(const Tensor<const T>& x, const Tensor<const T>& weight, const T* bias,
                  const Geometry& window, Index groups, const Tensor<T>& y, const Runtime& runtime);
  void (*backward_input)(const Tensor<const T>& grad_y, const Tensor<const T>& weight,
                         const Geometry& window, Index groups, const Tensor<T>& grad_x,
                         const Runtime& runtime);
  // grad_weight: (O, C/groups, KH, KW), contiguous.
  void (*backward_weight)(const Tensor<const T>& grad_y, const Tensor<const T>& x,
                          const Geometry& window, Index groups, T* grad_weight,
                          const Runtime& runtime);
  void (*backward_bias)(const Tensor<const T>& grad_y, T* grad_bias, const Runtime& runtime);
};

struct Kernels {
  Functions<float> float32;
  Functions<double> float64;
};

}  // namespace clearconv::conv2d

CLEARCONV_TABLES(conv2d)
