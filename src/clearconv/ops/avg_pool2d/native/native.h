// The compiled telling of avg_pool2d, as the rest of the module sees it.
#pragma once

#include "native/runtime.h"

namespace clearconv::avg_pool2d {

// Results lie channels last.
template <class T>
struct Functions {
  void (*forward)(const Tensor<const T>& x, const Geometry& window, bool count_include_pad,
                  const Tensor<T>& y, const Runtime& runtime);
  void (*backward_input)(const Tensor<const T>& grad_y, const Geometry& window,
                         bool count_include_pad, const Tensor<T>& grad_x, const Runtime& runtime);
};

struct Kernels {
  Functions<float> float32;
  Functions<double> float64;
};

}  // namespace clearconv::avg_pool2d

CLEARCONV_TABLES(avg_pool2d)
