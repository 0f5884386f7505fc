// Sums over pixels: of products of two factors, and of one alone.
//
// A factor's numbers are read where they lie, a pixel further with each step of k, so no patch is
// ever copied. The tile's rows are the numbers of x under a window and its lanes the output
// channels, or the other way round, whichever wastes fewer lanes: the bits are the same.
#pragma once

#include "native/tile/group_tile.h"
#include "ops/conv2d/native/windows.h"

namespace clearconv::CLEARCONV_VARIANT {
namespace {

// How a block of weights, C by O channels, is summed. A run of x is one tap's channels, or a whole
// kernel row's where those adjoin and fill lanes better.
template <class T>
struct Layout {
  Index taps[2], C, O;
  bool adjoin;       // a run is a kernel row's
  bool input_lanes;  // lanes are numbers of x, rows are output channels; else the other way round

  Layout(const Geometry& window, Index C, Index O)
      : taps{window.kernel[0], window.kernel[1]}, C(C), O(O), adjoin(false), input_lanes(false) {
    Layout best = *this;
    for (int way = 1; way < 4; ++way) {
      adjoin = way & 1, input_lanes = way & 2;
      if (adjoin && (taps[1] == 1 || window.dilation[1] != 1)) continue;
      if (weights() < best.weights()) best = *this;
    }
    *this = best;
  }

  Index x_runs() const { return adjoin ? taps[0] : taps[0] * taps[1]; }
  Index length(bool of_x) const { return !of_x ? O : adjoin ? taps[1] * C : C; }
  Index lanes() const { return lanes_for<T>(length(input_lanes)); }  // of one run
  Index group() const { return group_for_one(length(!input_lanes)); }
  Index rows() const {  // of one run, in whole groups
    const Index rows = length(!input_lanes);
    return most(ceil_div(rows, 2) * 2, ceil_div(rows, group()) * group());
  }
  // The sum: x_runs by rows by lanes, room for a group of rows, and the bias gradient.
  Index spare() const { return x_runs() * rows(); }
  Index weights() const { return spare() * lanes(); }
  Index bias() const { return (spare() + 4) * lanes(); }
  Index size() const { return bias() + lanes_for<T>(O); }

  // Where weight (o, c, i, j) lies: a multiple of each.
  struct Strides {
    Index o, c, i, j;
  };
  Strides strides() const {
    const Index number = input_lanes ? 1 : lanes(), run = rows() * lanes();
    return {input_lanes ? lanes() : 1, number, adjoin ? run : taps[1] * run,
            adjoin ? C * number : run};
  }
};

// One factor: its numbers come in runs of neighbours, the same for every pixel.
template <class T>
struct Factor {
  const T* data;        // of the first pixel
  Index step[3];        // to the next image, row and column
  const Index* runs;    // where each run begins
  Index count, length;  // of runs, and of each
};

// Add the products of the factors' numbers, pixel by pixel, to `sum`, or to zero if `fresh`.
// `groups` is an empty list with enough room.
template <class T>
void add_products(const Layout<T>& layout, const Factor<T>& x, const Factor<T>& y, const Box& box,
                  RowGroups<T> groups, T* sum, bool fresh) {
  constexpr int L = kLanes<T>;
  const Factor<T>& rows = layout.input_lanes ? y : x;
  const Factor<T>& lanes = layout.input_lanes ? x : y;
  Steps k = {{box.images, box.rows, box.columns}, {}, {}};
  for (int axis = 0; axis < 3; ++axis) k.a[axis] = rows.step[axis], k.b[axis] = lanes.step[axis];
  const Index pitch = layout.lanes(), height = layout.rows();
  for (Index n = 0; n < pitch; n += 2 * L) {
    const Index group = n + L < pitch ? 2 : layout.group();
    groups.count = 0;
    for (Index run = 0; run < rows.count; ++run)
      for (Index m = 0; m < rows.length; m += group)
        groups.add(rows.data + rows.runs[run] + m, run * height + m);
    for (Index run = 0; run < lanes.count; ++run) {
      const Index first = run * rows.count * height;
      multiply_groups(groups, group, 1, lanes.data + lanes.runs[run] + n, k,
                      sum + first * pitch + n, pitch, layout.spare() - first, fresh);
    }
  }
}

// Add each channel's numbers to `sum`, by whole vectors: a row by itself, four pixels at a time.
template <class T>
void add_pixels(const Source<T>& y, const Box& box, Index channels, T* sum) {
  constexpr int L = kLanes<T>;
  for (Index n = 0; n < box.images; ++n)
    for (Index p = 0; p < box.rows; ++p)
      for (Index c = 0; c < channels; c += L) {
        const T* from = y.data + n * y.image + p * y.row + c;
        Vector<T> part[4] = {};
        Index q = 0;
        for (; q + 4 <= box.columns; q += 4)
          for (int i = 0; i < 4; ++i) part[i] += load(from + (q + i) * y.column);
        for (int i = 0; q + i < box.columns; ++i) part[i] += load(from + (q + i) * y.column);
        store(sum + c, load(sum + c) + ((part[0] + part[1]) + (part[2] + part[3])));
      }
}

}  // namespace
}  // namespace clearconv::CLEARCONV_VARIANT
