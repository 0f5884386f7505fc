// Activations on vectors of neighbours in memory, compiled per instruction set.
//
// Where a derivative is 0 or 1 it selects and does not multiply: an infinite gradient that meets a
// closed ReLU gives 0, not NaN. Where a function is cut off, NaN is on the side that stays.
#include "native.h"

#include "native/tile/exp.h"
#include "native/passes/flat.h"

namespace clearconv::CLEARCONV_VARIANT {
namespace {

using activation::Kind;

template <class T>
Vector<T> cut_at_6(Vector<T> v) {
  const Vector<T> zero = {}, six = zero + T(6), low = v < zero ? zero : v;
  return low > six ? six : low;
}

template <class T>
Vector<T> hard_sigmoid(Vector<T> v) {
  return cut_at_6<T>(v + T(3)) / T(6);
}

template <class T>
void forward(const T* x, Kind kind, T slope, Index count, T* y, const Runtime& runtime) {
  using V = Vector<T>;
  const V zero = {};
  switch (kind) {
    case Kind::relu:
      return each(y, count, runtime, [=](V v) { return v < zero ? zero : v; }, x);
    case Kind::relu6:
      return each(y, count, runtime, [](V v) { return cut_at_6<T>(v); }, x);
    case Kind::leaky_relu:
      return each(y, count, runtime, [=](V v) { return v > zero ? v : v * slope; }, x);
    case Kind::sigmoid:
      return each(y, count, runtime, [](V v) { return sigmoid<T>(v); }, x);
    case Kind::tanh:
      return each(y, count, runtime, [](V v) { return hyperbolic_tangent<T>(v); }, x);
    case Kind::hardsigmoid:
      return each(y, count, runtime, [](V v) { return hard_sigmoid<T>(v); }, x);
    case Kind::hardswish:
      return each(y, count, runtime, [](V v) { return v * hard_sigmoid<T>(v); }, x);
    case Kind::silu:
      return each(y, count, runtime, [](V v) { return v / (exponential<T>(-v) + T(1)); }, x);
  }
}

template <class T>
void backward_input(const T* grad_y, const T* saved, Kind kind, T slope, Index count, T* grad_x,
                    const Runtime& runtime) {
  using V = Vector<T>;
  const V zero = {}, three = zero + T(3), six = zero + T(6);
  const auto times_derivative = [&](const auto& f) {
    each(grad_x, count, runtime, f, grad_y, saved);
  };
  switch (kind) {
    case Kind::relu:
      return times_derivative([=](V g, V y) { return y > zero ? g : zero; });
    case Kind::relu6:
      return times_derivative([=](V g, V y) { return ((y > zero) & (y < six)) ? g : zero; });
    case Kind::leaky_relu:
      return times_derivative([=](V g, V x) { return x > zero ? g : g * slope; });
    case Kind::sigmoid:
      return times_derivative([](V g, V y) { return y * (T(1) - y) * g; });
    case Kind::tanh:
      return times_derivative([](V g, V y) { return (T(1) - y * y) * g; });
    case Kind::hardsigmoid:
      return times_derivative(
          [=](V g, V x) { return ((x > -three) & (x < three)) ? g / T(6) : zero; });
    case Kind::hardswish:
      return times_derivative([=](V g, V x) {
        const V bent = (x / T(3) + T(0.5)) * g, low = x <= -three ? zero : bent;
        return x >= three ? g : low;
      });
    case Kind::silu:
      return times_derivative([](V g, V x) {
        const V s = sigmoid<T>(x);
        return s * (x * (T(1) - s) + T(1)) * g;
      });
  }
}

}  // namespace

extern const activation::Kernels activation_kernels = {
    {forward<float>, backward_input<float>},
    {forward<double>, backward_input<double>},
};

}  // namespace clearconv::CLEARCONV_VARIANT
