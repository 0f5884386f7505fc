// The product that all but Winograd's convolutions consist of: patches of a box, read where they
// lie, times a block of packed filters.
#pragma once

#include "native/tile/group_tile.h"
#include "ops/conv2d/native/windows.h"

namespace clearconv::CLEARCONV_VARIANT {
namespace {

constexpr Beyond kGroupBeyond = {3, 0};  // most that the last group of a row reads beyond it

// Rows of the tile: pixels of the box, in groups along its rows. The surplus of the last group of
// a row is overwritten by the next row.
template <class T>
void list_pixels(const Patches<T>& x, const Source<T>& source, const Box& box, Index group,
                 RowGroups<T>& groups) {
  const Index step = x.w.stride * source.column, row = x.h.stride * source.row;
  Index images = box.images, rows = box.rows, columns = box.columns;
  if (row == columns * step) columns *= rows, rows = 1;  // as with 1x1: rows adjoin
  if (rows == 1 && source.image == columns * step) columns *= images, images = 1;
  groups.count = 0;
  for (Index n = 0; n < images; ++n)
    for (Index p = 0; p < rows; ++p)
      for (Index q = 0; q < columns; q += group)
        groups.add(source.data + n * source.image + p * row + q * step,
                   (n * rows + p) * columns + q);
}

// acc (pixels, pitch) = patches times lanes [first, first + count), whole vectors, of the filters,
// which are packed as the tile's B, all `lanes` of them. acc has room for a group of pixels more,
// and `groups`, for as many as there are pixels.
template <class T>
void multiply_patches(const Patches<T>& x, const Source<T>& source, const Box& box,
                      RowGroups<T> groups, const T* packed, Index lanes, Index first, Index count,
                      T* acc, Index pitch) {
  const Index C = x.image.shape(1), depth = x.depth();
  const bool holes = x.w.dilation * source.column != C;
  for (Index n = 0; n < count; n += 2 * kLanes<T>) {
    const Index width = least(2 * kLanes<T>, count - n);
    Steps k = {{x.h.taps, x.w.taps, C},
               {x.h.dilation * source.row, x.w.dilation * source.column, 1},
               {x.w.taps * C * width, C * width, width}};
    if (!holes) k.count[1] = 1, k.count[2] *= x.w.taps;
    const Index group = width == 2 * kLanes<T> ? 2 : group_for_one(box.columns);
    list_pixels(x, source, box, group, groups);
    multiply_groups(groups, group, x.w.stride * source.column,
                    packed + block_offset<T>(first + n, 0, depth, lanes), k, acc + n, pitch,
                    box.pixels(), true);
  }
}

}  // namespace
}  // namespace clearconv::CLEARCONV_VARIANT
