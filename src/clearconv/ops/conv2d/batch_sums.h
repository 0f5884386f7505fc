// The gradients that are sums over the batch: of the weights and of the bias, shard by shard.
#pragma once

#include "../../native/shards.h"
#include "windows.h"

namespace clearconv::CLEARCONV_VARIANT {
namespace {

// Pixels of grad_y as the B of the tile: k = pixel, lanes = output channels. `row` has room for
// one pixel's lanes, zeros behind its channels.
template <class T>
void pack_pixels(const Operand<T>& grad_y, const Box& box, Index first, Index count, Index depth,
                 T* row, T* to) {
  constexpr int L = kLanes<T>;
  const Index O = grad_y.shape(1), lanes = lanes_for<T>(O);
  const bool direct = grad_y.how == Operand<T>::plain && grad_y.x.stride[1] == 1 && O % L == 0;
  for (Index o = O; o < lanes; ++o) row[o] = 0;
  Pixel at(box, first);
  for (Index m = 0; m < count; ++m, at.next(box)) {
    const T* from = row;
    if (direct)
      from = grad_y.x.data + (box.image + at.n) * grad_y.x.stride[0] +
             (box.row + at.p) * grad_y.x.stride[2] + at.q * grad_y.x.stride[3];
    else
      read_pixels(grad_y, box.image + at.n, box.row + at.p, at.q, 1, row, O);
    for (Index n = 0; n < lanes; n += L)
      store(to + block_offset<T>(n, m, depth, lanes), load(from + n));
  }
}

// The weight gradient, cut into blocks of rows = (tap, input channel) and shards of images.
template <class T>
struct WeightGradient {
  static constexpr Index kRows = kDepth<T> / kRowsOne * kRowsOne;  // of one block: whole tiles
  static constexpr Index kPixels = 128;                            // of one panel

  Operand<T> x, grad_y;
  Geometry window;
  Index groups;
  T* grad_weight;
  const Runtime& runtime;
  T* partial;  // (blocks of this round, shards, kRows, lanes)
  Index first_block;

  Index O() const { return grad_y.shape(1) / groups; }
  Index I() const { return x.shape(1) / groups; }
  Index lanes() const { return lanes_for<T>(O()); }
  Index depth() const { return window.kernel[0] * window.kernel[1] * I(); }
  Index blocks_per_group() const { return ceil_div(depth(), kRows); }
  Index shards() const { return shard_count(x.shape(0)); }
  Index partial_size() const { return kRows * lanes(); }
  T* partial_of(Index block, Index shard) const {
    return partial + ((block - first_block) * shards() + shard) * partial_size();
  }

  void run() {
    const Index blocks = groups * blocks_per_group();
    // Partial sums take 16 MB at most, or one block's: more blocks go in rounds.
    const Index each = shards() * partial_size() * Index(sizeof(T));
    const Index round = most(1, least(blocks, (Index(16) << 20) / most(each, 1)));
    partial = static_cast<T*>(runtime.scratch(1, round * each));
    for (first_block = 0; first_block < blocks; first_block += round) {
      const Index count = least(round, blocks - first_block);
      runtime.parallel(count * shards(), add_up, this);
      runtime.parallel(count, combine, this);
    }
  }

  static void add_up(void* context, Index unit) {
    const WeightGradient& self = *static_cast<WeightGradient*>(context);
    const Index shards = self.shards(), group_blocks = self.blocks_per_group();
    const Index block = self.first_block + unit / shards, shard = unit % shards;
    const Index g = block / group_blocks, k0 = block % group_blocks * kRows;
    self.add_shard(g, k0, least(self.depth(), k0 + kRows), shard, self.partial_of(block, shard));
  }

  void add_shard(Index g, Index k0, Index k1, Index shard, T* total) const {
    const Patches<T> patches = {channels(x, g * I(), I()), forward_axis(window, 0),
                                forward_axis(window, 1)};
    const Operand<T> grads = channels(grad_y, g * O(), O());
    const Shard images(x.shape(0), shard);
    const Chunks chunks(images, window.output[0], window.output[1]);
    const Index numbers = kPixels * (kPanelStride<T> + lanes()) + lanes() + partial_size();
    const Index strip = strip_size(patches, chunks.images, chunks.rows);
    T* panel = static_cast<T*>(runtime.scratch(0, (numbers + strip + kDepth<T>) * sizeof(T)));
    T* pixels = panel + kPixels * kPanelStride<T> + kDepth<T>;  // (kPixels, lanes)
    T* row = pixels + kPixels * lanes();
    T* acc = row + lanes();  // (kRows, lanes)
    std::memset(total, 0, partial_size() * sizeof(T));
    for (Index c = 0; c < chunks.count; ++c) {
      const Box box = chunks.box(c);
      const Source<T> source = open(patches, box, acc + partial_size());
      for (Index first = 0; first < box.pixels(); first += kPixels) {
        const Index count = least(kPixels, box.pixels() - first);
        gather(patches, source, box, first, count, k0, k1, panel);
        pack_pixels(grads, box, first, count, kPixels, row, pixels);
        multiply<T, 1, kPanelStride<T>>(panel, k1 - k0, pixels, 0, count, kPixels, acc, lanes(),
                                        first % kChunkPixels == 0);
        if ((first + count) % kChunkPixels == 0 || first + count == box.pixels())
          for (Index i = 0; i < (k1 - k0) * lanes(); ++i) total[i] += acc[i];
      }
    }
  }

  // Add the shards of one block, and write it as (O, I, KH, KW).
  static void combine(void* context, Index unit) {
    const WeightGradient& self = *static_cast<WeightGradient*>(context);
    const Index block = self.first_block + unit, group_blocks = self.blocks_per_group();
    const Index g = block / group_blocks, k0 = block % group_blocks * kRows;
    const Index k1 = least(self.depth(), k0 + kRows), lanes = self.lanes();
    const Index O = self.O(), I = self.I(), taps = self.window.kernel[0] * self.window.kernel[1];
    T* sum = self.partial_of(block, 0);
    add_shards(sum, self.shards(), self.partial_size(), (k1 - k0) * lanes);
    for (Index o = 0; o < O; ++o)
      for (Index k = k0; k < k1; ++k)
        self.grad_weight[((g * O + o) * I + k % I) * taps + k / I] = sum[(k - k0) * lanes + o];
  }
};

// The bias gradient: each shard adds up its pixels, four at a time.
template <class T>
struct BiasGradient {
  static constexpr Index kPixels = 128;

  Operand<T> grad_y;
  const Runtime& runtime;
  T* partial;  // (shards, lanes)

  static void add_up(void* context, Index shard) {
    const BiasGradient& self = *static_cast<BiasGradient*>(context);
    constexpr int L = kLanes<T>;
    const Index lanes = lanes_for<T>(self.grad_y.shape(1));
    const Shard images(self.grad_y.shape(0), shard);
    const Chunks chunks(images, self.grad_y.shape(2), self.grad_y.shape(3));
    T* pixels = static_cast<T*>(self.runtime.scratch(0, (kPixels + 2) * lanes * sizeof(T)));
    T* row = pixels + kPixels * lanes;
    T* acc = row + lanes;
    T* total = self.partial + shard * lanes;
    std::memset(total, 0, lanes * sizeof(T));
    for (Index c = 0; c < chunks.count; ++c) {
      const Box box = chunks.box(c);
      for (Index first = 0; first < box.pixels(); first += kPixels) {
        const Index count = least(kPixels, box.pixels() - first);
        pack_pixels(self.grad_y, box, first, count, kPixels, row, pixels);
        if (first % kChunkPixels == 0) std::memset(acc, 0, lanes * sizeof(T));
        for (Index n = 0; n < lanes; n += L) {
          Vector<T> sum[4] = {};
          for (Index k = 0; k < count; ++k)
            sum[k % 4] += load(pixels + block_offset<T>(n, k, kPixels, lanes));
          store(acc + n, load(acc + n) + ((sum[0] + sum[1]) + (sum[2] + sum[3])));
        }
        if ((first + count) % kChunkPixels == 0 || first + count == box.pixels())
          for (Index n = 0; n < lanes; ++n) total[n] += acc[n];
      }
    }
  }
};

}  // namespace
}  // namespace clearconv::CLEARCONV_VARIANT
