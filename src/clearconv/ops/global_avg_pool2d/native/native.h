// The compiled telling of global_avg_pool2d, as the rest of the module sees it.
#pragma once

#include "native/runtime.h"

namespace clearconv::global_avg_pool2d {

// Results lie channels last.
template <class T>
struct Functions {
  void (*forward)(const Tensor<const T>& x, const Tensor<T>& y, const Runtime& runtime);
  void (*backward_input)(const Tensor<const T>& grad_y, const Tensor<T>& grad_x,
                         const Runtime& runtime);
};

struct Kernels {
  Functions<float> float32;
  Functions<double> float64;
};

}  // namespace clearconv::global_avg_pool2d

CLEARCONV_TABLES(global_avg_pool2d)
