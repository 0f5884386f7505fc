// Both factors of a sum over pixels, packed for the tile: rows of grad_y an odd number of cache
// lines apart, lanes of x in blocks of two vectors.
#pragma once

#include "native/tile/reader.h"

namespace clearconv::CLEARCONV_VARIANT {
namespace {

constexpr Index kPartPixels = 128;  // packed at a time

// Pixels of an operand in order, whatever image and row they are of.
template <class T>
struct PixelReader {
  Operand<T> from;
  Index height, width;

  explicit PixelReader(const Operand<T>& operand) : from(operand) {
    const bool beside_too = !from.beside.data || rows_adjoin(from.beside);
    if (from.how != Operand<T>::unpooled && beside_too && rows_adjoin(from.x)) {
      from.x.shape[3] *= from.x.shape[0] * from.x.shape[2];  // all of them are one row
      from.x.shape[0] = from.x.shape[2] = 1;
    }
    height = from.shape(2), width = from.shape(3);
  }

  static bool rows_adjoin(const Tensor<const T>& x) {
    const Index row = x.shape[3] * x.stride[3];
    return (x.shape[2] == 1 || x.stride[2] == row) &&
           (x.shape[0] == 1 || x.stride[0] == x.shape[2] * row);
  }

  // Channels [c, c + count) of pixels [first, first + pixels), `pitch` numbers apart.
  void read(Index c, Index count, Index first, Index pixels, T* to, Index pitch) const {
    const Operand<T> some = channels(from, c, count);
    for (Index done = 0; done < pixels;) {
      const Index row = (first + done) / width, column = (first + done) % width;
      const Index run = least(pixels - done, width - column);
      read_pixels(some, row / height, row % height, column, run, to + done * pitch, pitch);
      done += run;
    }
  }
};

// Both factors of some pixels, packed.
template <class T>
struct PackedFactors {
  static constexpr Index kDeep = 512 / sizeof(T);   // rows of a panel: up to this many channels,
  static constexpr Index kPitch = 576 / sizeof(T);  // this far apart for neighbouring pixels
  static constexpr Index kWidth = 2 * kLanes<T>;    // lanes of a block

  Index rows, lanes, pixels;
  T *panels, *blocks;

  // Tiles may read some rows and pixels beyond the last.
  Index panel_size() const { return (pixels + 8) * kPitch + 64 / Index(sizeof(T)); }
  Index size() const { return ceil_div(rows, kDeep) * panel_size() + lanes * pixels; }
  void place(T* memory) {
    panels = memory;
    blocks = memory + ceil_div(rows, kDeep) * panel_size();
  }
  T* panel(Index row, Index pixel) const {
    return panels + row / kDeep * panel_size() + pixel * kPitch + row % kDeep;
  }
  T* block(Index n) const { return blocks + block_offset<T>(n, 0, pixels, lanes); }
};

}  // namespace
}  // namespace clearconv::CLEARCONV_VARIANT
