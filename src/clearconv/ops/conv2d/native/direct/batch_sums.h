// The gradients that are sums over the batch: of the weights and of the bias, shard by shard.
#pragma once

#include "native/passes/shards.h"
#include "ops/conv2d/native/routes.h"
#include "pixel_sums.h"

namespace clearconv::CLEARCONV_VARIANT {
namespace {

template <class T>
constexpr Beyond kBeyond = {0, 2 * kLanes<T>};

// The weight gradient, cut into blocks of channels, in and out, and shards of images. A unit of
// work is one shard of a block, or where blocks abound, a whole block: then its shards meet in
// cache.
template <class T>
struct WeightGradient {
  static constexpr Index kBlock = 36864;        // weights of a block, and its output channels, at
  static constexpr Index kOutputs = 64;         // most: so its sums stay in cache
  static constexpr Index kPartBytes = 1 << 18;  // of x and grad_y, read at a time
  static constexpr Index kManyBlocks = 16;

  Operand<T> x, grad_y;
  Geometry window;
  Index groups;
  conv2d::Gradients<T> to;
  const Runtime& runtime;
  Index I, K;                // channels of a group, in and out
  Index O, C;                // those of a block
  Index x_blocks, y_blocks;  // of a group
  Index numbers;             // of a block's sum
  T* partial;                // (blocks, shards, numbers)

  WeightGradient(const Operand<T>& x, const Operand<T>& grad_y, const Geometry& window,
                 Index groups, const conv2d::Gradients<T>& to, const Runtime& runtime)
      : x(x),
        grad_y(grad_y),
        window(window),
        groups(groups),
        to(to),
        runtime(runtime),
        I(x.shape(1) / groups),
        K(grad_y.shape(1) / groups),
        O(divide(K, kOutputs)),
        C(divide(I, most(16, kBlock / (taps() * O)))),
        x_blocks(ceil_div(I, C)),
        y_blocks(ceil_div(K, O)),
        numbers(0),
        partial(nullptr) {
    for (Index block = 0; block < x_blocks * y_blocks; ++block)
      numbers = most(numbers, Block(*this, block).layout.size());
  }

  // Channels of a block: all alike, a multiple of 16, up to this many.
  static Index divide(Index channels, Index at_most) {
    const Index each = ceil_div(channels, ceil_div(channels, at_most / 16 * 16));
    return least(channels, ceil_div(each, 16) * 16);
  }

  struct Block {
    Index group, c, o;  // the first channels, within the group
    Layout<T> layout;
    Block(const WeightGradient& of, Index block)
        : group(block / (of.x_blocks * of.y_blocks)),
          c(block / of.y_blocks % of.x_blocks * of.C),
          o(block % of.y_blocks * of.O),
          layout(of.window, least(of.C, of.I - c), least(of.O, of.K - o)) {}
  };

  Index taps() const { return window.kernel[0] * window.kernel[1]; }
  Index shards() const { return to.shards.here; }
  Patches<T> patches(Index first, Index count) const {
    return {channels(x, first, count), forward_axis(window, 0), forward_axis(window, 1)};
  }
  Chunks chunks(Index shard) const {
    return Chunks(Shard(to.shards, shard), window.output[0], window.output[1]);
  }
  Box largest_chunk() const {
    const Box largest = {0, most_images(to.shards), 0, window.output[0], window.output[1]};
    return Chunks(largest, kChunkPixels).box(0);
  }
  Chunks parts(const Box& chunk) const {
    const Index numbers = window.stride[0] * window.stride[1] * C + O;  // of a pixel
    return Chunks(chunk, kPartBytes / Index(sizeof(T)) / numbers);
  }

  void run() {
    ran(Route::direct);
    const Index blocks = groups * x_blocks * y_blocks;
    if (blocks >= kManyBlocks) return runtime.parallel(blocks, whole_block, this);
    partial = static_cast<T*>(runtime.scratch(1, blocks * shards() * numbers * sizeof(T)));
    runtime.parallel(blocks * shards(), one_shard, this);
    runtime.parallel(blocks, one_block, this);
  }

  static void one_shard(void* context, Index unit) {
    const WeightGradient& self = *static_cast<WeightGradient*>(context);
    self.add_shard(Block(self, unit / self.shards()), unit % self.shards(), Memory(self, 0),
                   self.partial + unit * self.numbers);
  }

  static void one_block(void* context, Index unit) {
    const WeightGradient& self = *static_cast<WeightGradient*>(context);
    self.combine(Block(self, unit), self.partial + unit * self.shards() * self.numbers);
  }

  static void whole_block(void* context, Index unit) {
    const WeightGradient& self = *static_cast<WeightGradient*>(context);
    const Memory memory(self, self.shards());
    for (Index shard = 0; shard < self.shards(); ++shard)
      self.add_shard(Block(self, unit), shard, memory, memory.sums + shard * self.numbers);
    self.combine(Block(self, unit), memory.sums);
  }

  // What a unit of work needs in addition to its data.
  struct Memory {
    T *sums, *acc, *x_strip, *y_strip;  // sums: (shards, numbers)
    Index* runs;
    RowGroups<T> groups;
    Memory(const WeightGradient& of, Index shards) {
      const Box part = of.parts(of.largest_chunk()).box(0);  // none is larger
      const Index x_size = strip_size(of.patches(0, of.C), part.images, part.rows, kBeyond<T>);
      const Index y_size =
          strip_size(pixels_of(of.grad_y, 0, of.O), part.images, part.rows, kBeyond<T>);
      const Index most_groups = of.taps() * of.C + of.O + kTallest;
      const Index indices = ceil_div(of.taps() + 2 * most_groups, 8) * 8;  // whole cache lines
      char* memory = static_cast<char*>(of.runtime.scratch(
          0, indices * sizeof(Index) + ((shards + 1) * of.numbers + x_size + y_size) * sizeof(T)));
      runs = reinterpret_cast<Index*>(memory);
      groups = {reinterpret_cast<const T**>(runs + of.taps()), runs + of.taps() + most_groups, 0};
      sums = reinterpret_cast<T*>(runs + indices);
      acc = sums + shards * of.numbers;
      x_strip = acc + of.numbers;
      y_strip = x_strip + x_size;
    }
  };

  // The sum over one shard's images.
  void add_shard(const Block& block, Index shard, const Memory& memory, T* total) const {
    const Layout<T>& layout = block.layout;
    const Patches<T> xs = patches(block.group * I + block.c, layout.C);
    const Patches<T> ys = pixels_of(grad_y, block.group * K + block.o, layout.O);
    const Chunks chunks = this->chunks(shard);
    const Index size = layout.size();
    for (Index c = 0; c < chunks.count; ++c) {
      const Chunks parts = this->parts(chunks.box(c));
      for (Index part = 0; part < parts.count; ++part) {
        const Box box = parts.box(part);
        const Source<T> from_x = open(xs, box, kBeyond<T>, layout.adjoin, memory.x_strip);
        const Source<T> from_y = open(ys, box, kBeyond<T>, false, memory.y_strip);
        // A row of more pixels than a chunk is its box's only one.
        for (Index q = 0; q < box.columns; q += kChunkPixels) {
          Box piece = box;
          piece.columns = least(box.columns - q, kChunkPixels);
          T* sum = c > 0 || q > 0 ? memory.acc : total;
          add(block, memory, from_x, from_y, q, piece, sum, part == 0);
          if (sum != total && part == parts.count - 1)
            for (Index i = 0; i < size; ++i) total[i] += sum[i];
        }
      }
    }
  }

  // Add the pixels of a box, whose first column is `q`, to `sum`.
  void add(const Block& block, const Memory& memory, Source<T> from_x, Source<T> from_y, Index q,
           const Box& box, T* sum, bool fresh) const {
    const Layout<T>& layout = block.layout;
    const Index row = window.dilation[0] * from_x.row, column = window.dilation[1] * from_x.column;
    for (Index run = 0; run < layout.x_runs(); ++run)
      memory.runs[run] = layout.adjoin ? run * row
                                       : run / layout.taps[1] * row + run % layout.taps[1] * column;
    from_x.data += q * window.stride[1] * from_x.column;
    from_y.data += q * from_y.column;
    const Factor<T> x_factor = {
        from_x.data,
        {from_x.image, window.stride[0] * from_x.row, window.stride[1] * from_x.column},
        memory.runs, layout.x_runs(), layout.length(true)};
    const Index only = 0;
    const Factor<T> y_factor = {
        from_y.data, {from_y.image, from_y.row, from_y.column}, &only, 1, layout.O};
    add_products(layout, x_factor, y_factor, box, memory.groups, sum, fresh);
    if (!to.bias || block.c > 0) return;
    if (fresh) std::memset(sum + layout.bias(), 0, lanes_for<T>(layout.O) * sizeof(T));
    add_pixels(from_y, box, layout.O, sum + layout.bias());
  }

  // Add the shards of one block, and write it as (O, I, KH, KW).
  void combine(const Block& block, T* sums) const {
    const Layout<T>& layout = block.layout;
    add_shards(sums, shards(), numbers, layout.size());
    const auto at = layout.strides();
    const Index KH = layout.taps[0], KW = layout.taps[1], o = block.group * K + block.o;
    constexpr Index kTogether = 16;  // output channels: a line is read, or written, at once
    const Index depth = I * KH * KW;
    for (Index first = 0; first < layout.O; first += kTogether) {
      const Index stop = least(layout.O, first + kTogether);
      T* next = to.weight + o * depth + block.c * KH * KW;
      for (Index c = 0; c < layout.C; ++c)
        for (Index i = 0; i < KH; ++i)
          for (Index j = 0; j < KW; ++j, ++next)
            for (Index n = first; n < stop; ++n)
              next[n * depth] = sums[n * at.o + c * at.c + i * at.i + j * at.j];
    }
    if (to.bias && block.c == 0)
      std::memcpy(to.bias + o, sums + layout.bias(), layout.O * sizeof(T));
  }
};

// The bias gradient alone: each shard adds up its pixels.
template <class T>
struct BiasGradient {
  Operand<T> grad_y;
  Shards shards;
  const Runtime& runtime;
  T* partial;  // (shards, lanes)

  static void add_up(void* context, Index shard) {
    const BiasGradient& self = *static_cast<BiasGradient*>(context);
    const Index O = self.grad_y.shape(1), lanes = lanes_for<T>(O);
    const Patches<T> ys = pixels_of(self.grad_y, 0, O);
    const Chunks chunks(Shard(self.shards, shard), ys.h.output, ys.w.output);
    const Index size = strip_size(ys, chunks.images, chunks.rows, kBeyond<T>);
    T* acc = static_cast<T*>(self.runtime.scratch(0, (lanes + size) * sizeof(T)));
    T* total = self.partial + shard * lanes;
    std::memset(total, 0, lanes * sizeof(T));
    for (Index c = 0; c < chunks.count; ++c) {
      const Box box = chunks.box(c);
      const Source<T> from = open(ys, box, kBeyond<T>, false, acc + lanes);
      for (Index q = 0; q < box.columns; q += kChunkPixels) {
        Box piece = box;
        piece.columns = least(box.columns - q, kChunkPixels);
        Source<T> at = from;
        at.data += q * from.column;
        std::memset(acc, 0, lanes * sizeof(T));
        add_pixels(at, piece, O, acc);
        for (Index n = 0; n < lanes; ++n) total[n] += acc[n];
      }
    }
  }
};

}  // namespace
}  // namespace clearconv::CLEARCONV_VARIANT
