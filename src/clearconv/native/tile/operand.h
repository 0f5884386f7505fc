// What a kernel reads and what happens to its result: plain data, so that a step between two
// convolutions can be computed on the way in or on the way out and never be written to memory.
#pragma once

#include <stdint.h>

#include "native/runtime.h"

namespace clearconv {

// One input of a kernel. Unless `how` is plain, the channels of every array adjoin.
template <class T>
struct Operand {
  enum How {
    plain,       // x
    normalised,  // f(x̂), x̂ = (x - centre[c]) scale[c] + shift[c]; f is ReLU if `relu`
    gated,       // x where 0 < `beside` < ceiling, else 0: ReLU's gradient
    gradient,    // a[c] g + b[c] (z - centre[c]) + d[c], with z `beside` and g = x: batch norm's;
                 // if `relu`, g is 0 unless (z - centre[c]) scale[c] + shift[c] is in (0, ceiling)
    unpooled,    // x of the pixel's 2x2 window if `winner` names the pixel (0 to 3), else 0
  };
  How how;
  Tensor<const T> x;  // its shape is what the kernel sees; if unpooled, its strides are those of
                      // the pooled array
  Tensor<const T> beside;
  Tensor<const uint8_t> winner;  // of the pooled array
  Index pooled[2];               // its height and width
  bool relu;
  T ceiling;  // the most that ReLU lets through: infinity, or 6
  const T *centre, *scale, *shift, *a, *b, *d;

  [[gnu::always_inline]] Index shape(int axis) const { return x.shape[axis]; }
};

template <class T>
Operand<T> plain(const Tensor<const T>& x) {
  Operand<T> operand = {};
  operand.x = x;
  return operand;
}

// Where the result r of a convolution goes: y = f(r scale[c] + shift[c] + add), f is ReLU if
// `relu`.
template <class T>
struct Epilogue {
  Tensor<T> y;     // channels adjoin
  const T* scale;  // or null: 1
  const T* shift;  // or null: 0
  Tensor<const T> add;  // like y, or null
  bool relu;
  T ceiling;  // of ReLU
  bool accumulate;  // y is added to what it holds (only with nothing else)
  bool pool;        // y holds the maxima of 2x2 windows, `winner` (channels adjoin) who they were:
  Tensor<uint8_t> winner;  // 0 to 3, or 4 where ReLU lets no gradient through; may be null
  double* moments;  // or null: gets the moments of r + shift over `shards`, of which there is at
  Shards shards;    // least one: of each channel count, mean, squared distances from it
                    // (3, channels)
};

template <class T>
Epilogue<T> store_to(const Tensor<T>& y) {
  Epilogue<T> epilogue = {};
  epilogue.y = y;
  return epilogue;
}

}  // namespace clearconv
