// The passes of batch norm over whole arrays: backward, one for the sums over the batch and one for
// the gradient of x. Both read the same two arrays, and nothing is stored in between.
#pragma once

#include "passes.h"

namespace clearconv::CLEARCONV_VARIANT {

// Sums of g and of g * away, where away = x - centre, and g = grad, or with GATE, behind a ReLU
// directly after the norm, grad where 0 < map(x) < ceiling, else 0. In T over a block, in float64
// beyond.
template <class T, bool GATE>
struct SumBlocks {
  static constexpr bool kBackwards = false;
  Affine<T> map;  // wide rows; scale and shift only with GATE
  Index channels, pixels, wide;
  double* parts;   // (chunks, 2, channels)
  T ceiling = {};  // only with GATE

  // State: the chunk's sums of every lane, then the block's.
  Index state_bytes() const { return 2 * wide * (sizeof(double) + sizeof(T)); }
  void start(void* state) const { std::memset(state, 0, 2 * wide * sizeof(double)); }

  template <Index ROWS>
  void add_rows(const T* grad, const T* x, Index lanes, T* sums) const {
    over_lanes<T>(lanes, [=](Index l, auto lane) {
      using V = decltype(lane);
      const V centre = get<V>(map.centre + l);
      V sum = {}, product = {};
#pragma GCC unroll 8
      for (Index r = 0; r < ROWS; ++r) {
        const Index i = r * wide + l;
        const V away = get<V>(x + i) - centre;
        V g = get<V>(grad + i);
        if constexpr (GATE) {
          g = loaded(g);
          const V v = away * get<V>(map.scale + l) + get<V>(map.shift + l);
          g = ((v > V{}) & (v < V{} + ceiling)) ? g : V{};
        }
        sum += g;
        product += g * away;
      }
      put(sums + l, get<V>(sums + l) + sum);
      put(sums + wide + l, get<V>(sums + wide + l) + product);
    });
  }

  void block(void* state, Index count, const T* const* from, T*) const {
    const T *grad = from[0], *x = from[1];
    double* total = static_cast<double*>(state);
    T* sums = reinterpret_cast<T*>(total + 2 * wide);
    std::memset(sums, 0, 2 * wide * sizeof(T));
    const Index numbers = count * channels;
    Index i = 0;
    for (; i + 8 * wide <= numbers; i += 8 * wide) add_rows<8>(grad + i, x + i, wide, sums);
    for (; i < numbers; i += wide)
      add_rows<1>(grad + i, x + i, least(wide, numbers - i), sums);
    for (Index l = 0; l < 2 * wide; ++l) total[l] += double(sums[l]);
  }

  void finish(void* state, Index chunk) const {
    const double* total = static_cast<double*>(state);
    double* part = parts + chunk * 2 * channels;
    std::memset(part, 0, 2 * channels * sizeof(double));
    for (Index p = 0; p < pixels; ++p)
      for (Index c = 0; c < channels; ++c) {
        part[c] += total[p * channels + c];
        part[channels + c] += total[wide + p * channels + c];
      }
  }
};

template <class T, bool GATE>
inline void sum_gradient_as(const Tensor<const T>& grad, const Tensor<const T>& x,
                            const Affine<T>& map, const T* ceiling, const Shards& of,
                            double* sums, const Runtime& runtime) {
  const Index C = grad.shape[1], size = 2 * C;
  WideRows<T> rows(C, 3, runtime);
  const BatchChunks chunks = chunks_of(grad, of);
  const std::size_t bytes = most(1, chunks.count()) * size * sizeof(double);
  double* parts = static_cast<double*>(runtime.scratch(2, bytes));
  if (chunks.count() == 0) std::memset(parts, 0, bytes);
  SumBlocks<T, GATE> work = {{rows.add(map.centre), nullptr, nullptr}, C, rows.pixels, rows.wide,
                             parts};
  if constexpr (GATE) {
    work.map.scale = rows.add(map.scale), work.map.shift = rows.add(map.shift);
    work.ceiling = *ceiling;
  }
  Walk<T, SumBlocks<T, GATE>>(grad, x, {}, of, work, runtime);
  for (Index s = 0; s < chunks.shards; ++s) {
    double* shard = parts + chunks.first[s] * size;
    for (Index p = 1; p < chunks.first[s + 1] - chunks.first[s]; ++p)
      for (Index i = 0; i < size; ++i) shard[i] += shard[p * size + i];
    std::memmove(parts + s * size, shard, size * sizeof(double));
  }
  add_shards(parts, chunks.shards, size, size);
  std::memcpy(sums, parts, size * sizeof(double));
}

// Over these shards, for each channel: sum of g into sums[c], of g (x - centre) into sums[C + c].
// `ceiling` is that of the ReLU after the norm, or null where there is none.
template <class T>
inline void sum_gradient(const Tensor<const T>& grad, const Tensor<const T>& x,
                         const Affine<T>& map, const T* ceiling, const Shards& shards,
                         double* sums, const Runtime& runtime) {
  const auto run = ceiling ? sum_gradient_as<T, true> : sum_gradient_as<T, false>;
  run(grad, x, map, ceiling, shards, sums, runtime);
}

// grad_x = a[c] grad + (b[c] (x - centre[c]) + d[c])
template <class T>
struct Factors {
  const T *centre, *a, *b, *d;
};

// From the sums Σ g and Σ g x̂: grad_x = weight r (g - Σ g / M - x̂ Σ g x̂ / M), where r = 1 /
// sqrt(var + eps) and a channel has M numbers. `memory` has room for 3 C numbers.
template <class T>
inline Factors<T> factors_of(const Norm<T>& norm, const T* centre, const double* sum_g,
                             const double* sum_g_hat, Index count, Index channels, T* memory) {
  T *a = memory, *b = a + channels, *d = b + channels;
  for (Index c = 0; c < channels; ++c) {
    const double r = 1 / __builtin_sqrt(norm.var[c] + norm.eps), scale = weight_of(norm, c) * r;
    const double slope = r * sum_g_hat[c] / double(count);
    const double rest = norm.mean[c] - double(centre[c]);
    a[c] = T(scale);
    b[c] = T(-scale * slope);
    d[c] = T(scale * (rest * slope - sum_g[c] / double(count)));
  }
  return {centre, a, b, d};
}

template <class T>
struct GradientBlocks {
  static constexpr bool kBackwards = true;
  Factors<T> factors;  // wide rows
  Index channels, wide;

  Index state_bytes() const { return 0; }
  void start(void*) const {}
  void finish(void*, Index) const {}
  void block(void*, Index pixels, const T* const* from, T* to) const {
    const T *grad = from[0], *x = from[1];
    over_block<T>(pixels * channels, wide, [=](Index l, Index i, auto lane) {
      using V = decltype(lane);
      const V away = get<V>(x + i) - get<V>(factors.centre + l);
      put(to + i, get<V>(factors.a + l) * get<V>(grad + i) +
                      (get<V>(factors.b + l) * away + get<V>(factors.d + l)));
    });
  }
};

template <class T>
inline void apply_gradient(const Tensor<const T>& grad, const Tensor<const T>& x,
                           const Factors<T>& factors, const Tensor<T>& grad_x,
                           const Runtime& runtime) {
  WideRows<T> rows(grad.shape[1], 4, runtime);
  const Factors<T> wide = {rows.add(factors.centre), rows.add(factors.a), rows.add(factors.b),
                           rows.add(factors.d)};
  const GradientBlocks<T> work = {wide, rows.channels, rows.wide};
  Walk<T, GradientBlocks<T>>(grad, x, grad_x, whole_batch(grad.shape[0]), work, runtime);
}

}  // namespace clearconv::CLEARCONV_VARIANT
