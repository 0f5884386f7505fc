// The forward pass: every output is the dot product of two rows.
#pragma once

#include "native/tile/dots.h"
#include "division.h"

namespace clearconv::CLEARCONV_VARIANT {
namespace {

template <class T>
struct Outputs {
  // Sums begin afresh every kChunk inputs and are then added, so that rounding grows slowly.
  static constexpr Index kChunk = 512;
  static constexpr Index kRows = 64, kColumns = 32;  // of one block, at most

  Tensor<const T> x, weight;
  const T* bias;  // or null
  T* y;
  const Runtime& runtime;

  void run() const {
    const Blocks blocks(x.shape[0], weight.shape[0], x.shape[1], kRows, 4, kColumns, 4);
    for_blocks(*this, blocks, runtime);
  }

  // Some rows of one operand, as far as one chunk goes: as they lie, or, where the chunk is not
  // whole lanes, in `room`, padded with zeros.
  struct Rows {
    const T* data;
    Index stride;
    Rows(const Tensor<const T>& matrix, Index first, Index rows, Index k0, Index k1, T* room)
        : data(matrix.data + first * matrix.stride[0] + k0), stride(matrix.stride[0]) {
      const Index depth = k1 - k0, padded = whole(depth);
      if (depth == padded) return;
      std::memset(room, 0, rows * padded * sizeof(T));
      for (Index r = 0; r < rows; ++r)
        std::memcpy(room + r * padded, data + r * stride, depth * sizeof(T));
      data = room, stride = padded;
    }
    static Index whole(Index depth) { return ceil_div(depth, kSumLanes<T>) * kSumLanes<T>; }
  };

  void compute(const Block& block) const {
    constexpr Index kSums = kRows * kColumns * kSumLanes<T>;
    const Index K = x.shape[1], O = weight.shape[0];
    T* acc = static_cast<T*>(
        runtime.scratch(0, (kSums + (kRows + kColumns) * kChunk) * sizeof(T)));
    T* room = acc + kSums;
    for (Index k0 = 0; k0 == 0 || k0 < K; k0 += kChunk) {
      const Index k1 = least(K, k0 + kChunk);
      const Rows a(x, block.row, block.rows, k0, k1, room);
      const Rows b(weight, block.column, block.columns, k0, k1, room + kRows * kChunk);
      dots(a.data, a.stride, block.rows, b.data, b.stride, block.columns, Rows::whole(k1 - k0),
           acc, k0 == 0);
    }
    for (Index n = block.row; n < block.row + block.rows; ++n)
      for (Index o = block.column; o < block.column + block.columns; ++o, acc += kSumLanes<T>)
        y[n * O + o] = fold(acc) + (bias ? bias[o] : T(0));
  }
};

}  // namespace
}  // namespace clearconv::CLEARCONV_VARIANT
