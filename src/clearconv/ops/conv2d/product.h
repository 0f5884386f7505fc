// Patches times filters: what the forward pass and each phase of the input gradient are.
//
// Its units of work are pixels of the result: whole rows of an image, or whole images of a shard.
// They depend on shapes alone, so the moments that each unit measures do too.
#pragma once

#include "../../native/finish.h"
#include "../../native/shards.h"
#include "windows.h"

namespace clearconv::CLEARCONV_VARIANT {
namespace {

constexpr Index kChunk = kRowsOne * (112 / kRowsOne);  // pixels of one panel: whole tiles
constexpr Index kUnit = 448;                           // pixels of one unit of work, at most
constexpr Index kUnitNumbers = 1 << 16;                // and numbers, where a row has fewer
constexpr Index kWorthAThread = 50000;                 // weights that outweigh waking one

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

// One convolution: patches times filters, into channels [first, first + lanes) of the result.
template <class T>
struct Pass {
  Patches<T> x;
  Filters<T> filters;
  Epilogue<T> to;
  Index first;
  T* packed;  // the filters, ready for the tile
  Index units, first_unit[9];  // of each shard

  Index lanes() const { return lanes_for<T>(filters.lanes); }

  Chunks chunks(Index shard) const {
    const Index pixels = least(kUnit, kUnitNumbers / common_lanes(filters.lanes));
    return Chunks(Shard(x.image.shape(0), shard), x.h.output, x.w.output, pixels, to.pool ? 2 : 1);
  }

  void count_units() {
    const Index shards = shard_count(x.image.shape(0));
    first_unit[0] = 0;
    for (Index s = 0; s < shards; ++s) first_unit[s + 1] = first_unit[s] + chunks(s).count;
    units = first_unit[shards];
  }

  Box box(Index unit) const {
    Index shard = 0;
    while (unit >= first_unit[shard + 1]) ++shard;
    return chunks(shard).box(unit - first_unit[shard]);
  }

  void compute(Index unit, const Moments* moments, const Runtime& runtime) const {
    const Box box = this->box(unit);
    const Index depth = x.depth(), blocks = ceil_div(depth, kDepth<T>), pitch = lanes();
    const Index numbers = kChunk * kPanelStride<T> + (box.pixels() + kRowsOne) * pitch;
    const Index strip = strip_size(x, box.images, box.rows, kLanes<T>);
    T* panel = static_cast<T*>(runtime.scratch(0, (numbers + strip) * sizeof(T)));
    T* acc = panel + kChunk * kPanelStride<T>;  // (pixels, lanes), and room for a last tile
    if (depth == 0) std::memset(acc, 0, box.pixels() * pitch * sizeof(T));
    Source<T> source = {};
    if (depth > 0) source = open(x, box, 0, false, acc + (box.pixels() + kRowsOne) * pitch);
    for (Index first = 0; depth > 0 && first < box.pixels(); first += kChunk) {
      const Index count = least(kChunk, box.pixels() - first);
      for (Index b = 0; b < blocks; ++b) {
        const Index k0 = depth * b / blocks, k1 = depth * (b + 1) / blocks;
        gather(x, source, box, first, count, k0, k1, panel);
        for (Index m = count; m < kChunk && m % kRowsOne != 0; ++m)  // fill the last tile
          std::memset(panel + m * kPanelStride<T>, 0, (k1 - k0) * sizeof(T));
        multiply<T, kPanelStride<T>, 1>(panel, count, packed, k0, k1 - k0, depth,
                                        acc + first * pitch, pitch,
                                        b == 0 ? Sum::fresh : Sum::onward);
      }
    }
    finish(to, moments, box, unit, {acc, pitch, this->first, filters.lanes});
  }
};

// All passes of one call share its threads: their units form one list.
template <class T>
struct Passes {
  Pass<T>* pass;
  Index count;
  const Runtime& runtime;
  const Moments* moments;

  void run(T* packed) {
    Index units = 0, blocks = 0, weights = 0;
    for (Index i = 0; i < count; ++i) {
      Pass<T>& one = pass[i];
      one.packed = packed + weights;
      one.count_units();
      weights += one.x.depth() * one.lanes();
      blocks += one.filters.blocks();
      units += one.units;
    }
    if (weights < kWorthAThread)
      for (Index block = 0; block < blocks; ++block) pack(this, block);
    else
      runtime.parallel(blocks, pack, this);
    const Epilogue<T>& to = pass[0].to;
    Moments measured(to.mean ? pass[0].units : 0, to.y.shape[1], runtime);
    moments = to.mean ? &measured : nullptr;
    runtime.parallel(units, compute, this);
    if (to.mean)
      measured.combine(pass[0].first_unit, shard_count(to.y.shape[0]), to.mean, to.var);
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
    pass->compute(unit, passes.moments, passes.runtime);
  }
};

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
