// The passes of batch norm over whole arrays: forward.
//
// x̂ is formed from the distance of x to a centre near the mean, never as a product plus a
// constant: at a mean of 10,000 deviations those two would cancel, and four digits be lost. The
// subtraction is exact there, and what the centre lacks of the float64 mean is in the constants.
//
// Arrays and results may have any strides. What belongs to a channel is a plain array of C numbers,
// which may lie in scratch slot 1: the passes use the others.
#pragma once

#include "native/passes/moments.h"
#include "native.h"
#include "pixels.h"

namespace clearconv::CLEARCONV_VARIANT {

using batch_norm2d::Norm;

// (x - centre[c]) scale[c] + shift[c]
template <class T>
struct Affine {
  const T *centre, *scale, *shift;
};

template <class T>
inline double weight_of(const Norm<T>& norm, Index c) {
  return norm.weight.data ? double(norm.weight.data[c * norm.weight.stride[0]]) : 1;
}

// A norm as an affine map; `memory` has room for 3 C numbers.
template <class T>
inline Affine<T> affine_of(const Norm<T>& norm, Index channels, T* memory) {
  T *centre = memory, *scale = centre + channels, *shift = scale + channels;
  for (Index c = 0; c < channels; ++c) {
    const double factor = weight_of(norm, c) / __builtin_sqrt(norm.var[c] + norm.eps);
    centre[c] = T(norm.mean[c]);
    const double rest = norm.mean[c] - double(centre[c]);
    scale[c] = T(factor);
    shift[c] = T(double(norm.bias.data[c * norm.bias.stride[0]]) - rest * factor);
  }
  return {centre, scale, shift};
}

// Up to `arrays` arrays of a number per channel, each repeated across a wide row.
template <class T>
struct WideRows {
  Index channels, pixels, wide;
  T* free;
  WideRows(Index channels, int arrays, const Runtime& runtime)
      : channels(channels), pixels(wide_pixels(channels)), wide(pixels * channels) {
    free = static_cast<T*>(runtime.scratch(3, arrays * wide * sizeof(T)));
  }
  const T* add(const T* numbers) {
    T* row = free;
    for (Index p = 0; p < pixels; ++p)
      std::memcpy(row + p * channels, numbers, channels * sizeof(T));
    free += wide;
    return row;
  }
  Affine<T> add(const Affine<T>& map) { return {add(map.centre), add(map.scale), add(map.shift)}; }
};

template <class T>
struct MomentBlocks {
  static constexpr bool kBackwards = false;
  Index channels, pixels, wide;
  const Moments& chunks;

  // State: how many wide rows and further pixels were met; means and deviations of the lanes of
  // wide rows, then of the channels of the pixels that fill no such row.
  Index* rows(void* state) const { return static_cast<Index*>(state); }
  double* lanes(void* state) const { return static_cast<double*>(state) + 8; }
  double* rest(void* state) const { return lanes(state) + 2 * wide; }
  Index state_bytes() const { return (8 + 2 * wide + 2 * channels) * Index(sizeof(double)); }
  void start(void* state) const { rows(state)[0] = rows(state)[1] = 0; }

  void block(void* state, Index count, const T* const* from, T*) const {
    const Index whole = count / pixels, further = count % pixels;
    double *mean = lanes(state), *mean_of_rest = rest(state);
    join_rows(rows(state)[0], mean, mean + wide, from[0], wide, whole, wide, wide);
    join_rows(rows(state)[1], mean_of_rest, mean_of_rest + channels, from[0] + whole * wide,
              channels, further, channels, channels);
    rows(state)[0] += whole;
    rows(state)[1] += further;
  }

  void finish(void* state, Index chunk) const {
    const Index whole = rows(state)[0], further = rows(state)[1];
    double *mean = chunks.mean + chunk * channels, *deviation = chunks.deviation + chunk * channels;
    const double *from = lanes(state), *further_mean = rest(state);
    for (Index p = 0; p < pixels; ++p)
      join(double(p * whole), mean, deviation, double(whole), from + p * channels,
           from + wide + p * channels, channels);
    join(double(pixels * whole), mean, deviation, double(further), further_mean,
         further_mean + channels, channels);
    chunks.count[chunk] = pixels * whole + further;
  }
};

// The moments of each channel (3, C) of at least one shard.
template <class T>
inline void measure(const Tensor<const T>& x, const Shards& shards, double* joined,
                    const Runtime& runtime) {
  const Index C = x.shape[1], pixels = wide_pixels(C);
  const BatchChunks chunks = chunks_of(x, shards);
  const Moments moments(chunks.count(), C, runtime);
  const MomentBlocks<T> work = {C, pixels, pixels * C, moments};
  Walk<T, MomentBlocks<T>>(x, {}, {}, shards, work, runtime);
  moments.combine(chunks.first, chunks.shards, joined);
}

// The ends of the range that a number is kept in: unlimited, or for ReLU 0 and its ceiling.
template <class T>
struct Range {
  T floor = -T(__builtin_inf()), ceiling = T(__builtin_inf());
};

template <class T>
inline Range<T> relu_to(T ceiling) {
  return {T(0), ceiling};
}

// x, or map(x) unless the map's centre is null; then kept within the range.
template <class T>
struct Term {
  Tensor<const T> x;
  Affine<T> map;
  Range<T> range;
};

enum class How { absent, plain, mapped };

template <class T>
inline How how(const Term<T>& term) {
  return !term.x.data ? How::absent : term.map.centre ? How::mapped : How::plain;
}

// y = first + second, kept within a range.
template <class T, How FIRST, How SECOND>
struct AddBlocks {
  static constexpr bool kBackwards = true;
  Affine<T> first_map, second_map;     // wide rows
  Range<T> first_range, second_range, range;
  Index channels, wide;

  Index state_bytes() const { return 0; }
  void start(void*) const {}
  void finish(void*, Index) const {}

  template <class V>
  static V kept(V v, const Range<T>& range) {  // NaN stays
    const V low = V{} + range.floor, high = V{} + range.ceiling;
    const V above = v < low ? low : v;
    return above > high ? high : above;
  }
  template <How HOW, class V>
  static V term(const T* x, const Affine<T>& map, Index l, const Range<T>& range) {
    V v = get<V>(x);
    if constexpr (HOW == How::mapped)
      v = (v - get<V>(map.centre + l)) * get<V>(map.scale + l) + get<V>(map.shift + l);
    return kept(v, range);
  }

  void block(void*, Index pixels, const T* const* from, T* to) const {
    const T *x = from[0], *other = from[1];
    over_block<T>(pixels * channels, wide, [=](Index l, Index i, auto lane) {
      using V = decltype(lane);
      V v = term<FIRST, V>(x + i, first_map, l, first_range);
      if constexpr (SECOND != How::absent)
        v = kept(v + term<SECOND, V>(other + i, second_map, l, second_range), range);
      put(to + i, v);
    });
  }
};

template <class T, How FIRST, How SECOND>
inline void add_as(const Term<T>& first, const Term<T>& second, const Range<T>& range,
                   const Tensor<T>& y, const Runtime& runtime) {
  const Index C = first.x.shape[1];
  WideRows<T> rows(C, 6, runtime);
  AddBlocks<T, FIRST, SECOND> work = {{}, {}, first.range, second.range, range, C, rows.wide};
  if constexpr (FIRST == How::mapped) work.first_map = rows.add(first.map);
  if constexpr (SECOND == How::mapped) work.second_map = rows.add(second.map);
  const Shards all = whole_batch(first.x.shape[0]);
  Walk<T, AddBlocks<T, FIRST, SECOND>>(first.x, second.x, y, all, work, runtime);
}

// y = first + second, kept within the range; or y = first, if there is no second (data null).
template <class T>
inline void add_terms(const Term<T>& first, const Term<T>& second, const Range<T>& range,
                      const Tensor<T>& y, const Runtime& runtime) {
  if (how(first) == How::plain && how(second) == How::mapped)
    return add_as<T, How::mapped, How::plain>(second, first, range, y, runtime);
  const auto run = how(first) == How::plain     ? add_as<T, How::plain, How::plain>
                   : how(second) == How::plain  ? add_as<T, How::mapped, How::plain>
                   : how(second) == How::mapped ? add_as<T, How::mapped, How::mapped>
                                                : add_as<T, How::mapped, How::absent>;
  run(first, second, range, y, runtime);
}

}  // namespace clearconv::CLEARCONV_VARIANT
