// Mean and variance of every channel of a batch, without a sum of squares.
//
// A block of pixels that lies in cache yields its moments in two passes: the mean, then the
// distances from it. What rounding left of that mean is the mean of the distances, so it is taken
// off again and costs no accuracy even where the mean is 10,000 times the deviation. Blocks,
// chunks and shards are combined in float64 by Chan's formula, in an order fixed by the batch's
// shape; lanes are channels, so no vector width changes a bit.
//
// Source: Chan, Golub and LeVeque, "Algorithms for computing the sample variance", 1983.
#pragma once

#include "../../native/lanes.h"
#include "../../native/shards.h"

namespace clearconv::CLEARCONV_VARIANT {

// How many numbers each lane has seen, their mean, and M2, the sum of their squared distances
// from it. A view of Moments::size(lanes) float64 numbers.
struct Moments {
  Index lanes;
  double *count, *mean, *m2;
  static Index size(Index lanes) { return 8 + 2 * lanes; }  // 8: the arrays keep to cache lines
  Moments(double* memory, Index lanes)
      : lanes(lanes), count(memory), mean(memory + 8), m2(memory + 8 + lanes) {}
  void clear() const { *count = 0; }
  double variance(Index lane) const {  // biased; NaN stays
    const double sum = m2[lane];
    return sum < 0 ? 0 : sum / *count;
  }
};

// Chan's formula: the first `a` numbers of each lane and `b` more, b > 0, become one set.
inline void combine(double a, double* mean, double* m2, double b, const double* more_mean,
                    const double* more_m2, Index lanes) {
  if (a == 0) {
    std::memcpy(mean, more_mean, lanes * sizeof(double));
    std::memcpy(m2, more_m2, lanes * sizeof(double));
    return;
  }
  const double share = b / (a + b), weight = a * share;
  for (Index l = 0; l < lanes; ++l) {
    const double away = more_mean[l] - mean[l];
    mean[l] += away * share;
    const double both = m2[l] + more_m2[l];
    m2[l] = both + away * away * weight;
  }
}

inline void combine(const Moments& into, const Moments& more) {
  if (*more.count == 0) return;
  combine(*into.count, into.mean, into.m2, *more.count, more.mean, more.m2, into.lanes);
  *into.count += *more.count;
}

// Combine the parts of a batch, Moments::size(lanes) numbers each: those of shard s, [first[s],
// first[s + 1]), in order, then the shards in a balanced tree. Part 0 becomes the whole.
inline void combine_parts(double* parts, const Index* first, Index shards, Index lanes) {
  const auto part = [=](Index p) { return Moments(parts + p * Moments::size(lanes), lanes); };
  for (Index s = 0; s < shards; ++s)
    for (Index p = first[s] + 1; p < first[s + 1]; ++p) combine(part(first[s]), part(p));
  for (Index step = 1; step < shards; step *= 2)
    for (Index s = 0; s + step < shards; s += 2 * step)
      combine(part(first[s]), part(first[s + step]));
}

constexpr Index kPanelLanes = 256;  // of rows walked at a time: what is gathered stays in L1

// Add ROWS rows to `sum`. They are added up by themselves first: rounding then grows with the
// number of such groups, and does not lean one way, as sums of squares of few bits would.
template <class T, Index ROWS>
inline void add_numbers(const T* rows, Index stride, Index lanes, T* sum) {
  over_lanes<T>(lanes, [=](Index l, auto lane) {
    using V = decltype(lane);
    V total = get<V>(rows + l);
#pragma GCC unroll 8
    for (Index r = 1; r < ROWS; ++r) total += get<V>(rows + r * stride + l);
    put(sum + l, get<V>(sum + l) + total);
  });
}

// Add the distances of ROWS rows from `center` to `sum`, and their squares to `squares`.
template <class T, Index ROWS>
inline void add_distances(const T* rows, Index stride, Index lanes, const T* center, T* sum,
                          T* squares) {
  over_lanes<T>(lanes, [=](Index l, auto lane) {
    using V = decltype(lane);
    const V middle = get<V>(center + l);
    V total = get<V>(rows + l) - middle, square = total * total;
#pragma GCC unroll 8
    for (Index r = 1; r < ROWS; ++r) {
      const V away = get<V>(rows + r * stride + l) - middle;
      total += away;
      square += away * away;
    }
    put(sum + l, get<V>(sum + l) + total);
    put(squares + l, get<V>(squares + l) + square);
  });
}

// Add a block: `count` rows of into.lanes adjoining numbers each, `stride` apart. Worth about a
// hundred rows: the sums of a block are taken in T.
template <class T>
inline void add_rows(const Moments& into, const T* rows, Index stride, Index count) {
  if (count == 0) return;
  for (Index panel = 0; panel < into.lanes; panel += kPanelLanes) {
    const Index lanes = least(kPanelLanes, into.lanes - panel);
    alignas(64) T center[kPanelLanes], sum[kPanelLanes], squares[kPanelLanes];
    std::memset(center, 0, lanes * sizeof(T));
    std::memset(sum, 0, lanes * sizeof(T));
    std::memset(squares, 0, lanes * sizeof(T));
    const T* from = rows + panel;
    Index r = 0;
    for (; r + 8 <= count; r += 8) add_numbers<T, 8>(from + r * stride, stride, lanes, center);
    for (; r < count; ++r) add_numbers<T, 1>(from + r * stride, stride, lanes, center);
    for (Index l = 0; l < lanes; ++l) center[l] /= T(count);
    for (r = 0; r + 8 <= count; r += 8)
      add_distances<T, 8>(from + r * stride, stride, lanes, center, sum, squares);
    for (; r < count; ++r)
      add_distances<T, 1>(from + r * stride, stride, lanes, center, sum, squares);
    alignas(64) double mean[kPanelLanes], m2[kPanelLanes];
    for (Index l = 0; l < lanes; ++l) {
      const double rest = double(sum[l]) / double(count);
      mean[l] = double(center[l]) + rest;
      m2[l] = double(squares[l]) - rest * double(sum[l]);
    }
    combine(*into.count, into.mean + panel, into.m2 + panel, double(count), mean, m2, lanes);
  }
  *into.count += double(count);
}

}  // namespace clearconv::CLEARCONV_VARIANT
