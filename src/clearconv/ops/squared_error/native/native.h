// The compiled telling of squared_error, as the rest of the module sees it.
#pragma once

#include "native/runtime.h"

namespace clearconv::squared_error {

// Arrays of `count` numbers that lie one after the other, in one order of their axes.
template <class T>
struct Functions {
  void (*difference)(const T* x, const T* target, Index count, T* away, const Runtime& runtime);
  void (*squares)(const T* difference, Index count, T* squared, const Runtime& runtime);
  // The sum of the squares of these shards' samples, of `each` numbers.
  double (*total)(const T* difference, const Shards& shards, Index each, const Runtime& runtime);
  void (*backward_input)(const T* difference, const T* factors, Index count, T* grad_x,
                         const Runtime& runtime);
  // One factor for all.
  void (*backward_input_by)(const T* difference, T factor, Index count, T* grad_x,
                            const Runtime& runtime);
};

struct Kernels {
  Functions<float> float32;
  Functions<double> float64;
};

}  // namespace clearconv::squared_error

CLEARCONV_TABLES(squared_error)
