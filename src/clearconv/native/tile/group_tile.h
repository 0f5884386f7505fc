// A register tile whose rows lie in groups, and k in three nested loops: it reads what a window
// sees where it lies, without a copy.
#pragma once

#include "tile.h"

namespace clearconv::CLEARCONV_VARIANT {

// Heights of a tile in groups of rows: 28 or 27 accumulators of 32 registers, 12 of 16.
#if defined(__AVX512F__) || defined(__aarch64__)
constexpr int kTall = 7, kLow = 4, kTallThrees = 9, kLowThrees = 5;
#else
constexpr int kTall = 3, kLow = 2, kTallThrees = 4, kLowThrees = 3;
#endif

// Three nested loops over k, the innermost last: how often each turns, and how far A and B move.
struct Steps {
  Index count[3], a[3], b[3];
};

// Rows of A in groups of neighbours: where the first of each lies in A, and which row of acc it is.
// After the last group both lists have room for kTallest more, which cover fills.
constexpr int kTallest = 9;
template <class T>
struct RowGroups {
  const T** a;
  Index* acc;
  Index count;
  void add(const T* from, Index row) {
    a[count] = from;
    acc[count++] = row;
  }
};

// One tile: GROUPS groups of G rows, V vectors. The rows of a group lie `step` apart.
//
// A pointer for each group, and not for each row, leaves the processor enough registers; and since
// a group may lie anywhere, a tile is full whatever the width of an image.
template <class T, int GROUPS, int G, int V>
void group_tile(const T* const* a, const Index* acc_rows, Index step, const T* b, const Steps& k,
                T* acc, Index acc_stride, bool fresh) {
  constexpr int L = kLanes<T>;
  Vector<T> sum[GROUPS][G][V];
#pragma GCC unroll 9
  for (int g = 0; g < GROUPS; ++g)
#pragma GCC unroll 4
    for (int m = 0; m < G; ++m)
#pragma GCC unroll 2
      for (int v = 0; v < V; ++v)
        sum[g][m][v] = fresh ? Vector<T>{} : load(acc + (acc_rows[g] + m) * acc_stride + v * L);
  for (Index i = 0; i < k.count[0]; ++i)
    for (Index j = 0; j < k.count[1]; ++j) {
      const T* row[GROUPS];
#pragma GCC unroll 9
      for (int g = 0; g < GROUPS; ++g) row[g] = a[g] + i * k.a[0] + j * k.a[1];
      const T* lanes = b + i * k.b[0] + j * k.b[1];
      for (Index l = 0; l < k.count[2]; ++l, lanes += k.b[2]) {
        Vector<T> right[V];
#pragma GCC unroll 2
        for (int v = 0; v < V; ++v) right[v] = load(lanes + v * L);
#pragma GCC unroll 9
        for (int g = 0; g < GROUPS; ++g) {
#pragma GCC unroll 4
          for (int m = 0; m < G; ++m)
#pragma GCC unroll 2
            for (int v = 0; v < V; ++v) sum[g][m][v] += row[g][m * step] * right[v];
          row[g] += k.a[2];
        }
      }
    }
#pragma GCC unroll 9
  for (int g = 0; g < GROUPS; ++g)
#pragma GCC unroll 4
    for (int m = 0; m < G; ++m)
#pragma GCC unroll 2
      for (int v = 0; v < V; ++v)
        store(acc + (acc_rows[g] + m) * acc_stride + v * L, sum[g][m][v]);
}

// acc += A B for all groups of rows and V vectors of lanes: tall tiles and as many lower ones as
// make them come out even. `spare` is a row of acc for the surplus rows of the last tile.
template <class T, int G, int V, int TALL, int LOW>
inline void cover(RowGroups<T> rows, Index step, const T* b, const Steps& k, T* acc,
                  Index acc_stride, Index spare, bool fresh) {
  Index low = 0, excess = TALL;
  for (Index some = 0; some < TALL && excess > 0; ++some) {
    const Index left = most(0, rows.count - some * LOW);
    const Index over = some * LOW + ceil_div(left, Index(TALL)) * TALL - rows.count;
    if (over < excess) low = some, excess = over;
  }
  const T* last = rows.a[rows.count - 1];
  const Index count = rows.count;
  for (Index i = 0; i < excess; ++i) rows.add(last, spare);
  for (Index g = 0; g < count; g += low > 0 ? LOW : TALL, low -= low > 0) {
    const auto part = low > 0 ? group_tile<T, LOW, G, V> : group_tile<T, TALL, G, V>;
    part(rows.a + g, rows.acc + g, step, b, k, acc, acc_stride, fresh);
  }
}

// Rows come in groups of 2 for two vectors of lanes; for one, of 4, or of 3 where that fits better.
inline Index group_for_one(Index rows) {
  return ceil_div(rows, 3) * 3 < ceil_div(rows, 4) * 4 ? 3 : 4;
}

template <class T>
inline void multiply_groups(const RowGroups<T>& rows, Index group, Index step, const T* b,
                            const Steps& k, T* acc, Index acc_stride, Index spare, bool fresh) {
  if (group == 2)
    cover<T, 2, 2, kTall, kLow>(rows, step, b, k, acc, acc_stride, spare, fresh);
  else if (group == 3)
    cover<T, 3, 1, kTallThrees, kLowThrees>(rows, step, b, k, acc, acc_stride, spare, fresh);
  else
    cover<T, 4, 1, kTall, kLow>(rows, step, b, k, acc, acc_stride, spare, fresh);
}

}  // namespace clearconv::CLEARCONV_VARIANT
