// The tiles of Winograd's algorithm: how a result falls into them, and how the image is read.
#pragma once

#include "native/passes/shards.h"
#include "winograd.h"
#include "ops/conv2d/native/windows.h"

namespace clearconv::CLEARCONV_VARIANT {
namespace {

constexpr Index kMostTiles = 64;  // of a box, unless one row of them has more

// Panels of transformed tiles: rows of up to kDeep channels, kPitch apart: an odd
// number of cache lines, as is what lies between the panels of two points, so that all sets of the
// cache serve.
template <class T>
constexpr Index kDeep = 512 / sizeof(T);
template <class T>
constexpr Index kPitch = 576 / sizeof(T);
template <class T>
constexpr Index kLine = 64 / sizeof(T);

// Where there are few channels, rows lie closer: there are 36 panels, and a cache holds few pages.
template <class T>
Index panel_pitch(Index channels) {
  return channels <= 16 ? 16 : channels <= 32 ? 48 : kPitch<T>;
}

// Call work with the pitch as a constant, so that the tile addresses its rows for free.
template <Index N>
struct Constant {
  static constexpr Index value = N;
};
template <class T, class Work>
void with_pitch(Index pitch, const Work& work) {
  if (pitch == 16) return work(Constant<16>());
  if (pitch == 48) return work(Constant<48>());
  work(Constant<kPitch<T>>());
}

Index tile_rows(const Box& box) { return ceil_div(box.rows, kTile); }
Index tile_columns(const Box& box) { return ceil_div(box.columns, kTile); }
Index tile_count(const Box& box) { return box.images * tile_rows(box) * tile_columns(box); }

// The results of a batch, cut into boxes: whole images of a shard, or whole rows of tiles of one.
BatchChunks tile_boxes(const Shards& shards, Index height, Index width) {
  const Index columns = ceil_div(width, kTile), tiles = ceil_div(height, kTile) * columns;
  const Index pixels = tiles <= kMostTiles ? kMostTiles / tiles * height * width
                                           : most(1, kMostTiles / columns) * kTile * width;
  return BatchChunks(shards, height, width, pixels, kTile);
}

// Call work(box) for the largest box of each shard.
template <class Work>
void over_largest(const BatchChunks& boxes, const Work& work) {
  for (Index s = 0; s < boxes.shards; ++s) work(boxes.chunks(s).box(0));
}

// How a tile sees the image: `window` pixels along each axis, the first tile's from (top, left) on.
template <class T>
struct TileReader {
  Operand<T> image;
  Index top, left, window;

  Index pitch() const { return lanes_for<T>(image.shape(1)); }
  Index rows(const Box& box) const { return (tile_rows(box) - 1) * kTile + window; }
  Index columns(const Box& box) const { return (tile_columns(box) - 1) * kTile + window; }
  Index strip_size(const Box& box) const {
    return box.images * rows(box) * columns(box) * pitch();
  }

  // Call work(first pixel, row, column) for each tile of a box, with the distances of neighbours.
  // Pixels outside the image are zeros.
  template <class Work>
  void each(const Box& box, T* strip, const Work& work) const {
    const Index row = columns(box) * pitch(), height = rows(box) * row;
    for (Index n = 0; n < box.images; ++n)
      for (Index r = 0; r < rows(box); ++r)
        read_padded(image, box.image + n, box.row + top + r, left, columns(box),
                    strip + n * height + r * row, pitch());
    for (Index n = 0; n < box.images; ++n)
      for (Index p = 0; p < tile_rows(box); ++p)
        for (Index q = 0; q < tile_columns(box); ++q)
          work(strip + n * height + p * kTile * row + q * kTile * pitch(), row, pitch());
  }
};

}  // namespace
}  // namespace clearconv::CLEARCONV_VARIANT
