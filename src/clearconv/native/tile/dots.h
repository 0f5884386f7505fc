// The second register tile: dot products of rows, acc[m][p] = A[m, :] . B[p, :], vectors along k.
//
// For products of two matrices whose rows both lie along k: nothing is packed, and no lane idles
// where the result has few columns. Every sum is held in 64 bytes of lanes, 16 for float32 and 8
// for float64, whatever the width of a vector: lane l adds up the products of k = l, l + 16, ...,
// and at the end the lanes are folded by halves. Narrower vectors take their share of the lanes
// in turn, so AVX2+FMA and AVX-512 give the same bits.
#pragma once

#include "tile.h"

namespace clearconv::CLEARCONV_VARIANT {

template <class T>
constexpr int kSumLanes = 64 / int(sizeof(T));

// M rows of A, P rows of B, both of `depth` numbers, a multiple of kSumLanes. The lanes of the sums
// (m, p) are stored at acc + m * acc_stride + p * kSumLanes, or added to what is there.
template <class T, int M, int P>
void dot_tile(const T* a, Index a_stride, const T* b, Index b_stride, Index depth, T* acc,
              Index acc_stride, bool fresh) {
  constexpr int L = kLanes<T>, S = kSumLanes<T>;
  for (int part = 0; part < S; part += L) {
    Vector<T> sum[M][P] = {};
    for (Index k = part; k < depth; k += S) {
      Vector<T> left[M];
#pragma GCC unroll 8
      for (int m = 0; m < M; ++m) left[m] = load(a + m * a_stride + k);
#pragma GCC unroll 8
      for (int p = 0; p < P; ++p) {
        const Vector<T> right = load(b + p * b_stride + k);
#pragma GCC unroll 8
        for (int m = 0; m < M; ++m) sum[m][p] += left[m] * right;
      }
    }
#pragma GCC unroll 8
    for (int m = 0; m < M; ++m)
#pragma GCC unroll 8
      for (int p = 0; p < P; ++p) {
        T* to = acc + m * acc_stride + p * S + part;
        store(to, fresh ? sum[m][p] : load(to) + sum[m][p]);
      }
  }
}

// acc (rows, columns, kSumLanes) (+)= the lanes of A's rows times B's, tile after tile.
template <class T, int M>
inline void dot_tiles(const T* a, Index a_stride, const T* b, Index b_stride, Index columns,
                      Index depth, T* acc, bool fresh) {
  const Index stride = columns * kSumLanes<T>;
  Index p = 0;
  for (; p + 4 <= columns; p += 4, b += 4 * b_stride)
    dot_tile<T, M, 4>(a, a_stride, b, b_stride, depth, acc + p * kSumLanes<T>, stride, fresh);
  if (p + 2 <= columns) {
    dot_tile<T, M, 2>(a, a_stride, b, b_stride, depth, acc + p * kSumLanes<T>, stride, fresh);
    p += 2, b += 2 * b_stride;
  }
  if (p < columns)
    dot_tile<T, M, 1>(a, a_stride, b, b_stride, depth, acc + p * kSumLanes<T>, stride, fresh);
}

// The same for all rows.
template <class T>
inline void dots(const T* a, Index a_stride, Index rows, const T* b, Index b_stride, Index columns,
                 Index depth, T* acc, bool fresh) {
  constexpr int M = kVectorBytes == 64 ? 4 : 3;  // with four columns: 16 or 12 accumulators
  const Index stride = columns * kSumLanes<T>;
  Index m = 0;
  for (; m + M <= rows; m += M, a += M * a_stride)
    dot_tiles<T, M>(a, a_stride, b, b_stride, columns, depth, acc + m * stride, fresh);
  if (m + 2 <= rows) {
    dot_tiles<T, 2>(a, a_stride, b, b_stride, columns, depth, acc + m * stride, fresh);
    m += 2, a += 2 * a_stride;
  }
  if (m < rows)
    dot_tiles<T, 1>(a, a_stride, b, b_stride, columns, depth, acc + m * stride, fresh);
}

// The sum of the lanes: those half the number apart are added, then those a quarter apart, and so
// on.
template <class T>
inline T fold(const T* lanes) {
  constexpr int Q = kSumLanes<T> / 4;  // 16 bytes, a vector on every CPU
  typedef T Quarter __attribute__((vector_size(16)));
  Quarter quarter[4];
  std::memcpy(quarter, lanes, sizeof quarter);
  const Quarter sum = (quarter[0] + quarter[2]) + (quarter[1] + quarter[3]);
  if constexpr (Q == 4)
    return (sum[0] + sum[2]) + (sum[1] + sum[3]);
  else
    return sum[0] + sum[1];
}

}  // namespace clearconv::CLEARCONV_VARIANT
