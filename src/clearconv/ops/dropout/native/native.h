// The compiled telling of dropout, as the rest of the module sees it.
#pragma once

#include <stdint.h>

#include "native/runtime.h"

namespace clearconv::dropout {

// kept: 1 or 0. Arrays of `count` numbers that lie one after the other, in one order of their axes.
template <class T>
struct Functions {
  void (*scale)(const T* values, const uint8_t* kept, T factor, Index count, T* scaled,
                const Runtime& runtime);
};

struct Kernels {
  Functions<float> float32;
  Functions<double> float64;
  // keys: (N, 2), kept: (N, each). A unit is kept if its 24-bit draw is at least `threshold`.
  void (*mask)(const uint64_t* keys, Index N, Index each, uint32_t threshold, uint8_t* kept,
               const Runtime& runtime);
};

}  // namespace clearconv::dropout

CLEARCONV_TABLES(dropout)
