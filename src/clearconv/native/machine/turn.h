// Turns a square of numbers in registers: rows become columns.
#pragma once

#include "native/tile/tile.h"

namespace clearconv::CLEARCONV_VARIANT {

template <int... I>
struct Numbers {};
template <int N, int... I>
struct UpTo : UpTo<N - 1, N - 1, I...> {};
template <int... I>
struct UpTo<0, I...> {
  using type = Numbers<I...>;
};

// a[FIRST], b[FIRST], a[FIRST + 1], b[FIRST + 1], ...; compilers make one instruction of it.
template <int FIRST, class V, int... I>
inline V zip(V a, V b, Numbers<I...>) {
  return V{(I % 2 ? b : a)[FIRST + I / 2]...};
}

// A square of as many vectors as one has lanes. Zipping its upper and its lower half moves the
// first bit of a number's row to the end of its column; after as many rounds as there are bits,
// rows and columns have changed places.
template <class T>
inline void turn(Vector<T>* square) {
  constexpr int L = kLanes<T>;
  constexpr typename UpTo<L>::type lanes = {};
#pragma GCC unroll 4
  for (int round = 1; round < L; round *= 2) {
    Vector<T> zipped[L];
#pragma GCC unroll 8
    for (int i = 0; i < L / 2; ++i) {
      zipped[2 * i] = zip<0>(square[i], square[i + L / 2], lanes);
      zipped[2 * i + 1] = zip<L / 2>(square[i], square[i + L / 2], lanes);
    }
#pragma GCC unroll 16
    for (int i = 0; i < L; ++i) square[i] = zipped[i];
  }
}

// to[c * to_stride + r] = from[r * from_stride + c] for a square.
template <class T>
inline void turn(const T* from, Index from_stride, T* to, Index to_stride) {
  constexpr int L = kLanes<T>;
  Vector<T> square[L];
#pragma GCC unroll 16
  for (int i = 0; i < L; ++i) square[i] = load(from + i * from_stride);
  turn<T>(square);
#pragma GCC unroll 16
  for (int i = 0; i < L; ++i) store(to + i * to_stride, square[i]);
}

}  // namespace clearconv::CLEARCONV_VARIANT
