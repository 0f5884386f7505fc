// The weight gradient of a 1x1 convolution: one product, grad_weight[o, c] = sum of grad_y[pixel, o]
// x[pixel, c], with output channels for rows and input channels for lanes.
//
// Both factors are packed, once, load transforms and all: rows of grad_y at an odd number of cache
// lines, lanes of x in blocks of two vectors. Shards are summed and combined as everywhere
// (shards.h): the bits are those that pixel_sums.h would give.
//
// Where the sums of all shards outweigh the factors, everything is packed first, and a unit of work
// is a block of the product, whose shards meet in the nearest cache. Else a unit is a shard: it
// packs a few pixels at a time and keeps its sums of all weights.
#pragma once

#include "../../native/shards.h"

namespace clearconv::CLEARCONV_VARIANT {
namespace {

// Pixels of an operand in order, whatever image and row they are of.
template <class T>
struct PixelReader {
  Operand<T> from;
  Index height, width;

  explicit PixelReader(const Operand<T>& operand) : from(operand) {
    if (rows_adjoin(from.x) && (!from.beside.data || rows_adjoin(from.beside)) &&
        from.how != Operand<T>::unpooled) {
      from.x.shape[3] *= from.x.shape[0] * from.x.shape[2];
      from.x.shape[0] = from.x.shape[2] = 1;
    }
    height = from.shape(2), width = from.shape(3);
  }

  static bool rows_adjoin(const Tensor<const T>& x) {
    const Index row = x.shape[3] * x.stride[3];
    return (x.shape[2] == 1 || x.stride[2] == row) &&
           (x.shape[0] == 1 || x.stride[0] == x.shape[2] * row);
  }

  // Channels [c, c + channels) of pixels [first, first + count), `pitch` numbers apart.
  void read(Index c, Index channels, Index first, Index count, T* to, Index pitch) const {
    const Operand<T> some = clearconv::CLEARCONV_VARIANT::channels(from, c, channels);
    for (Index done = 0; done < count;) {
      const Index row = (first + done) / width, column = (first + done) % width;
      const Index run = least(count - done, width - column);
      read_pixels(some, row / height, row % height, column, run, to + done * pitch, pitch);
      done += run;
    }
  }
};

// Both factors of some pixels, packed.
template <class T>
struct PackedFactors {
  static constexpr Index kDeep = 512 / sizeof(T);   // rows of a panel: so many channels, at most,
  static constexpr Index kPitch = 576 / sizeof(T);  // so far apart for neighbouring pixels
  static constexpr Index kWidth = 2 * kLanes<T>;    // lanes of a block

  Index rows, lanes, pixels;
  T *panels, *blocks;

  Index panel_size() const { return pixels * kPitch + 64 / Index(sizeof(T)); }
  Index size() const { return ceil_div(rows, kDeep) * panel_size() + lanes * pixels; }
  void place(T* memory) {
    panels = memory;
    blocks = memory + ceil_div(rows, kDeep) * panel_size();
  }
  const T* panel(Index row, Index pixel) const {
    return panels + row / kDeep * panel_size() + pixel * kPitch + row % kDeep;
  }
  // The block of lane `n`, for `multiply`.
  T* block(Index n) const { return blocks + block_offset<T>(n, 0, pixels, lanes); }

  // Pixels [first, first + count) of the operands become pixels from `at` on.
  void read(const PixelReader<T>& grad_y, const PixelReader<T>& x, Index first, Index count,
            Index at) const {
    for (Index m = 0; m < rows; m += kDeep)
      grad_y.read(m, least(kDeep, rows - m), first, count,
                  panels + m / kDeep * panel_size() + at * kPitch, kPitch);
    for (Index n = 0; n < lanes; n += kWidth) {
      const Index width = least(kWidth, lanes - n);
      x.read(n, width, first, count, block(n) + at * width, width);
    }
  }
};

template <class T>
struct PointwiseWeightGradient {
  using Packed = PackedFactors<T>;
  static constexpr Index kRowsOfBlock = 2 * kRowsTwo;  // of a product whose shards lie together
  static constexpr Index kMoreRows = 8;     // that a tile may write behind the last
  static constexpr Index kPartPixels = 128;  // packed at a time by a shard
  static constexpr Index kTogether = 16;     // rows whose shards are combined together

  PixelReader<T> x, grad_y;
  Index I, O, pixels;
  T* grad_weight;  // (O, I)
  const Runtime& runtime;
  BatchChunks chunks;
  Packed packed;  // all pixels
  T* sums;        // (shards, panels, rows, I)

  // `x` has a pixel for each of grad_y's, and a multiple of 16 channels.
  PointwiseWeightGradient(const Operand<T>& x, const Operand<T>& grad_y, T* grad_weight,
                          const Runtime& runtime)
      : x(x),
        grad_y(grad_y),
        I(x.shape(1)),
        O(grad_y.shape(1)),
        pixels(x.shape(0) * x.shape(2) * x.shape(3)),
        grad_weight(grad_weight),
        runtime(runtime),
        chunks(x.shape(0), x.shape(2), x.shape(3)),
        packed{},
        sums(nullptr) {}

  T* memory(int slot, Index numbers) const {
    return static_cast<T*>(runtime.scratch(slot, numbers * sizeof(T)));
  }

  void run() {
    if (pixels * (I + O) <= chunks.shards * I * O)
      by_block();
    else
      by_shard();
  }

  // Call work(first pixel, count) for the summands of a shard: chunks, and pieces of longer ones.
  template <class Work>
  void over_chunks(Index shard, const Work& work) const {
    for (Index c = chunks.first[shard]; c < chunks.first[shard + 1]; ++c) {
      const Box box = chunks.box(c);
      const Index first = (box.image * chunks.height + box.row) * chunks.width;
      for (Index done = 0; done < box.pixels(); done += kChunkPixels)
        work(first + done, least(kChunkPixels, box.pixels() - done));
    }
  }

  void by_block() {
    packed = {O, I, pixels, nullptr, nullptr};
    packed.place(memory(1, packed.size()));
    runtime.parallel(chunks.shards, pack_shard, this);
    runtime.parallel(ceil_div(O, Packed::kDeep) * ceil_div(I, Packed::kWidth), sum_block, this);
  }

  static void pack_shard(void* context, Index shard) {
    const PointwiseWeightGradient& self = *static_cast<PointwiseWeightGradient*>(context);
    self.over_chunks(shard, [&](Index first, Index count) {
      self.packed.read(self.grad_y, self.x, first, count, first);
    });
  }

  // A unit of work: a panel of rows by a block of lanes, all shards.
  static void sum_block(void* context, Index unit) {
    const PointwiseWeightGradient& self = *static_cast<PointwiseWeightGradient*>(context);
    const Index blocks = ceil_div(self.I, Packed::kWidth), n = unit % blocks * Packed::kWidth;
    const Index first = unit / blocks * Packed::kDeep, shards = self.chunks.shards;
    const Index width = least(Packed::kWidth, self.I - n);
    const Index size = (kRowsOfBlock + kMoreRows) * width;
    T* sums = self.memory(0, shards * size);
    const Index stop = least(first + Packed::kDeep, self.O);
    for (Index m = first; m < stop; m += kRowsOfBlock) {
      const Index rows = least(kRowsOfBlock, stop - m);
      for (Index s = 0; s < shards; ++s) {
        Sum how = Sum::fresh;
        self.over_chunks(s, [&](Index pixel, Index count) {
          multiply<T, 1, Packed::kPitch>(self.packed.panel(m, pixel), rows, self.packed.block(n),
                                         pixel, count, self.pixels, sums + s * size, width, how);
          how = Sum::added;
        });
      }
      add_shards(sums, shards, size, rows * width);
      for (Index r = 0; r < rows; ++r)
        std::memcpy(self.grad_weight + (m + r) * self.I + n, sums + r * width, width * sizeof(T));
    }
  }

  // A shard's sums: all panels of rows, each with room behind it.
  Index panel_size() const { return (Packed::kDeep + kMoreRows) * I; }
  Index sum_size() const { return ceil_div(O, Packed::kDeep) * panel_size(); }

  void by_shard() {
    sums = memory(1, chunks.shards * sum_size());
    runtime.parallel(chunks.shards, sum_shard, this);
    runtime.parallel(ceil_div(O, kTogether), combine, this);
  }

  static void sum_shard(void* context, Index shard) {
    const PointwiseWeightGradient& self = *static_cast<PointwiseWeightGradient*>(context);
    Packed part = {self.O, self.I, kPartPixels, nullptr, nullptr};
    const Index size = self.sum_size();
    T* total = self.sums + shard * size;
    T* chunk = self.memory(0, size + part.size());
    part.place(chunk + size);
    T* into = total;
    self.over_chunks(shard, [&](Index first, Index count) {
      for (Index done = 0; done < count; done += kPartPixels) {
        const Index some = least(kPartPixels, count - done);
        part.read(self.grad_y, self.x, first + done, some, 0);
        for (Index m = 0; m < self.O; m += Packed::kDeep)
          multiply<T, 1, Packed::kPitch>(part.panel(m, 0), least(Packed::kDeep, self.O - m),
                                         part.blocks, 0, some, kPartPixels,
                                         into + m / Packed::kDeep * self.panel_size(), self.I,
                                         done == 0 ? Sum::fresh : Sum::onward);
      }
      if (into == chunk)
        for (Index i = 0; i < size; ++i) total[i] += chunk[i];
      into = chunk;
    });
  }

  // A unit of work: some rows of the weights.
  static void combine(void* context, Index unit) {
    const PointwiseWeightGradient& self = *static_cast<PointwiseWeightGradient*>(context);
    const Index o = unit * kTogether, numbers = least(kTogether, self.O - o) * self.I;
    T* sums = self.sums + o / Packed::kDeep * self.panel_size() + o % Packed::kDeep * self.I;
    add_shards(sums, self.chunks.shards, self.sum_size(), numbers);
    std::memcpy(self.grad_weight + o * self.I, sums, numbers * sizeof(T));
  }
};

// Whether a weight gradient goes this way.
template <class T>
bool is_pointwise(const Geometry& window, Index groups, const Operand<T>& x, Index outputs) {
  if (groups > 1 || x.shape(1) % 16 != 0 || outputs < 16) return false;
  for (int axis = 0; axis < 2; ++axis) {
    const bool sees_all = window.stride[axis] == 1 || x.how != Operand<T>::unpooled;
    if (window.kernel[axis] > 1 || window.before[axis] + window.after[axis] > 0 || !sees_all)
      return false;
  }
  return true;
}

// The pixels that such a convolution looks at.
template <class T>
Operand<T> every(Operand<T> x, const Geometry& window) {
  for (int axis = 0; axis < 2; ++axis) {
    x.x.shape[axis + 2] = window.output[axis];
    x.x.stride[axis + 2] *= window.stride[axis];
    x.beside.stride[axis + 2] *= window.stride[axis];
  }
  return x;
}

}  // namespace
}  // namespace clearconv::CLEARCONV_VARIANT
