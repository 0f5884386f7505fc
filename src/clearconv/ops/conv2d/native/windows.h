// Which pixels meet which taps: the windows that the passes of a convolution walk over an image.
#pragma once

#include "native/tile/patches.h"

namespace clearconv::CLEARCONV_VARIANT {
namespace {

// Taps of one axis, in the order in which they are read: first, first + step, ...
struct Taps {
  Index first, step;
};

// One axis of the forward pass, rows [0] or columns [1].
Axis forward_axis(const Geometry& window, int axis) {
  return {window.input[axis],  window.output[axis],   window.kernel[axis],
          window.stride[axis], window.dilation[axis], -window.before[axis]};
}

// One phase of the input gradient along one axis: every stride-th input, from the first on that
// lies `phase` beyond a multiple of the stride (counted on the padded axis).
//
// Input r + before = u*stride + phase meets tap i of output u - (i*dilation - phase)/stride, if
// that is whole. The taps that do lie stride/gcd apart; read from the last to the first, they look
// at outputs in ascending order, as a forward window does.
struct Phase {
  Axis axis;     // a window that walks over grad_y
  Taps taps;     // which kernel elements it holds
  Index first;   // first input it gives; the next lies `stride` further
  Phase(const Geometry& window, int side, Index phase) {
    const Index stride = window.stride[side], dilation = window.dilation[side];
    const Index K = window.kernel[side], before = window.before[side];
    Index count = 0, lowest = 0, step = 1, highest = 0;
    for (Index i = 0; i < K; ++i)
      if (i * dilation % stride == phase) {
        if (count == 0) lowest = i;
        if (count == 1) step = i - lowest;
        highest = i;
        ++count;
      }
    const Index skipped = most(0, ceil_div(before - phase, stride));  // inputs in the padding
    first = skipped * stride + phase - before;
    const Index inputs = first < window.input[side]
                             ? ceil_div(window.input[side] - first, stride)
                             : 0;
    taps = {highest, -step};
    axis = {window.output[side], inputs, count, 1, step * dilation / stride,
            skipped - (highest * dilation - phase) / stride};
  }
};

// Channels [first, first + count) of a gradient, as patches of one tap.
template <class T>
Patches<T> pixels_of(const Operand<T>& grad_y, Index first, Index count) {
  const Index H = grad_y.shape(2), W = grad_y.shape(3);
  return {channels(grad_y, first, count), {H, H, 1, 1, 1, 0}, {W, W, 1, 1, 1, 0}};
}

}  // namespace
}  // namespace clearconv::CLEARCONV_VARIANT
