// The compiled telling of upsample2d, as the rest of the module sees it.
#pragma once

#include "native/runtime.h"

namespace clearconv::upsample2d {

// Where the outputs lie, rows [0] and columns [1]: output u at (u + shift) over / under - shift.
struct Places {
  double over[2], under[2], shift;
  bool linear;
};

// Results lie channels last; sizes are those of the arrays.
template <class T>
struct Functions {
  void (*forward)(const Tensor<const T>& x, const Places& places, const Tensor<T>& y,
                  const Runtime& runtime);
  void (*backward_input)(const Tensor<const T>& grad_y, const Places& places,
                         const Tensor<T>& grad_x, const Runtime& runtime);
};

struct Kernels {
  Functions<float> float32;
  Functions<double> float64;
};

}  // namespace clearconv::upsample2d

CLEARCONV_TABLES(upsample2d)
