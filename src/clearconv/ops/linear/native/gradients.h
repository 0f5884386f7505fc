// The gradients of the fully connected layer: sums of whole rows, lanes = inputs.
#pragma once

#include "native/passes/shards.h"
#include "division.h"
#include "rows_tile.h"

namespace clearconv::CLEARCONV_VARIANT {
namespace {

// Both gradients with respect to a matrix are `rows` times the width of B.
template <class T>
Blocks gradient_blocks(Index rows, const Tensor<const T>& b) {
  return {rows, b.shape[1], b.shape[0], 64, kTileRows, 8 * kTileVectors * kLanes<T>,
          kTileVectors * kLanes<T>};
}

// grad_x: rows = samples, k = outputs.
template <class T>
struct InputGradient {
  // Sums begin afresh every kChunk outputs and are then added. The weights of a chunk, as wide as
  // a tile, stay in L1 for all samples.
  static constexpr Index kChunk = 128;

  Tensor<const T> grad_y, weight;
  T* grad_x;
  const Runtime& runtime;

  void run() const { for_blocks(*this, gradient_blocks<T>(grad_y.shape[0], weight), runtime); }

  void compute(const Block& block) const {
    const Index O = weight.shape[0], end = block.column + block.columns;
    T room[kChunk * kLanes<T>];
    for (Index o = 0; o == 0 || o < O; o += kChunk)
      for (Index i = block.column; i < end;) {
        const Strip<T> strip(i, end);
        const Index count = least(kChunk, O - o);
        const Place<const T> rows = strip.rows(weight, o, count, false, room);
        for (Index m = 0; m < block.rows; m += kTileRows)
          add(strip, block.row + m, least(kTileRows, block.rows - m), o, count, rows);
        i += strip.lanes();
      }
  }

  // Add the contributions of outputs [o, o + count) to some samples from n on.
  void add(const Strip<T>& strip, Index n, Index samples, Index o, Index count,
           const Place<const T>& rows) const {
    const Index I = weight.shape[1];
    const Place<const T> a = {grad_y.data + n * grad_y.stride[0] + o * grad_y.stride[1],
                              grad_y.stride[0], grad_y.stride[1]};
    Target<T> target(strip, samples, grad_x + n * I + strip.column, I);
    const Place<T> to = target.open(o == 0);
    with_tile(samples, strip.vectors, [&](auto M, auto V) {
      add_rows<T, decltype(M)::value, decltype(V)::value>(a, rows, count, to, o == 0);
    });
    target.close();
  }
};

// grad_weight: rows = outputs, k = samples.
template <class T>
struct WeightGradient {
  static constexpr Index kShared = 16;  // outputs for which copying samples side by side pays

  Tensor<const T> grad_y, x;
  Starts shards;
  T* grad_weight;
  const Runtime& runtime;

  void run() const {
    if (shards.count == 0)
      std::memset(grad_weight, 0, grad_y.shape[1] * x.shape[1] * sizeof(T));
    else
      for_blocks(*this, gradient_blocks<T>(grad_y.shape[1], x), runtime);
  }

  void compute(const Block& block) const {
    const Index N = x.shape[0], end = block.column + block.columns;
    T* room = static_cast<T*>(runtime.scratch(0, N * kTileVectors * kVectorBytes));
    for (Index i = block.column; i < end;) {
      const Strip<T> strip(i, end);
      const Place<const T> rows = strip.rows(x, 0, N, block.rows > kShared, room);
      for (Index m = 0; m < block.rows; m += kTileRows) {
        if (m + kTileRows < block.rows) expect(strip, block.row + m + kTileRows);
        write(strip, block.row + m, least(kTileRows, block.rows - m), rows);
      }
      i += strip.lanes();
    }
  }

  void write(const Strip<T>& strip, Index o, Index outputs, const Place<const T>& rows) const {
    const Index I = x.shape[1];
    const Place<const T> a = {grad_y.data + o * grad_y.stride[1], grad_y.stride[1],
                              grad_y.stride[0]};
    Target<T> target(strip, outputs, grad_weight + o * I + strip.column, I);
    const Place<T> to = target.open(true);
    with_tile(outputs, strip.vectors, [&](auto M, auto V) {
      sum_batch<T, decltype(M)::value, decltype(V)::value>(a, rows, shards, to);
    });
    target.close();
  }

  // Fetch the lines that the next tile writes: a large result is in no cache, and with few samples
  // the arithmetic of a tile is shorter than the way to memory.
  void expect(const Strip<T>& strip, Index o) const {
    for (Index m = 0; m < kTileRows; ++m)
      for (Index i = 0; i < strip.lanes(); i += 64 / Index(sizeof(T)))
        __builtin_prefetch(grad_weight + (o + m) * x.shape[1] + strip.column + i, 1);
  }
};

// grad_bias: each shard adds up its samples.
template <class T>
struct BiasGradient {
  Tensor<const T> grad_y;
  Starts shards;
  const Runtime& runtime;
  T* partial;  // (shards, 2, outputs): the shard's sum, and its chunk's

  void run(T* grad_bias) {
    const Index O = grad_y.shape[1], N = grad_y.shape[0], count = shards.count;
    if (count == 0) return void(std::memset(grad_bias, 0, O * sizeof(T)));
    partial = static_cast<T*>(runtime.scratch(1, count * 2 * O * sizeof(T)));
    if (N * O < kWorthAThread)
      for (Index s = 0; s < count; ++s) add_up(this, s);
    else
      runtime.parallel(count, add_up, this);
    add_shards(partial, count, 2 * O, O);
    std::memcpy(grad_bias, partial, O * sizeof(T));
  }

  static void add_up(void* context, Index s) {
    const BiasGradient& self = *static_cast<BiasGradient*>(context);
    const Index O = self.grad_y.shape[1];
    const Index row = self.grad_y.stride[0], column = self.grad_y.stride[1];
    T *total = self.partial + s * 2 * O, *sum = total + O;
    std::memset(total, 0, O * sizeof(T));
    const Index end = self.shards.at[s + 1];
    for (Index first = self.shards.at[s]; first < end; first += kChunkPixels) {
      std::memset(sum, 0, O * sizeof(T));
      for (Index n = first; n < least(end, first + kChunkPixels); ++n)
        for (Index o = 0; o < O; ++o) sum[o] += self.grad_y.data[n * row + o * column];
      for (Index o = 0; o < O; ++o) total[o] += sum[o];
    }
  }
};

}  // namespace
}  // namespace clearconv::CLEARCONV_VARIANT
