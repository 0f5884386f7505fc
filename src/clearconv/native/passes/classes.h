// Rows of classes, a vector of rows at a time: lane r is row r.
//
// So a sum along a row is one chain in the order of its classes, whatever the vector width. It is
// cut into pieces, each summed from zero, so that rounding grows with the number of pieces.
#pragma once

#include "native/tile/exp.h"
#include "flat.h"
#include "native/machine/turn.h"

namespace clearconv::CLEARCONV_VARIANT {

// Up to a vector of rows, turned: class k of all rows is one vector.
template <class T>
struct Turned {
  static constexpr int L = kLanes<T>;
  T* numbers;  // (K, L)
  Index rows, K;

  Vector<T> operator[](Index k) const { return load(numbers + k * L); }
  void set(Index k, Vector<T> v) const { store(numbers + k * L, v); }

  // Input and output are (rows, K).
  void take(const T* from) const {
    if (rows < L) std::memset(numbers, 0, K * L * sizeof(T));
    Index k = 0;
    if (rows == L)
      for (; k + L <= K; k += L) turn(from + k, K, numbers + k * L, L);
    for (; k < K; ++k)
      for (Index r = 0; r < rows; ++r) numbers[k * L + r] = from[r * K + k];
  }
  void give(T* to) const {
    Index k = 0;
    if (rows == L)
      for (; k + L <= K; k += L) turn(numbers + k * L, L, to + k, K);
    for (; k < K; ++k)
      for (Index r = 0; r < rows; ++r) to[r * K + k] = numbers[k * L + r];
  }
};

// Sum of f(k) over the classes.
template <class T, class F>
inline Vector<T> sum_over(Index K, const F& f) {
  constexpr Index kPiece = 64;
  Vector<T> sum = {};
  for (Index first = 0; first < K; first += kPiece) {
    Vector<T> piece = {};
    for (Index k = first; k < least(first + kPiece, K); ++k) piece += f(k);
    sum += piece;
  }
  return sum;
}

// e^(x - the largest x) into `power`, which may be `x`; gives their sum. A NaN makes its whole row
// NaN: as the largest, or because it is seen from it.
template <class T>
inline Vector<T> powers(const Turned<T>& x, Vector<T> largest, const Turned<T>& power) {
  return sum_over<T>(x.K, [&](Index k) {
    const Vector<T> e = exponential<T>(x[k] - largest);
    power.set(k, e);
    return e;
  });
}

template <class T>
inline Vector<T> largest_of(const Turned<T>& x) {
  Vector<T> largest = x[0];
  for (Index k = 1; k < x.K; ++k) largest = x[k] > largest ? x[k] : largest;
  return largest;
}

// For each vector of `N` rows of K classes call work(first row, blocks), on any thread; the blocks
// are `COUNT` arrays of scratch memory.
template <class T, int COUNT, class Work>
inline void over_rows(Index N, Index K, const Runtime& runtime, const Work& work) {
  constexpr Index L = kLanes<T>, kUnitNumbers = 1 << 14;
  const Index step = most(1, kUnitNumbers / (K * L)) * L;
  over_ranges(N, step, runtime, [&](Index begin, Index end) {
    T* memory = static_cast<T*>(runtime.scratch(0, COUNT * K * L * sizeof(T)));
    for (Index n = begin; n < end; n += L) {
      Turned<T> blocks[COUNT];
      for (int i = 0; i < COUNT; ++i) blocks[i] = {memory + i * K * L, least(L, end - n), K};
      work(n, blocks);
    }
  });
}

}  // namespace clearconv::CLEARCONV_VARIANT
