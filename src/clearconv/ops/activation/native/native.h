// The compiled telling of activation, as the rest of the module sees it.
#pragma once

#include "native/runtime.h"

namespace clearconv::activation {

enum class Kind { relu, relu6, leaky_relu, sigmoid, tanh, hardsigmoid, hardswish, silu };

// Arrays of `count` numbers that lie one after the other, in one order of their axes.
template <class T>
struct Functions {
  void (*forward)(const T* x, Kind kind, T slope, Index count, T* y, const Runtime& runtime);
  // `saved` is y for relu, relu6, sigmoid and tanh, else x.
  void (*backward_input)(const T* grad_y, const T* saved, Kind kind, T slope, Index count,
                         T* grad_x, const Runtime& runtime);
};

struct Kernels {
  Functions<float> float32;
  Functions<double> float64;
};

}  // namespace clearconv::activation

CLEARCONV_TABLES(activation)
