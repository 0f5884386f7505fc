// The register tile of the gradients: sums over k of A[m, k] * B[k], where B[k] is a row of a
// matrix and lanes are its columns. Unlike the tile of native/tile/tile.h it reads A and B where
// they lie: too few rows of the result share B for packing both to pay.
#pragma once

#include "native/passes/shards.h"

namespace clearconv::CLEARCONV_VARIANT {
namespace {

// The largest tile: with four rows of six vectors 24 accumulators of 32 registers, or 12 of 16.
constexpr int kTileRows = 4, kTileVectors = kVectorBytes == 64 ? 6 : 3;

// A matrix from `data` on, and its strides.
template <class T>
struct Place {
  T* data;
  Index row, column;
};

// The accumulators of one tile.
template <class T, int M, int V>
struct Sums {
  Vector<T> at[M][V];

  // The sum over k in [first, end), begun at zero.
  void sum(const Place<const T>& a, const Place<const T>& b, Index first, Index end) {
#pragma GCC unroll 8
    for (int m = 0; m < M; ++m)
#pragma GCC unroll 8
      for (int v = 0; v < V; ++v) at[m][v] = Vector<T>{};
    const T *left = a.data + first * a.column, *right = b.data + first * b.row;
    for (Index k = first; k < end; ++k, left += a.column, right += b.row) {
      Vector<T> row[V];
#pragma GCC unroll 8
      for (int v = 0; v < V; ++v) row[v] = load(right + v * kLanes<T>);
#pragma GCC unroll 8
      for (int m = 0; m < M; ++m)
#pragma GCC unroll 8
        for (int v = 0; v < V; ++v) at[m][v] += left[m * a.row] * row[v];
    }
  }

  void add(const T* from, Index stride) {
#pragma GCC unroll 8
    for (int m = 0; m < M; ++m)
#pragma GCC unroll 8
      for (int v = 0; v < V; ++v) at[m][v] += load(from + m * stride + v * kLanes<T>);
  }

  void write(T* to, Index stride) const {
#pragma GCC unroll 8
    for (int m = 0; m < M; ++m)
#pragma GCC unroll 8
      for (int v = 0; v < V; ++v) store(to + m * stride + v * kLanes<T>, at[m][v]);
  }
};

// to (+)= the sum over k < depth.
template <class T, int M, int V>
void add_rows(const Place<const T>& a, const Place<const T>& b, Index depth, const Place<T>& to,
              bool fresh) {
  Sums<T, M, V> sums;
  sums.sum(a, b, 0, depth);
  if (!fresh) sums.add(to.data, to.row);
  sums.write(to.data, to.row);
}

// to = the sum over a batch, k = samples, divided as shards.h says. Two halves of a subtree are
// added as soon as the second is there: `held` is the stack of what waits for its second half.
template <class T, int M, int V>
void sum_batch(const Place<const T>& a, const Place<const T>& b, const Starts& shards,
               const Place<T>& to) {
  constexpr Index kRow = V * kLanes<T>;
  alignas(64) T held[kMostLevels][M * kRow];
  Index height = 0;
  for (Index s = 0; s < shards.count; ++s) {
    const Index start = shards.at[s], end = shards.at[s + 1];
    Sums<T, M, V> sums;
    Index first = start;
    do {  // chunk by chunk
      sums.sum(a, b, first, least(end, first + kChunkPixels));
      if (first > start) sums.add(held[height], kRow);
      if (first + kChunkPixels < end) sums.write(held[height], kRow);
      first += kChunkPixels;
    } while (first < end);
    const bool last = s + 1 == shards.count;
    for (Index rest = s; height > 0 && (last || rest % 2); rest /= 2)
      sums.add(held[--height], kRow);
    if (last)
      sums.write(to.data, to.row);
    else
      sums.write(held[height++], kRow);
  }
}

template <int N>
struct Size {
  static constexpr int value = N;
};

template <int M, class Call>
void with_vectors(int vectors, const Call& call) {
  if (vectors == kTileVectors)
    call(Size<M>{}, Size<kTileVectors>{});
  else if (vectors == 2)
    call(Size<M>{}, Size<2>{});
  else
    call(Size<M>{}, Size<1>{});
}

// call(rows, vectors), as sizes known to the compiler.
template <class Call>
void with_tile(Index rows, int vectors, const Call& call) {
  if (rows == 4)
    with_vectors<4>(vectors, call);
  else if (rows == 3)
    with_vectors<3>(vectors, call);
  else if (rows == 2)
    with_vectors<2>(vectors, call);
  else
    with_vectors<1>(vectors, call);
}

// Neighbouring columns of a result, as many as one tile takes.
template <class T>
struct Strip {
  static constexpr Index L = kLanes<T>;
  Index column, left;
  int vectors;
  Strip(Index column, Index end)
      : column(column),
        left(end - column),
        vectors(left >= kTileVectors * L ? kTileVectors : left >= 2 * L ? 2 : 1) {}
  Index width() const { return vectors * L; }
  Index lanes() const { return least(width(), left); }
  bool edge() const { return left < L; }  // the result ends within a vector

  // Rows [first, first + count) of B under the strip: as they lie, or side by side in `room`,
  // padded with zeros at the edge.
  Place<const T> rows(const Tensor<const T>& b, Index first, Index count, bool copied,
                      T* room) const {
    const T* from = b.data + first * b.stride[0] + column;
    if (!copied && !edge()) return {from, b.stride[0], 1};
    if (edge()) {
      std::memset(room, 0, count * L * sizeof(T));
      for (Index k = 0; k < count; ++k)
        std::memcpy(room + k * L, from + k * b.stride[0], left * sizeof(T));
    } else {
      for (Index k = 0; k < count; ++k)
        for (Index i = 0; i < width(); i += L)
          store(room + k * width() + i, load(from + k * b.stride[0] + i));
    }
    return {room, width(), 1};
  }
};

// Where a tile of the result goes: to the result, or at its edge through whole vectors beside it.
template <class T>
struct Target {
  const Strip<T>& strip;
  Index rows;
  T* result;
  Index stride;
  T beside[kTileRows * kLanes<T>];

  Target(const Strip<T>& strip, Index rows, T* result, Index stride)
      : strip(strip), rows(rows), result(result), stride(stride) {}

  Place<T> open(bool fresh) {
    if (!strip.edge()) return {result, stride, 1};
    for (Index m = 0; m < rows && !fresh; ++m)
      std::memcpy(beside + m * kLanes<T>, result + m * stride, strip.left * sizeof(T));
    return {beside, kLanes<T>, 1};
  }

  void close() {
    for (Index m = 0; m < rows && strip.edge(); ++m)
      std::memcpy(result + m * stride, beside + m * kLanes<T>, strip.left * sizeof(T));
  }
};

}  // namespace
}  // namespace clearconv::CLEARCONV_VARIANT
