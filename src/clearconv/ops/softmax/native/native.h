// The compiled telling of softmax, as the rest of the module sees it.
#pragma once

#include "native/runtime.h"

namespace clearconv::softmax {

// All arrays are (N, K), K > 0, without gaps.
template <class T>
struct Functions {
  void (*forward)(const T* x, Index N, Index K, T* y, const Runtime& runtime);
  void (*backward_input)(const T* grad_y, const T* y, Index N, Index K, T* grad_x,
                         const Runtime& runtime);
};

struct Kernels {
  Functions<float> float32;
  Functions<double> float64;
};

}  // namespace clearconv::softmax

CLEARCONV_TABLES(softmax)
