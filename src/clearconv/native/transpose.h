// Swapping the last two axes in memory: between channels-last maps and rows in (C, H, W) order.
#pragma once

#include "runtime.h"

namespace clearconv::transpose {

struct Kernels {
  // x (N, R, K), whose last axis adjoins, to y (N, K, R), contiguous.
  void (*float32)(const Tensor<const float>& x, float* y, const Runtime& runtime);
  void (*float64)(const Tensor<const double>& x, double* y, const Runtime& runtime);
};

}  // namespace clearconv::transpose

CLEARCONV_TABLES(transpose)
