// The compiled telling of cross_entropy, as the rest of the module sees it.
#pragma once

#include "native/runtime.h"

namespace clearconv::cross_entropy {

// x, share, y, grad_x: (N, K), K > 0; losses, factors: (N,). None has gaps.
template <class T>
struct Functions {
  void (*forward)(const T* x, const T* share, Index N, Index K, T* losses, T* y,
                  const Runtime& runtime);
  void (*backward_input)(const T* y, const T* share, const T* factors, Index N, Index K, T* grad_x,
                         const Runtime& runtime);
};

struct Kernels {
  Functions<float> float32;
  Functions<double> float64;
};

}  // namespace clearconv::cross_entropy

CLEARCONV_TABLES(cross_entropy)
