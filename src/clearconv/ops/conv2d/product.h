// Patches times filters: what the forward pass and each phase of the input gradient are.
//
// Its units of work are pixels of the result: whole rows of an image, or whole images.
#pragma once

#include "windows.h"

namespace clearconv::CLEARCONV_VARIANT {
namespace {

constexpr Index kChunk = kRowsOne * (112 / kRowsOne);  // pixels of one panel: whole tiles
constexpr Index kUnit = 4 * kChunk;                    // pixels of one unit of work, at most
constexpr Index kWorthAThread = 400000;                // multiply-adds that outweigh waking one

// Filters as the B of the tile: k = (row tap, column tap, channel), zeros in the unused lanes.
template <class T>
struct Filters {
  const T* data;  // weight of tap (0, 0), first channel, first lane
  Index lanes, lane_stride, channels, channel_stride, row_stride, column_stride;
  Taps rows, columns;

  Index blocks() const { return ceil_div(lanes, 2 * kLanes<T>); }

  // Pack one block of lanes. Channels go outermost: so every line of the weights is read once.
  void pack(Index block, Index row_taps, Index column_taps, T* to) const {
    const Index width = lanes_for<T>(lanes), depth = row_taps * column_taps * channels;
    const Index first = block * 2 * kLanes<T>;
    const Index padded = least(2 * kLanes<T>, width - first), count = least(padded, lanes - first);
    for (Index c = 0; c < channels; ++c)
      for (Index i = 0; i < row_taps; ++i)
        for (Index j = 0; j < column_taps; ++j) {
          const T* from = data + first * lane_stride + c * channel_stride +
                          (rows.first + i * rows.step) * row_stride +
                          (columns.first + j * columns.step) * column_stride;
          const Index k = (i * column_taps + j) * channels + c;
          T* row = to + block_offset<T>(first, k, depth, width);
          for (Index n = 0; n < count; ++n) row[n] = from[n * lane_stride];
          for (Index n = count; n < padded; ++n) row[n] = 0;
        }
  }
};

// One convolution: patches times filters, into (image, row, column, lane) of the result.
template <class T>
struct Pass {
  Patches<T> x;
  Filters<T> filters;
  T* packed;      // the filters, ready for the tile
  const T* bias;  // or null
  T* to;          // result of the first pixel
  Index to_image, to_row, to_column;
  Index unit_images, unit_rows, row_units, units;

  // Divide into units of about `pixels` each: whole rows of one image, or whole images.
  void divide(Index pixels) {
    const Index N = x.image.shape[0], P = x.h.output, Q = x.w.output;
    unit_rows = least(P, ceil_div(pixels, Q));
    unit_images = unit_rows < P ? 1 : least(most(N, 1), ceil_div(pixels, P * Q));
    row_units = ceil_div(P, unit_rows);
    units = ceil_div(N, unit_images) * row_units;
  }

  Box box(Index unit) const {
    const Index image = unit / row_units * unit_images, row = unit % row_units * unit_rows;
    return {image, least(unit_images, x.image.shape[0] - image),
            row, least(unit_rows, x.h.output - row), x.w.output};
  }

  Index lanes() const { return lanes_for<T>(filters.lanes); }

  Index scratch() const {  // numbers
    return kChunk * (kPanelStride<T> + lanes()) + strip_size(x, unit_images, unit_rows);
  }

  void compute(Index unit, const Runtime& runtime) const {
    T* panel = static_cast<T*>(runtime.scratch(0, scratch() * sizeof(T)));
    T* acc = panel + kChunk * kPanelStride<T>;  // (kChunk, lanes)
    const Box box = this->box(unit);
    const Index depth = x.depth(), blocks = ceil_div(depth, kDepth<T>);
    Source<T> source = {};
    if (depth > 0) source = open(x, box, acc + kChunk * lanes());
    for (Index first = 0; first < box.pixels(); first += kChunk) {
      const Index count = least(kChunk, box.pixels() - first);
      if (depth == 0) std::memset(acc, 0, count * lanes() * sizeof(T));
      for (Index b = 0; b < blocks; ++b) {
        const Index k0 = depth * b / blocks, k1 = depth * (b + 1) / blocks;
        gather(x, source, box, first, count, k0, k1, panel);
        for (Index m = count; m < kChunk && m % kRowsOne != 0; ++m)  // fill the last tile
          std::memset(panel + m * kPanelStride<T>, 0, (k1 - k0) * sizeof(T));
        multiply<T, kPanelStride<T>, 1>(panel, count, packed, k0, k1 - k0, depth, acc, lanes(),
                                        b == 0);
      }
      write(box, first, count, acc);
    }
  }

  void write(const Box& box, Index first, Index count, const T* acc) const {
    constexpr int L = kLanes<T>;
    Pixel at(box, first);
    for (Index m = 0; m < count; ++m, at.next(box), acc += lanes()) {
      T* y = to + (box.image + at.n) * to_image + (box.row + at.p) * to_row + at.q * to_column;
      Index o = 0;
      for (; o + L <= filters.lanes; o += L)
        store(y + o, bias ? load(acc + o) + load(bias + o) : load(acc + o));
      for (; o < filters.lanes; ++o) y[o] = bias ? acc[o] + bias[o] : acc[o];
    }
  }
};

// All passes of one call share its threads: their units form one list.
template <class T>
struct Passes {
  Pass<T>* pass;
  Index count;
  const Runtime& runtime;

  void run(T* packed) {
    Index work = 0;
    for (Index i = 0; i < count; ++i) {
      const Patches<T>& x = pass[i].x;
      work += x.image.shape[0] * x.h.output * x.w.output * x.depth() * pass[i].lanes();
    }
    const Index shares = most(1, least(4 * runtime.threads(), work / kWorthAThread));
    Index units = 0, blocks = 0, weights = 0;
    for (Index i = 0; i < count; ++i) {
      Pass<T>& one = pass[i];
      const Index pixels = one.x.image.shape[0] * one.x.h.output * one.x.w.output;
      one.divide(most(kRowsOne, least(kUnit, ceil_div(pixels * count, shares))));
      one.packed = packed + weights;
      weights += one.x.depth() * one.lanes();
      blocks += one.filters.blocks();
      units += one.units;
    }
    if (weights < kWorthAThread / 8)
      for (Index block = 0; block < blocks; ++block) pack(this, block);
    else
      runtime.parallel(blocks, pack, this);
    runtime.parallel(units, compute, this);
  }

  static void pack(void* context, Index block) {
    const Pass<T>* pass = static_cast<Passes*>(context)->pass;
    for (; block >= pass->filters.blocks(); ++pass) block -= pass->filters.blocks();
    pass->filters.pack(block, pass->x.h.taps, pass->x.w.taps, pass->packed);
  }

  static void compute(void* context, Index unit) {
    const Passes& passes = *static_cast<Passes*>(context);
    const Pass<T>* pass = passes.pass;
    for (; unit >= pass->units; ++pass) unit -= pass->units;
    pass->compute(unit, passes.runtime);
  }
};

template <class T>
Pass<T> make_pass(const Patches<T>& x, const Filters<T>& filters, const T* bias, T* to,
                  Index to_image, Index to_row, Index to_column) {
  return {x, filters, nullptr, bias, to, to_image, to_row, to_column, 0, 0, 0, 0};
}

// Memory for `count` passes and their packed filters.
template <class T>
struct Workspace {
  Pass<T>* pass;
  T* packed;
  Workspace(Index count, Index numbers, const Runtime& runtime) {
    const Index head = ceil_div(count * sizeof(Pass<T>), 64) * 64;
    char* memory = static_cast<char*>(runtime.scratch(1, head + numbers * sizeof(T)));
    pass = reinterpret_cast<Pass<T>*>(memory);
    packed = reinterpret_cast<T*>(memory + head);
  }
};

}  // namespace
}  // namespace clearconv::CLEARCONV_VARIANT
