// Winograd's transforms for 3x3 kernels: 16 outputs of a 4x4 tile for 36 multiplications, not 144.
//
// A kernel row g and six inputs d are polynomials; their product is taken at six points, 0, ±√½,
// ±√2 and infinity, and the four outputs are read off it:  y = Aᵀ ((G g) ⊙ (Bᵀ d)), and along both
// axes y = Aᵀ ((G g Gᵀ) ⊙ (Bᵀ d B)) A. Summed over channels, ⊙ becomes 36 matrix products. The
// points are each other's reciprocals, so that no factor is far from 1: the error is a fourth of
// what the usual 0, ±1, ±2 leave, twice that of a direct sum.
//
//      | 1   0  -5/2   0   1   0 |         |   1     0     0  |         | 1   0    0     0  |
//      | 0 -2r    -2   r   1   0 |         | -2/3 -2r/3  -1/3 |         | 1   r   1/2   r/2 |
// Bᵀ = | 0  2r    -2  -r   1   0 |     G = | -2/3  2r/3  -1/3 |     A = | 1  -r   1/2  -r/2 |
//      | 0  -r  -1/2  2r   1   0 |         |  1/6   r/3   1/3 |         | 1  2r    2    4r  |
//      | 0   r  -1/2 -2r   1   0 |         |  1/6  -r/3   1/3 |         | 1 -2r    2   -4r  |
//      | 0   1    0  -5/2  0   1 |         |   0     0     1  |         | 0   0    0     1  |
//
// with r = √½. The weight gradient is the same read from the other side: dg = Gᵀ ((A dy Aᵀ) ⊙
// (Bᵀ d B)) G, summed over tiles. Sources: Lavin and Gray, "Fast algorithms for convolutional
// neural networks", 2015; for the points, Barabasz et al., "Error analysis and improving the
// accuracy of Winograd convolution", 2020.
#pragma once

#include "native/tile/tile.h"

namespace clearconv::CLEARCONV_VARIANT {
namespace {

constexpr Index kTile = 4;        // outputs of a tile, along each axis
constexpr Index kWindow = 6;      // inputs that they look at
constexpr Index kPoints = 36;     // products that give them
constexpr double kRoot = 0.70710678118654752440;  // r

// to = Bᵀ from, for six vectors `from_step` apart, the results `to_step` apart.
template <class T>
[[gnu::always_inline]] inline void input_points(const Vector<T>* from, Index from_step,
                                                Vector<T>* to, Index to_step) {
  const Vector<T> d0 = from[0], d1 = from[from_step], d2 = from[2 * from_step],
                  d3 = from[3 * from_step], d4 = from[4 * from_step], d5 = from[5 * from_step];
  const Vector<T> even = d4 - T(2) * d2, odd = d3 - T(2) * d1;
  const Vector<T> even2 = d4 - T(0.5) * d2, odd2 = d3 - T(0.5) * d1;
  to[0] = (d0 + d4) - T(2.5) * d2;
  to[to_step] = even + T(kRoot) * odd;
  to[2 * to_step] = even - T(kRoot) * odd;
  to[3 * to_step] = even2 + T(2 * kRoot) * odd2;
  to[4 * to_step] = even2 - T(2 * kRoot) * odd2;
  to[5 * to_step] = (d1 + d5) - T(2.5) * d3;
}

// to = G from: three vectors become six.
template <class T>
[[gnu::always_inline]] inline void filter_points(const Vector<T>* from, Index from_step,
                                                 Vector<T>* to, Index to_step) {
  const Vector<T> g0 = from[0], g1 = from[from_step], g2 = from[2 * from_step];
  const Vector<T> even = T(-2.0 / 3) * (g0 + T(0.5) * g2), odd = T(-2.0 / 3 * kRoot) * g1;
  const Vector<T> even2 = T(1.0 / 6) * (g0 + T(2) * g2), odd2 = T(1.0 / 3 * kRoot) * g1;
  to[0] = g0;
  to[to_step] = even + odd;
  to[2 * to_step] = even - odd;
  to[3 * to_step] = even2 + odd2;
  to[4 * to_step] = even2 - odd2;
  to[5 * to_step] = g2;
}

// to = Aᵀ from: six vectors become four.
template <class T>
[[gnu::always_inline]] inline void outputs(const Vector<T>* from, Index from_step, Vector<T>* to,
                                           Index to_step) {
  const Vector<T> m1 = from[from_step], m2 = from[2 * from_step], m3 = from[3 * from_step],
                  m4 = from[4 * from_step];
  const Vector<T> even = m1 + m2, odd = T(kRoot) * (m1 - m2);
  const Vector<T> even2 = m3 + m4, odd2 = T(2 * kRoot) * (m3 - m4);
  to[0] = from[0] + (even + even2);
  to[to_step] = odd + odd2;
  to[2 * to_step] = T(0.5) * even + T(2) * even2;
  to[3 * to_step] = (T(0.5) * odd + from[5 * from_step]) + T(2) * odd2;
}

// to = A from: four vectors become six.
template <class T>
[[gnu::always_inline]] inline void gradient_points(const Vector<T>* from, Index from_step,
                                                   Vector<T>* to, Index to_step) {
  const Vector<T> y0 = from[0], y1 = from[from_step], y2 = from[2 * from_step],
                  y3 = from[3 * from_step];
  const Vector<T> even = y0 + T(0.5) * y2, odd = y1 + T(0.5) * y3;
  const Vector<T> even2 = y0 + T(2) * y2, odd2 = y1 + T(2) * y3;
  to[0] = y0;
  to[to_step] = even + T(kRoot) * odd;
  to[2 * to_step] = even - T(kRoot) * odd;
  to[3 * to_step] = even2 + T(2 * kRoot) * odd2;
  to[4 * to_step] = even2 - T(2 * kRoot) * odd2;
  to[5 * to_step] = y3;
}

// to = Gᵀ from: six vectors become three.
template <class T>
[[gnu::always_inline]] inline void taps(const Vector<T>* from, Index from_step, Vector<T>* to,
                                        Index to_step) {
  const Vector<T> m1 = from[from_step], m2 = from[2 * from_step], m3 = from[3 * from_step],
                  m4 = from[4 * from_step];
  const Vector<T> even = m1 + m2, even2 = m3 + m4;
  to[0] = (from[0] - T(2.0 / 3) * even) + T(1.0 / 6) * even2;
  to[to_step] = T(kRoot / 3) * ((m3 - m4) - T(2) * (m1 - m2));
  to[2 * to_step] = from[5 * from_step] + T(1.0 / 3) * (even2 - even);
}

// One vector of channels of a 6x6 window, Bᵀ d B: pixel (i, j) is at from + i*row + j*column, point
// p of the result goes to to + p*plane.
template <class T>
inline void transform_input(const T* from, Index row, Index column, T* to, Index plane) {
  Vector<T> d[kWindow], half[kPoints], points[kWindow];
  for (Index j = 0; j < kWindow; ++j) {
    for (Index i = 0; i < kWindow; ++i) d[i] = load(from + i * row + j * column);
    input_points<T>(d, 1, half + j, kWindow);
  }
  for (Index i = 0; i < kWindow; ++i) {
    input_points<T>(half + i * kWindow, 1, points, 1);
    for (Index j = 0; j < kWindow; ++j) store(to + (i * kWindow + j) * plane, points[j]);
  }
}

// The same for nine taps, `step` numbers apart: G g Gᵀ.
template <class T>
inline void transform_filter(const T* taps, Index step, T* to, Index plane) {
  Vector<T> g[3], half[kWindow * 3], points[kWindow];
  for (Index j = 0; j < 3; ++j) {
    for (Index i = 0; i < 3; ++i) g[i] = load(taps + (i * 3 + j) * step);
    filter_points<T>(g, 1, half + j, 3);
  }
  for (Index i = 0; i < kWindow; ++i) {
    filter_points<T>(half + i * 3, 1, points, 1);
    for (Index j = 0; j < kWindow; ++j) store(to + (i * kWindow + j) * plane, points[j]);
  }
}

// Back from 36 products, Aᵀ m A: the 4x4 outputs, row by row.
template <class T>
inline void transform_output(const T* from, Index plane, Vector<T>* to) {
  Vector<T> m[kWindow], half[kTile * kWindow];
  for (Index j = 0; j < kWindow; ++j) {
    for (Index i = 0; i < kWindow; ++i) m[i] = load(from + (i * kWindow + j) * plane);
    outputs<T>(m, 1, half + j, kWindow);
  }
  for (Index i = 0; i < kTile; ++i) outputs<T>(half + i * kWindow, 1, to + i * kTile, 1);
}

// One vector of channels of a 4x4 tile of gradients, A dy Aᵀ.
template <class T>
inline void transform_gradient(const T* from, Index row, Index column, T* to, Index plane) {
  Vector<T> y[kTile], half[kWindow * kTile], points[kWindow];
  for (Index j = 0; j < kTile; ++j) {
    for (Index i = 0; i < kTile; ++i) y[i] = load(from + i * row + j * column);
    gradient_points<T>(y, 1, half + j, kTile);
  }
  for (Index i = 0; i < kWindow; ++i) {
    gradient_points<T>(half + i * kTile, 1, points, 1);
    for (Index j = 0; j < kWindow; ++j) store(to + (i * kWindow + j) * plane, points[j]);
  }
}

// Back from 36 sums over tiles to the gradients of nine taps, `step` numbers apart: Gᵀ m G.
template <class T>
inline void transform_taps(const T* from, Index plane, T* to, Index step) {
  Vector<T> m[kWindow], half[3 * kWindow], g[3];
  for (Index j = 0; j < kWindow; ++j) {
    for (Index i = 0; i < kWindow; ++i) m[i] = load(from + (i * kWindow + j) * plane);
    taps<T>(m, 1, half + j, kWindow);
  }
  for (Index i = 0; i < 3; ++i) {
    taps<T>(half + i * kWindow, 1, g, 1);
    for (Index j = 0; j < 3; ++j) store(to + (i * 3 + j) * step, g[j]);
  }
}

}  // namespace
}  // namespace clearconv::CLEARCONV_VARIANT
