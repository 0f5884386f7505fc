// The exponential function, and what is made of it, a vector at a time.
//
// x = n ln 2 + r with n whole and |r| <= ln(2)/2, so e^x = 2^n e^r, and Taylor's sum for e^r is
// short. Every lane goes through the same operations, so its bits depend on no other and on no
// vector width. The error stays below 3 units in the last place.
#pragma once

#include <stdint.h>

#include "tile.h"

namespace clearconv::CLEARCONV_VARIANT {

template <class T>
struct ExpNumbers;

template <>
struct ExpNumbers<float> {
  using Unsigned = uint32_t;
  static constexpr int kMantissa = 23, kOne = 127;  // bits after the exponent; exponent of 1
  static constexpr int kTerms = 7;
  static constexpr float kWhole = 0x1.8p23f;  // adding it rounds to whole numbers
  // ln 2 in two parts; n times the first is exact.
  static constexpr float kLn2 = 0x1.62e4p-1f, kLn2Rest = 0x1.7f7d1cp-20f;
  // e^x is normal from the first to the second.
  static constexpr float kLowest = -0x1.5d589ep6f, kHighest = 0x1.62e42ep6f;
};

template <>
struct ExpNumbers<double> {
  using Unsigned = uint64_t;
  static constexpr int kMantissa = 52, kOne = 1023;
  static constexpr int kTerms = 13;
  static constexpr double kWhole = 0x1.8p52;
  static constexpr double kLn2 = 0x1.62e42fefap-1, kLn2Rest = 0x1.cf79abc9e3b3ap-40;
  static constexpr double kLowest = -0x1.6232bdd7abcd2p9, kHighest = 0x1.62e42fefa39efp9;
};

template <class T>
struct BitsOf {
  typedef typename ExpNumbers<T>::Unsigned type __attribute__((vector_size(kVectorBytes)));
};
// The bits of a vector's lanes as whole numbers.
template <class T>
using Bits = typename BitsOf<T>::type;

// x = n ln 2 + r.
template <class T>
struct Reduced {
  using Is = ExpNumbers<T>;
  Vector<T> r;
  Bits<T> n;  // its lowest bits are those of n, others stand above them

  explicit Reduced(Vector<T> x) {
    const Vector<T> shifted = x * T(1.4426950408889634) + Is::kWhole;  // x / ln 2
    const Vector<T> whole = shifted - Is::kWhole;
    r = (x - whole * Is::kLn2) - whole * Is::kLn2Rest;
    n = (Bits<T>)shifted;
  }
  // e^r - 1, which keeps its digits where r is small.
  Vector<T> growth() const {
    constexpr double inverse_factorial[] = {
        1.0,           1.0,            1.0 / 2,         1.0 / 6,          1.0 / 24,
        1.0 / 120,     1.0 / 720,      1.0 / 5040,      1.0 / 40320,      1.0 / 362880,
        1.0 / 3628800, 1.0 / 39916800, 1.0 / 479001600, 1.0 / 6227020800,
    };
    Vector<T> sum = Vector<T>{} + T(inverse_factorial[Is::kTerms]);
#pragma GCC unroll 16
    for (int k = Is::kTerms - 1; k > 0; --k) sum = sum * r + T(inverse_factorial[k]);
    return sum * r;
  }
};

// Results below the normal range are 0, above it infinite; NaN stays.
template <class T>
inline Vector<T> exponential(Vector<T> x) {
  using Is = ExpNumbers<T>;
  const Reduced<T> reduced(x);
  const Vector<T> y = reduced.growth() + T(1);
  const Vector<T> scaled = (Vector<T>)((Bits<T>)y + (reduced.n << Is::kMantissa));  // 2^n y
  const Vector<T> infinite = Vector<T>{} + T(__builtin_inf());
  const Vector<T> bounded = x > Vector<T>{} + Is::kHighest ? infinite : scaled;
  const Vector<T> positive = x < Vector<T>{} + Is::kLowest ? Vector<T>{} : bounded;
  return x == x ? positive : x;
}

// 1 / (1 + e^-x)
template <class T>
inline Vector<T> sigmoid(Vector<T> x) {
  return T(1) / (exponential<T>(-x) + T(1));
}

// With g = e^(-2|x|) - 1: tanh|x| = -g / (2 + g).
template <class T>
inline Vector<T> hyperbolic_tangent(Vector<T> x) {
  using Is = ExpNumbers<T>;
  const Vector<T> zero = {}, far = zero - T(50);  // tanh 25 rounds to 1
  const Vector<T> twice = x > zero ? x * T(-2) : x * T(2);
  const Reduced<T> reduced(twice < far ? far : twice);
  const Vector<T> power = (Vector<T>)((reduced.n + Is::kOne) << Is::kMantissa);  // 2^n
  const Vector<T> g = power * reduced.growth() + (power - T(1));
  const Vector<T> minus = g / (g + T(2));
  return x > zero ? -minus : minus;
}

}  // namespace clearconv::CLEARCONV_VARIANT
