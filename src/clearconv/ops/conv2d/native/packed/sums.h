// The weight gradient of many channels as one product of packed factors: row o and lane (tap, c) of
// it is the sum over all pixels of grad_y[pixel, o] x[pixel + tap, c].
//
// Packing pays because every packed number meets a whole row or column of the product; with it load
// transforms are done with. Shards are summed and combined as everywhere (shards.h), each weight by
// the sequence of additions that pixel_sums.h has.
//
// Where the sums of all shards outweigh the factors, everything is packed first, and a unit of work
// is a block of the product, whose shards meet in the nearest cache. Else a unit is a shard: it
// packs a few pixels at a time and keeps its sums of all weights.
#pragma once

#include "native/passes/shards.h"
#include "input.h"
#include "ops/conv2d/native/routes.h"
#include "ops/conv2d/native/windows.h"

namespace clearconv::CLEARCONV_VARIANT {
namespace {

template <class T>
struct PackedWeightGradient {
  using Packed = PackedFactors<T>;
  static constexpr Index kRowsOfBlock = 2 * kRowsTwo;  // of a product whose shards lie together
  static constexpr Index kMoreRows = 8;                // that a tile may write beyond the last
  static constexpr Index kTogether = 16;  // rows whose shards are combined together
  static constexpr Index kMostPacked = (Index(32) << 20) / sizeof(T);

  Patches<T> x;
  PixelReader<T> x_pixels, grad_y;  // x_pixels: the one that each window of one tap sees
  conv2d::Gradients<T> to;
  PackedInputGradient<T>* input;    // or null: what else the packed rows are good for
  const Runtime& runtime;
  BatchChunks chunks;
  bool direct;  // windows are pixels
  Index I, taps, O, lanes, pixels;
  Packed packed;  // all pixels
  T *sums, *bias;  // (shards, panels, rows, lanes), (shards, O rounded up)

  // x has a multiple of 16 channels.
  PackedWeightGradient(const Operand<T>& x, const Operand<T>& grad_y, const Geometry& window,
                       const conv2d::Gradients<T>& to, PackedInputGradient<T>* input,
                       const Runtime& runtime)
      : x{x, forward_axis(window, 0), forward_axis(window, 1)},
        x_pixels(seen(x, window)),
        grad_y(grad_y),
        to(to),
        input(input),
        runtime(runtime),
        chunks(to.shards, window.output[0], window.output[1]),
        direct(window.kernel[0] * window.kernel[1] == 1 && this->x.h.inside() &&
               this->x.w.inside() && x.how != Operand<T>::unpooled),
        I(x.shape(1)),
        taps(window.kernel[0] * window.kernel[1]),
        O(grad_y.shape(1)),
        lanes(taps * I),
        pixels(x.shape(0) * window.output[0] * window.output[1]),
        packed{},
        sums(nullptr),
        bias(nullptr) {}

  static Operand<T> seen(Operand<T> x, const Geometry& window) {
    for (int axis = 0; axis < 2; ++axis) {
      x.x.shape[axis + 2] = window.output[axis];
      x.x.stride[axis + 2] *= window.stride[axis];
      x.beside.stride[axis + 2] *= window.stride[axis];
    }
    return x;
  }

  T* memory(int slot, Index numbers) const {
    return static_cast<T*>(runtime.scratch(slot, numbers * sizeof(T)));
  }

  void run() {
    ran(Route::packed);
    const Index shards = chunks.shards, factors = pixels * (lanes + O);
    const bool by_block = factors <= least(shards * lanes * O, kMostPacked);
    packed = {O, lanes, by_block ? pixels : 0, nullptr, nullptr};
    const Index biases = common_lanes(O), filters = input ? input->size() : 0;
    bias = memory(1, packed.size() + filters + shards * (biases + (by_block ? 0 : sum_size())));
    packed.place(bias + shards * biases + filters);
    sums = packed.blocks;
    if (input) {
      input->filters = bias + shards * biases;
      runtime.parallel(ceil_div(I, Packed::kWidth), input->pack_block, input);
    }
    std::memset(bias, 0, shards * biases * sizeof(T));
    if (by_block) {
      runtime.parallel(shards, pack_shard, this);
      const Index blocks = ceil_div(lanes, Packed::kWidth);
      runtime.parallel(ceil_div(O, Packed::kDeep) * blocks, sum_block, this);
    } else {
      runtime.parallel(shards, sum_shard, this);
      runtime.parallel(ceil_div(O, kTogether), combine, this);
    }
    if (!to.bias) return;
    add_shards(bias, shards, biases, O);
    std::memcpy(to.bias, bias, O * sizeof(T));
  }

  // -- packing ------------------------------------------------------------------------------------

  Index first_pixel(const Box& box) const {
    return (box.image * chunks.height + box.row) * chunks.width;
  }

  Index strip_numbers() const {  // and what the input gradient needs after it
    const Index behind = input ? input->memory() : 0;
    if (direct) return behind;
    const Box largest = {0, most_images(to.shards), 0, chunks.height, chunks.width};
    const Box box = Chunks(Chunks(largest, kChunkPixels).box(0), kPartPixels).box(0);
    return most(behind, strip_size(x, box.images, box.rows, {}));
  }

  // Pack a shard's pixels, at most kPartPixels at a time; call work(first, count, done) after each
  // time, where `done` pixels of the same chunk came before. The first is packed as at(first).
  template <class At, class Work>
  void pack(Index shard, const Packed& into, T* strip, const At& at, const Work& work) const {
    for (Index c = chunks.first[shard]; c < chunks.first[shard + 1]; ++c) {
      const Chunks parts(chunks.box(c), kPartPixels);
      const Index start = first_pixel(parts.whole);
      for (Index p = 0; p < parts.count; ++p) {
        const Box box = parts.box(p);
        const Source<T> source = direct ? Source<T>{} : open(x, box, {}, false, strip);
        for (Index done = 0; done < box.pixels(); done += kPartPixels) {
          const Index first = first_pixel(box) + done;
          const Index count = least(kPartPixels, box.pixels() - done);
          pack_rows(into, first, count, at(first), shard);
          pack_lanes(into, source, box, first, count, at(first));
          if (input) input->compute(into, at(first), count, box, done, strip);
          work(first, count, first - start);
        }
      }
    }
  }

  void pack_rows(const Packed& into, Index first, Index count, Index at, Index shard) const {
    for (Index m = 0; m < O; m += Packed::kDeep) {
      T* panel = into.panel(m, at);
      const Index rows = least(Packed::kDeep, O - m);
      grad_y.read(m, rows, first, count, panel, Packed::kPitch);
      if (!to.bias) continue;
      T total[Packed::kDeep] = {};
      for (Index k = 0; k < count; ++k)
        for (Index r = 0; r < rows; ++r) total[r] += panel[k * Packed::kPitch + r];
      for (Index r = 0; r < rows; ++r) bias[shard * common_lanes(O) + m + r] += total[r];
    }
  }

  void pack_lanes(const Packed& into, const Source<T>& source, const Box& box, Index first,
                  Index count, Index at) const {
    for (Index n = 0; n < lanes; n += Packed::kWidth) {
      const Index width = least(Packed::kWidth, lanes - n);
      T* to = into.block(n) + at * width;
      if (direct)
        x_pixels.read(n, width, first, count, to, width);
      else
        for (Index l = 0; l < width;) {  // a block may reach from tap to tap
          const Index tap = (n + l) / I, c = (n + l) % I, run = least(width - l, I - c);
          Source<T> from = source;
          from.data += tap / x.w.taps * x.h.dilation * source.row +
                       tap % x.w.taps * x.w.dilation * source.column + c;
          gather_lanes(from, box, first - first_pixel(box), count, run, to + l, width);
          l += run;
        }
    }
  }

  void gather_lanes(const Source<T>& from, const Box& box, Index first, Index count, Index run,
                    T* to, Index width) const {
    const Index step = x.w.stride * from.column;
    Pixel at(box, first);
    for (Index done = 0; done < count;) {  // as far as the row goes
      const Index stop = least(count, done + box.columns - at.q);
      const T* pixel = from.data + at.n * from.image + at.p * x.h.stride * from.row + at.q * step;
      at.q += stop - done - 1;
      for (; done < stop; ++done, pixel += step, to += width)
        for (Index l = 0; l < run; l += kLanes<T>) store(to + l, load(pixel + l));
      at.next(box);
    }
  }

  // -- everything packed first --------------------------------------------------------------------

  static void pack_shard(void* context, Index shard) {
    const PackedWeightGradient& self = *static_cast<PackedWeightGradient*>(context);
    T* strip = self.memory(0, self.strip_numbers());
    self.pack(shard, self.packed, strip, [](Index first) { return first; },
              [](Index, Index, Index) {});
  }

  // A unit of work: a panel of rows by a block of lanes, all shards.
  static void sum_block(void* context, Index unit) {
    const PackedWeightGradient& self = *static_cast<PackedWeightGradient*>(context);
    const Index blocks = ceil_div(self.lanes, Packed::kWidth), n = unit % blocks * Packed::kWidth;
    const Index width = least(Packed::kWidth, self.lanes - n), shards = self.chunks.shards;
    const Index first = unit / blocks * Packed::kDeep, stop = least(first + Packed::kDeep, self.O);
    const Index size = (kRowsOfBlock + kMoreRows) * width;
    T* sums = self.memory(0, shards * size);
    for (Index m = first; m < stop; m += kRowsOfBlock) {
      const Index rows = least(kRowsOfBlock, stop - m);
      for (Index s = 0; s < shards; ++s) self.sum_rows(s, m, rows, n, width, sums + s * size);
      add_shards(sums, shards, size, rows * width);
      for (Index r = 0; r < rows; ++r) self.put_weights(m + r, n, width, sums + r * width);
    }
  }

  // Rows [m, m + rows) and lanes [n, n + width) of the product, of a shard's pixels.
  void sum_rows(Index shard, Index m, Index rows, Index n, Index width, T* sum) const {
    Sum how = Sum::fresh;
    for (Index c = chunks.first[shard]; c < chunks.first[shard + 1]; ++c) {
      const Box box = chunks.box(c);
      for (Index done = 0; done < box.pixels(); done += kChunkPixels, how = Sum::added) {
        const Index first = first_pixel(box) + done;
        multiply<T, 1, Packed::kPitch>(packed.panel(m, first), rows, packed.block(n), first,
                                       least(kChunkPixels, box.pixels() - done), pixels, sum,
                                       width, how);
      }
    }
  }

  // -- a shard at a time --------------------------------------------------------------------------

  // A shard's sums: all panels of rows, each with room after it.
  Index panel_sums() const { return (Packed::kDeep + kMoreRows) * lanes; }
  Index sum_size() const { return ceil_div(O, Packed::kDeep) * panel_sums(); }

  static void sum_shard(void* context, Index shard) {
    const PackedWeightGradient& self = *static_cast<PackedWeightGradient*>(context);
    Packed part = {self.O, self.lanes, kPartPixels, nullptr, nullptr};
    const Index size = self.sum_size();
    T *total = self.sums + shard * size, *sum = total;
    T* chunk = self.memory(0, size + part.size() + self.strip_numbers());
    part.place(chunk + size);
    const auto join = [&] {
      if (sum == chunk)
        for (Index i = 0; i < size; ++i) total[i] += chunk[i];
    };
    bool first = true;
    self.pack(shard, part, chunk + size + part.size(), [](Index) { return Index(0); },
              [&](Index, Index count, Index done) {
                const bool fresh = done % kChunkPixels == 0;  // of a chunk, or within a long row
                if (fresh && !first) {
                  join();
                  sum = chunk;
                }
                first = false;
                for (Index m = 0; m < self.O; m += Packed::kDeep)
                  multiply<T, 1, Packed::kPitch>(part.panel(m, 0), least(Packed::kDeep, self.O - m),
                                                 part.blocks, 0, count, kPartPixels,
                                                 sum + m / Packed::kDeep * self.panel_sums(),
                                                 self.lanes, fresh ? Sum::fresh : Sum::onward);
              });
    join();
  }

  // A unit of work: some rows of the weights.
  static void combine(void* context, Index unit) {
    const PackedWeightGradient& self = *static_cast<PackedWeightGradient*>(context);
    const Index m = unit * kTogether, rows = least(kTogether, self.O - m);
    T* sums = self.sums + m / Packed::kDeep * self.panel_sums() + m % Packed::kDeep * self.lanes;
    add_shards(sums, self.chunks.shards, self.sum_size(), rows * self.lanes);
    for (Index r = 0; r < rows; ++r)
      self.put_weights(m + r, 0, self.lanes, sums + r * self.lanes);
  }

  // Lanes [n, n + count) of row o become weights.
  void put_weights(Index o, Index n, Index count, const T* sum) const {
    T* row = to.weight + o * lanes;
    if (taps == 1) {
      std::memcpy(row + n, sum, count * sizeof(T));
      return;
    }
    for (Index l = 0; l < count;) {
      const Index tap = (n + l) / I, c = (n + l) % I, run = least(count - l, I - c);
      for (Index i = 0; i < run; ++i) row[(c + i) * taps + tap] = sum[l + i];
      l += run;
    }
  }
};

}  // namespace
}  // namespace clearconv::CLEARCONV_VARIANT
