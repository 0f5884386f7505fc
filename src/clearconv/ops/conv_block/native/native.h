// The compiled telling of conv_block, except the convolutions, as the rest of the module sees it.
#pragma once

#include "native/tile/operand.h"

namespace clearconv::conv_block {

template <class T>
struct Functions {
  // y = f(x + other), each of them plain or normalised, f is ReLU if `relu`; or y = x, normalised,
  // where `other.x.data` is null.
  void (*add)(const Operand<T>& x, const Operand<T>& other, bool relu, const Tensor<T>& y,
              const Runtime& runtime);
  // For a `gradient` operand: each channel's sum over these shards of g, into sums[c], and of
  // g (z - centre), into sums[C + c].
  void (*gradient_sums)(const Operand<T>& gradient, const Shards& shards, double* sums,
                        const Runtime& runtime);
  // y = x, or y += x if `accumulate`, for x plain, normalised or a gradient. Channels adjoin in
  // all arrays, each of which may be a part of a larger one.
  void (*write)(const Operand<T>& x, const Tensor<T>& y, bool accumulate, const Runtime& runtime);
};

struct Kernels {
  Functions<float> float32;
  Functions<double> float64;
};

}  // namespace clearconv::conv_block

CLEARCONV_TABLES(conv_block)
