// The compiled telling of max_pool2d, as the rest of the module sees it.
#pragma once

#include <stdint.h>

#include "native/runtime.h"

namespace clearconv::max_pool2d {

// Results lie channels last. The winner's number fits a byte for windows of up to 256 elements.
template <class T>
struct Functions {
  void (*forward)(const Tensor<const T>& x, const Geometry& window, const Tensor<T>& y,
                  const Runtime& runtime);
  void (*forward_byte)(const Tensor<const T>& x, const Geometry& window, const Tensor<T>& y,
                       const Tensor<uint8_t>& argmax, const Runtime& runtime);
  void (*forward_int)(const Tensor<const T>& x, const Geometry& window, const Tensor<T>& y,
                      const Tensor<int32_t>& argmax, const Runtime& runtime);
  void (*backward_byte)(const Tensor<const T>& grad_y, const Tensor<const uint8_t>& argmax,
                        const Geometry& window, const Tensor<T>& grad_x, const Runtime& runtime);
  void (*backward_int)(const Tensor<const T>& grad_y, const Tensor<const int32_t>& argmax,
                       const Geometry& window, const Tensor<T>& grad_x, const Runtime& runtime);
};

struct Kernels {
  Functions<float> float32;
  Functions<double> float64;
};

}  // namespace clearconv::max_pool2d

CLEARCONV_TABLES(max_pool2d)
