// Vectors of neighbouring channels, where a tensor holds them in any way: the last ones of a pixel
// may be fewer than a vector, and their numbers may lie apart.
#pragma once

#include <stdint.h>

#include "native/tile/tile.h"

namespace clearconv::CLEARCONV_VARIANT {

// Integer lanes as wide as T: what comparing two vectors of T gives.
template <class T>
using Mask = decltype(Vector<T>{} > Vector<T>{});

// An integer of this many bytes.
template <int BYTES>
struct IntegerOf;
template <>
struct IntegerOf<1> {
  using type = uint8_t;
};
template <>
struct IntegerOf<2> {
  using type = int16_t;
};
template <>
struct IntegerOf<4> {
  using type = int32_t;
};
template <>
struct IntegerOf<8> {
  using type = int64_t;
};

// An integer as wide as T.
template <class T>
using Integer = typename IntegerOf<sizeof(T)>::type;

template <class T>
inline Mask<T> all_lanes(Index value) {
  return Mask<T>{} + static_cast<Integer<T>>(value);
}

// As many numbers of another type M as a vector of T has lanes.
template <class T, class M>
struct LanesOf {
  typedef M type __attribute__((vector_size(kLanes<T> * sizeof(M))));
};
template <class T, class M>
using Lanes = typename LanesOf<T, M>::type;

// Convert integers from M to M2, halving or doubling their size step by step: compilers know such
// steps as one instruction or two, and take a longer leap number by number.
template <class T, class M2, class M>
inline Lanes<T, M2> convert(Lanes<T, M> lanes) {
  if constexpr (sizeof(M2) > 2 * sizeof(M)) {
    using Step = typename IntegerOf<2 * sizeof(M)>::type;
    return convert<T, M2, Step>(__builtin_convertvector(lanes, Lanes<T, Step>));
  } else if constexpr (2 * sizeof(M2) < sizeof(M)) {
    using Step = typename IntegerOf<sizeof(M) / 2>::type;
    return convert<T, M2, Step>(__builtin_convertvector(lanes, Lanes<T, Step>));
  } else {
    return __builtin_convertvector(lanes, Lanes<T, M2>);
  }
}

// Call body(c, count) for each vector of channels; `count` is constant but for the last.
template <class T, class Body>
inline void each_vector(Index channels, const Body& body) {
  constexpr Index L = kLanes<T>;
  Index c = 0;
  for (; c + L <= channels; c += L) body(c, L);
  if (c < channels) body(c, channels - c);
}

// The position after the last element of a tensor.
template <class T>
inline const T* end_of(const Tensor<const T>& tensor) {
  const T* last = tensor.data;
  for (int axis = 0; axis < 4; ++axis)
    if (tensor.stride[axis] > 0) last += (tensor.shape[axis] - 1) * tensor.stride[axis];
  return last + 1;
}

// Up to a vector of channels, `stride` apart; the lanes after them hold anything readable or 0.
// Nothing at or after `end` is read.
template <class T, class M>
inline Lanes<T, M> read(const M* from, Index stride, Index count, const M* end) {
  constexpr int L = kLanes<T>;
  Lanes<T, M> lanes;
  if (stride == 1 && (count == L || end - from >= L)) {
    std::memcpy(&lanes, from, sizeof lanes);
  } else {
    M numbers[L] = {};
    for (Index l = 0; l < count; ++l) numbers[l] = from[l * stride];
    std::memcpy(&lanes, numbers, sizeof lanes);
  }
  return lanes;
}

// Copy `count` < 2 * PIECE numbers, by ever smaller powers of two: no loop, no call.
template <int PIECE, class M>
inline void copy_tail(M* to, const M* from, Index count) {
  const Index now = count & PIECE;
  if (now) std::memcpy(to, from, PIECE * sizeof(M));
  if constexpr (PIECE > 1) copy_tail<PIECE / 2>(to + now, from + now, count);
}

// Write `count` channels; what follows them, before `end`, is overwritten: it is written later.
template <class M, class V>
inline void write(M* to, const V& lanes, Index count, const M* end) {
  constexpr int L = sizeof lanes / sizeof(M);
  if (count == L || end - to >= L) {
    std::memcpy(to, &lanes, sizeof lanes);
  } else {
    M numbers[L];
    std::memcpy(numbers, &lanes, sizeof lanes);
    copy_tail<L / 2>(to, numbers, count);
  }
}

}  // namespace clearconv::CLEARCONV_VARIANT
