// Mean and variance of each channel, without a sum of squares: that would lose all digits where the
// mean is large against the deviation.
//
// A block of pixels that lies in cache yields its moments in two passes: the mean, then the
// distances from it. What rounding left of that mean is the mean of the distances; it is put right
// at once. Blocks, units of work and shards are joined in float64 by Chan's formula, units in order
// and shards in a balanced tree, so the bits depend on the batch's shape alone. Shards that lie in
// several places are joined by ops/reduction.py: tree_moments, with the same roundings.
//
// Source: Chan, Golub and LeVeque, "Algorithms for computing the sample variance", 1983.
#pragma once

#include "native/tile/lanes.h"
#include "shards.h"

namespace clearconv::CLEARCONV_VARIANT {

// Join `more` numbers of each lane to the `count` that came before; `deviation` is the sum of
// squared distances from the mean. The first ones are taken over as they are. With ROUNDED every
// product is rounded before it is added, as NumPy does it.
template <bool ROUNDED = false>
inline void join(double count, double* mean, double* deviation, double more,
                 const double* more_mean, const double* more_deviation, Index lanes) {
  if (more == 0) return;
  if (count == 0) {
    std::memcpy(mean, more_mean, lanes * sizeof(double));
    std::memcpy(deviation, more_deviation, lanes * sizeof(double));
    return;
  }
  const double share = more / (count + more), weight = count * share;
  const auto product = [](double number) { return ROUNDED ? loaded(number) : number; };
  for (Index l = 0; l < lanes; ++l) {
    const double away = more_mean[l] - mean[l];
    mean[l] += product(away * share);
    const double both = deviation[l] + more_deviation[l];
    deviation[l] = both + product(away * away * weight);
  }
}

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

// Add the distances of ROWS rows from `centre` to `sum`, and their squares to `squares`.
template <class T, Index ROWS>
inline void add_distances(const T* rows, Index stride, Index lanes, const T* centre, T* sum,
                          T* squares) {
  over_lanes<T>(lanes, [=](Index l, auto lane) {
    using V = decltype(lane);
    const V middle = get<V>(centre + l);
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

constexpr Index kMostRows = 128;   // of which sums are taken in T
constexpr Index kMostLanes = 256;  // so that these sums lie in the nearest cache

// Join a block of at most kMostRows rows of at most kMostLanes numbers, of which `lanes` count.
template <class T>
inline void join_block(double before, double* mean, double* deviation, const T* rows, Index stride,
                       Index count, Index lanes, Index width) {
  alignas(64) T centre[kMostLanes], sum[kMostLanes], squares[kMostLanes];
  std::memset(centre, 0, width * sizeof(T));
  std::memset(sum, 0, width * sizeof(T));
  std::memset(squares, 0, width * sizeof(T));
  Index r = 0;
  for (; r + 8 <= count; r += 8) add_numbers<T, 8>(rows + r * stride, stride, width, centre);
  for (; r < count; ++r) add_numbers<T, 1>(rows + r * stride, stride, width, centre);
  for (Index l = 0; l < width; ++l) centre[l] /= T(count);
  for (r = 0; r + 8 <= count; r += 8)
    add_distances<T, 8>(rows + r * stride, stride, width, centre, sum, squares);
  for (; r < count; ++r)
    add_distances<T, 1>(rows + r * stride, stride, width, centre, sum, squares);
  alignas(64) double block_mean[kMostLanes], block_deviation[kMostLanes];
  for (Index l = 0; l < lanes; ++l) {
    const double rest = double(sum[l]) / double(count);
    block_mean[l] = double(centre[l]) + rest;
    block_deviation[l] = double(squares[l]) - rest * double(sum[l]);
  }
  join(before, mean, deviation, double(count), block_mean, block_deviation, lanes);
}

// Join `count` rows of `lanes` adjoining numbers, `stride` apart, to the `before` rows before them.
// `width` >= `lanes` numbers of each row may be read: whole vectors are faster.
template <class T>
inline void join_rows(Index before, double* mean, double* deviation, const T* rows, Index stride,
                      Index count, Index lanes, Index width) {
  for (Index row = 0; row < count; row += kMostRows)
    for (Index lane = 0; lane < lanes; lane += kMostLanes)
      join_block(double(before + row), mean + lane, deviation + lane, rows + row * stride + lane,
                 stride, least(kMostRows, count - row), least(kMostLanes, lanes - lane),
                 least(kMostLanes, width - lane));
}

// For each unit of work and channel: pixels, mean, sum of squared distances from it.
struct Moments {
  Index units, channels;
  Index* count;              // (units)
  double *mean, *deviation;  // (units, channels)

  Moments(Index units, Index channels, const Runtime& runtime) : units(units), channels(channels) {
    const Index each = units * channels;
    char* memory = static_cast<char*>(
        runtime.scratch(2, 2 * each * sizeof(double) + units * sizeof(Index)));
    mean = reinterpret_cast<double*>(memory);
    deviation = mean + each;
    count = reinterpret_cast<Index*>(deviation + each);
  }

  // Unit `into` takes in the pixels of `from`.
  template <bool ROUNDED = false>
  void join_units(Index into, Index from) const {
    join<ROUNDED>(double(count[into]), mean + into * channels, deviation + into * channels,
                  double(count[from]), mean + from * channels, deviation + from * channels,
                  channels);
    count[into] += count[from];
  }

  // Join all units, of which `first[s]` to `first[s + 1]` belong to shard s, at least one of which
  // there must be; into `joined` (3, channels): count, mean, deviation.
  void combine(const Index* first, Index shards, double* joined) const {
    for (Index s = 0; s < shards; ++s)
      for (Index unit = first[s] + 1; unit < first[s + 1]; ++unit) join_units(first[s], unit);
    for (Index step = 1; step < shards; step *= 2)
      for (Index s = 0; s + step < shards; s += 2 * step)
        join_units<true>(first[s], first[s + step]);
    for (Index c = 0; c < channels; ++c) joined[c] = double(count[0]);
    std::memcpy(joined + channels, mean, channels * sizeof(double));
    std::memcpy(joined + 2 * channels, deviation, channels * sizeof(double));
  }
};

}  // namespace clearconv::CLEARCONV_VARIANT
