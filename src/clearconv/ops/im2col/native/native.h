// The compiled telling of im2col, as the rest of the module sees it.
#pragma once

#include "native/runtime.h"

namespace clearconv::im2col {

template <class T>
struct Functions {
  // y: (N, C * KH * KW, OH * OW), contiguous.
  void (*forward)(const Tensor<const T>& x, const Geometry& window, T* y, const Runtime& runtime);
  // grad_y: (N, C * KH * KW, OH * OW) of any strides; grad_x lies channels last.
  void (*backward_input)(const Tensor<const T>& grad_y, const Geometry& window,
                         const Tensor<T>& grad_x, const Runtime& runtime);
};

struct Kernels {
  Functions<float> float32;
  Functions<double> float64;
};

}  // namespace clearconv::im2col

CLEARCONV_TABLES(im2col)
