// The input gradient of a 1x1 convolution of stride 1, while the rows of grad_y are packed for the
// weight gradient anyway: grad_x[pixel, c] = sum over o of grad_y[pixel, o] weight[o, c].
#pragma once

#include "native/tile/finish.h"
#include "factors.h"

namespace clearconv::CLEARCONV_VARIANT {
namespace {

template <class T>
struct PackedInputGradient {
  using Packed = PackedFactors<T>;
  static constexpr Index kPixels = kPartPixels + 8;  // a tile may write beyond the last

  Tensor<const T> weight;  // (O, I, 1, 1)
  Epilogue<T> to;
  T* filters;  // (blocks of lanes, O, lanes of a block)

  Index outputs() const { return weight.shape[0]; }
  Index lanes() const { return weight.shape[1]; }
  Index size() const { return outputs() * lanes(); }
  static Index memory() { return kPixels * Packed::kWidth; }

  T* block(Index n) const { return filters + block_offset<T>(n, 0, outputs(), lanes()); }

  // A unit of work: the filters of one block of lanes.
  static void pack_block(void* context, Index unit) {
    const PackedInputGradient& self = *static_cast<PackedInputGradient*>(context);
    const Index n = unit * Packed::kWidth, width = least(Packed::kWidth, self.lanes() - n);
    T* into = self.block(n);
    for (Index o = 0; o < self.outputs(); ++o)
      for (Index l = 0; l < width; ++l)
        into[o * width + l] =
            self.weight.data[o * self.weight.stride[0] + (n + l) * self.weight.stride[1]];
  }

  // Pixels `at` to `at` + `count` of `rows`: those of a box from column `first` on, which is 0
  // unless it is a part of one row.
  void compute(const Packed& rows, Index at, Index count, Box box, Index first, T* memory) const {
    Epilogue<T> here = to;
    here.y.data += first * to.y.stride[3];
    box.columns = least(box.columns, count);
    for (Index n = 0; n < lanes(); n += Packed::kWidth) {
      const Index width = least(Packed::kWidth, lanes() - n);
      for (Index m = 0; m < outputs(); m += Packed::kDeep)
        multiply<T, Packed::kPitch, 1>(rows.panel(m, at), count, block(n), m,
                                       least(Packed::kDeep, outputs() - m), outputs(), memory,
                                       width, m == 0 ? Sum::fresh : Sum::onward);
      finish<T>(here, nullptr, box, 0, {memory, width, n, width});
    }
  }
};

}  // namespace
}  // namespace clearconv::CLEARCONV_VARIANT
