// The register tile that all three passes of a convolution share: acc[m][n] += A[m, k] * B[k, n].
//
// Lanes are neighbouring channels of the result, so every result is one chain of multiply-adds in
// ascending k, whatever the vector width: AVX2+FMA and AVX-512 give the same bits.
//
// Only kernels include this; CLEARCONV_VARIANT names the namespace of their instruction set.
#pragma once

#include <cstring>

#include "native/runtime.h"

namespace clearconv::CLEARCONV_VARIANT {

#if defined(__AVX512F__)
constexpr int kVectorBytes = 64;
constexpr int kRowsTwo = 14, kRowsOne = 28;  // 28 accumulators of 32 registers
constexpr int kLowTwo = 8, kLowOne = 8;
#elif defined(__AVX2__)
constexpr int kVectorBytes = 32;
constexpr int kRowsTwo = 6, kRowsOne = 12;  // 12 of 16
constexpr int kLowTwo = 4, kLowOne = 8;
#else
constexpr int kVectorBytes = 16;
constexpr int kRowsTwo = 6, kRowsOne = 12;
constexpr int kLowTwo = 4, kLowOne = 8;
#endif

template <class T>
struct VectorOf {
  typedef T type __attribute__((vector_size(kVectorBytes)));
};
template <class T>
using Vector = typename VectorOf<T>::type;

template <class T>
constexpr int kLanes = kVectorBytes / int(sizeof(T));

template <class T>
inline Vector<T> load(const T* from) {  // from any address
  Vector<T> vector;
  std::memcpy(&vector, from, sizeof vector);
  return vector;
}

template <class T>
inline void store(T* to, Vector<T> vector) {
  std::memcpy(to, &vector, sizeof vector);
}

// Copy fewer numbers than a vector has, by halves: a loop would cost more than the copying.
template <class T>
inline void copy_part(T* to, const T* from, Index count) {
  if (count & 8) std::memcpy(to, from, 8 * sizeof(T)), to += 8, from += 8;
  if (count & 4) std::memcpy(to, from, 4 * sizeof(T)), to += 4, from += 4;
  if (count & 2) std::memcpy(to, from, 2 * sizeof(T)), to += 2, from += 2;
  if (count & 1) *to = *from;
}

// Load or store the first `count` lanes; the others are `padding`.
template <class T>
inline Vector<T> load_part(const T* from, Index count, T padding = 0) {
  if (count >= kLanes<T>) return load(from);
  T numbers[kLanes<T>];
  store(numbers, Vector<T>{} + padding);
  copy_part(numbers, from, count);
  return load(numbers);
}

template <class T>
inline void store_part(T* to, Vector<T> vector, Index count) {
  if (count >= kLanes<T>) return store(to, vector);
  T numbers[kLanes<T>];
  store(numbers, vector);
  copy_part<T>(to, numbers, count);
}

inline Index ceil_div(Index a, Index b) { return (a + b - 1) / b; }
inline Index least(Index a, Index b) { return a < b ? a : b; }
inline Index most(Index a, Index b) { return a > b ? a : b; }

// Channels of the result, rounded up to whole vectors.
template <class T>
inline Index lanes_for(Index channels) {
  return ceil_div(channels, kLanes<T>) * kLanes<T>;
}

// About as many, but alike for every instruction set: what units of work are measured by.
inline Index common_lanes(Index channels) { return ceil_div(channels, 16) * 16; }

// Where lane `n` of row `k` of B lies, for a B of `depth` rows and `lanes` lanes (see multiply).
template <class T>
inline Index block_offset(Index n, Index k, Index depth, Index lanes) {
  constexpr int W = 2 * kLanes<T>;
  const Index block = n / W * W;
  return block * depth + k * least(W, lanes - block) + (n - block);
}

// What a product becomes: acc itself, the rest of the sum that acc began, or a separate sum that
// is then added to acc.
enum class Sum { fresh, onward, added };

// One tile: M rows, V vectors. A[m, k] is a[m * AM + k * AK]; B[k] is V vectors at b, row by row.
template <class T, int M, int V, Index AM, Index AK>
inline void tile(const T* a, const T* b, Index depth, T* acc, Index acc_stride, Sum how) {
  constexpr int L = kLanes<T>;
  Vector<T> sum[M][V];
#pragma GCC unroll 32
  for (int m = 0; m < M; ++m)
#pragma GCC unroll 2
    for (int v = 0; v < V; ++v)
      sum[m][v] = how == Sum::onward ? load(acc + m * acc_stride + v * L) : Vector<T>{};
  for (Index k = 0; k < depth; ++k, a += AK, b += V * L) {
    Vector<T> right[V];
#pragma GCC unroll 2
    for (int v = 0; v < V; ++v) right[v] = load(b + v * L);
#pragma GCC unroll 32
    for (int m = 0; m < M; ++m)
#pragma GCC unroll 2
      for (int v = 0; v < V; ++v) sum[m][v] += a[m * AM] * right[v];
  }
#pragma GCC unroll 32
  for (int m = 0; m < M; ++m)
#pragma GCC unroll 2
    for (int v = 0; v < V; ++v) {
      T* to = acc + m * acc_stride + v * L;
      store(to, how == Sum::added ? load(to) + sum[m][v] : sum[m][v]);
    }
}

// Rows in tall tiles, and as many low ones as make them come out even: a last tall tile might be
// mostly empty.
template <class T, int TALL, int LOW, int V, Index AM, Index AK>
inline void multiply_rows(const T* a, Index rows, const T* b, Index depth, T* acc, Index lanes,
                          Sum how) {
  Index low = 0, whole = ceil_div(rows, TALL) * TALL, least_rows = whole;
  for (Index more = 1; more < TALL && more * LOW < rows + LOW; ++more) {
    const Index tall = ceil_div(most(0, rows - more * LOW), TALL) * TALL;
    if (tall + more * LOW < least_rows) low = more, whole = tall, least_rows = tall + more * LOW;
  }
  Index m = 0;
  for (; m < whole; m += TALL)
    tile<T, TALL, V, AM, AK>(a + m * AM, b, depth, acc + m * lanes, lanes, how);
  for (; low > 0; --low, m += LOW)
    tile<T, LOW, V, AM, AK>(a + m * AM, b, depth, acc + m * lanes, lanes, how);
}

// acc (rows, lanes) += A (rows, depth) B (depth, lanes), tile after tile.
//
// B lies in blocks of two vectors, the last of one where their number is odd, each `full_depth`
// rows deep; this call uses rows [k0, k0 + depth) of them. Rows of A are rounded up to whole tiles:
// A and acc must have room for them, and their contents are ignored.
template <class T, Index AM, Index AK>
inline void multiply(const T* a, Index rows, const T* packed, Index k0, Index depth,
                     Index full_depth, T* acc, Index lanes, Sum how) {
  constexpr int L = kLanes<T>;
  for (Index n = 0; n < lanes; n += 2 * L) {
    const T* b = packed + block_offset<T>(n, k0, full_depth, lanes);
    if (n + L < lanes)
      multiply_rows<T, kRowsTwo, kLowTwo, 2, AM, AK>(a, rows, b, depth, acc + n, lanes, how);
    else
      multiply_rows<T, kRowsOne, kLowOne, 1, AM, AK>(a, rows, b, depth, acc + n, lanes, how);
  }
}

}  // namespace clearconv::CLEARCONV_VARIANT
