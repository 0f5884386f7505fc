// Small squares are turned over in registers; each image is covered with them.
#include "transpose.h"

#include "native/tile/rows.h"

namespace clearconv::CLEARCONV_VARIANT {
namespace {

// Lanes of two vectors, numbered through from a's first to b's last.
template <int... LANES, class V>
V shuffle(V a, V b) {
#ifdef __clang__
  return __builtin_shufflevector(a, b, LANES...);
#else
  return __builtin_shuffle(a, b, decltype(a < b){LANES...});
#endif
}

// L x L numbers. Vectors are of 16 bytes on every CPU: wider ones need more shuffles a number.
template <class T>
struct Square {
  static constexpr int L = 16 / sizeof(T);
  typedef T Row __attribute__((vector_size(16)));

  // The lower or the upper halves of two rows, number by number in turn.
  static Row low(Row a, Row b) {
    if constexpr (L == 4)
      return shuffle<0, 4, 1, 5>(a, b);
    else
      return shuffle<0, 2>(a, b);
  }
  static Row high(Row a, Row b) {
    if constexpr (L == 4)
      return shuffle<2, 6, 3, 7>(a, b);
    else
      return shuffle<1, 3>(a, b);
  }

  // Rows r and r + L/2 are shuffled together, log2(L) times over.
  static void turn(const T* from, Index from_row, T* to, Index to_row) {
    Row rows[L];
#pragma GCC unroll 4
    for (int r = 0; r < L; ++r) std::memcpy(&rows[r], from + r * from_row, sizeof rows[r]);
#pragma GCC unroll 2
    for (int round = 1; round < L; round *= 2) {
      Row mixed[L];
#pragma GCC unroll 2
      for (int r = 0; r < L / 2; ++r) {
        mixed[2 * r] = low(rows[r], rows[r + L / 2]);
        mixed[2 * r + 1] = high(rows[r], rows[r + L / 2]);
      }
#pragma GCC unroll 4
      for (int r = 0; r < L; ++r) rows[r] = mixed[r];
    }
#pragma GCC unroll 4
    for (int r = 0; r < L; ++r) std::memcpy(to + r * to_row, &rows[r], sizeof rows[r]);
  }
};

template <class T>
struct Images {
  Tensor<const T> x;
  T* y;

  // One image; where the squares do not come out even, the last ones overlap.
  void row(Index n, Index) const {
    constexpr Index L = Square<T>::L;
    const Index R = x.shape[1], K = x.shape[2], from_row = x.stride[1];
    const T* from = x.data + n * x.stride[0];
    T* to = y + n * R * K;
    if (R < L || K < L) {
      for (Index k = 0; k < K; ++k)
        for (Index r = 0; r < R; ++r) to[k * R + r] = from[r * from_row + k];
      return;
    }
    for (Index c = 0; c < K; c += L) {
      const Index k = least(c, K - L);
      for (Index b = 0; b < R; b += L) {
        const Index r = least(b, R - L);
        Square<T>::turn(from + r * from_row + k, from_row, to + k * R + r, R);
      }
    }
  }
};

template <class T>
void swap(const Tensor<const T>& x, T* y, const Runtime& runtime) {
  each_row(Images<T>{x, y}, x.shape[0], 1, x.shape[1] * x.shape[2], runtime);
}

}  // namespace

extern const transpose::Kernels transpose_kernels = {swap<float>, swap<double>};

}  // namespace clearconv::CLEARCONV_VARIANT
