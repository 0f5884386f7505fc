// Patches times filters: what the forward pass and each phase of the input gradient are.
//
// Its units of work are boxes of the result, whole rows of an image or whole images of a shard.
// They depend on shapes alone, so the moments measured in each do too.
#pragma once

#include "native/tile/finish.h"
#include "native/passes/shards.h"
#include "ops/conv2d/native/routes.h"
#include "patch_product.h"

namespace clearconv::CLEARCONV_VARIANT {
namespace {

constexpr Index kUnit = 448;             // pixels of one unit of work, at most
constexpr Index kUnitNumbers = 1 << 17;  // and about this many numbers of patches and results
constexpr Index kTogether = 128;         // channels of the result that are summed at a time
constexpr Index kWorthAThread = 50000;   // weights that outweigh waking one

// Filters as the B of the tile: k = (row tap, column tap, channel), zeros in the unused lanes.
template <class T>
struct Filters {
  const T* data;  // weight of tap (0, 0), first channel, first lane
  Index lanes, lane_stride, channels, channel_stride, row_stride, column_stride;
  Taps rows, columns;

  Index blocks() const { return ceil_div(lanes, 2 * kLanes<T>); }

  // Pack one block of lanes, some channels at a time: what a line of the weights holds is taken
  // together, and the rows that it goes to stay in cache.
  void pack(Index block, Index row_taps, Index column_taps, T* to) const {
    constexpr Index kTogether = 16;
    const Index width = lanes_for<T>(lanes), depth = row_taps * column_taps * channels;
    const Index first = block * 2 * kLanes<T>;
    const Index padded = least(2 * kLanes<T>, width - first), count = least(padded, lanes - first);
    T* rows_of_block = to + block_offset<T>(first, 0, depth, width);
    for (Index k = 0; k < depth; ++k)
      for (Index n = count; n < padded; ++n) rows_of_block[k * padded + n] = 0;
    for (Index c = 0; c < channels; c += kTogether)
      for (Index i = 0; i < row_taps; ++i)
        for (Index j = 0; j < column_taps; ++j) {
          const T* from = data + first * lane_stride + c * channel_stride +
                          (rows.first + i * rows.step) * row_stride +
                          (columns.first + j * columns.step) * column_stride;
          T* row = rows_of_block + ((i * column_taps + j) * channels + c) * padded;
          const Index some = least(kTogether, channels - c);
          if (lane_stride < channel_stride)
            for (Index m = 0; m < some; ++m)
              for (Index n = 0; n < count; ++n)
                row[m * padded + n] = from[n * lane_stride + m * channel_stride];
          else
            for (Index n = 0; n < count; ++n)
              for (Index m = 0; m < some; ++m)
                row[m * padded + n] = from[n * lane_stride + m * channel_stride];
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
  T* packed;                  // the filters, ready for the tile
  Index boxes, first_box[kMostShards + 1];  // of each shard

  Index lanes() const { return lanes_for<T>(filters.lanes); }
  Shards shards() const { return shards_of(to, x.image.shape(0)); }

  Chunks chunks(Index shard) const {
    const Index numbers = x.h.stride * x.w.stride * x.image.shape(1) +
                          least(kTogether, common_lanes(filters.lanes));
    const Index pixels = least(kUnit, kUnitNumbers / numbers);
    return Chunks(Shard(shards(), shard), x.h.output, x.w.output, pixels, to.pool ? 2 : 1);
  }

  void count_boxes() {
    const Index here = shards().here;
    first_box[0] = 0;
    for (Index s = 0; s < here; ++s) first_box[s + 1] = first_box[s] + chunks(s).count;
    boxes = first_box[here];
  }

  Box box(Index index) const {
    Index shard = 0;
    while (index >= first_box[shard + 1]) ++shard;
    return chunks(shard).box(index - first_box[shard]);
  }

  // A strip serves all channels, some at a time: so their sums stay in cache.
  void compute(Index unit, const Moments* moments, const Runtime& runtime) const {
    const Box box = this->box(unit);
    const Index pixels = box.pixels(), most_groups = ceil_div(pixels + kTallest, 8) * 8;
    const Index pitch = least(kTogether, lanes()), sums = (pixels + 4) * pitch;
    const T** starts = static_cast<const T**>(runtime.scratch(
        0, 2 * most_groups * sizeof(Index) +
               (sums + strip_size(x, box.images, box.rows, kGroupBeyond)) * sizeof(T)));
    const RowGroups<T> groups = {starts, reinterpret_cast<Index*>(starts + most_groups), 0};
    T* acc = reinterpret_cast<T*>(groups.acc + most_groups);  // (pixels and a group more, pitch)
    Source<T> source = {};
    if (x.depth() > 0) source = open(x, box, kGroupBeyond, false, acc + sums);
    for (Index lane = 0; lane < filters.lanes; lane += kTogether) {
      const Index count = least(kTogether, filters.lanes - lane);
      if (x.depth() > 0)
        multiply_patches(x, source, box, groups, packed, lanes(), lane, lanes_for<T>(count), acc,
                         pitch);
      else
        std::memset(acc, 0, sums * sizeof(T));
      finish(to, moments, box, unit, {acc, pitch, first + lane, count});
    }
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
    ran(Route::direct);
    Index units = 0, blocks = 0, weights = 0;
    for (Index i = 0; i < count; ++i) {
      Pass<T>& one = pass[i];
      one.packed = packed + weights;
      one.count_boxes();
      weights += one.x.depth() * one.lanes();
      blocks += one.filters.blocks();
      units += one.boxes;
    }
    if (weights < kWorthAThread)
      for (Index block = 0; block < blocks; ++block) pack(this, block);
    else
      runtime.parallel(blocks, pack, this);
    const Epilogue<T>& to = pass[0].to;
    Moments measured(to.moments ? pass[0].boxes : 0, to.y.shape[1], runtime);
    moments = to.moments ? &measured : nullptr;
    runtime.parallel(units, compute, this);
    if (to.moments) measured.combine(pass[0].first_box, to.shards.here, to.moments);
  }

  static void pack(void* context, Index block) {
    const Pass<T>* pass = static_cast<Passes*>(context)->pass;
    for (; block >= pass->filters.blocks(); ++pass) block -= pass->filters.blocks();
    pass->filters.pack(block, pass->x.h.taps, pass->x.w.taps, pass->packed);
  }

  static void compute(void* context, Index unit) {
    const Passes& passes = *static_cast<Passes*>(context);
    const Pass<T>* pass = passes.pass;
    for (; unit >= pass->boxes; ++pass) unit -= pass->boxes;
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
