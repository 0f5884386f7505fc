// What a fused block does apart from its convolution: the end of a residual block, the sums over
// the batch that batch norm and its gradients are made of, which are passes of batch_norm2d; and
// what was not computed yet, written to where it belongs.
#include "native.h"

#include "native/tile/operand.h"
#include "native/tile/rows.h"
#include "ops/batch_norm2d/native/gradients.h"

namespace clearconv::CLEARCONV_VARIANT {
namespace {

template <class T>
Term<T> term(const Operand<T>& operand) {
  return {operand.x,
          {operand.centre, operand.scale, operand.shift},
          operand.relu ? relu_to(operand.ceiling) : Range<T>{}};
}

template <class T>
void add(const Operand<T>& x, const Operand<T>& other, bool relu, const Tensor<T>& y,
         const Runtime& runtime) {
  add_terms(term(x), term(other), relu ? relu_to(T(__builtin_inf())) : Range<T>{}, y, runtime);
}

template <class T>
void gradient_sums(const Operand<T>& gradient, const Shards& shards, double* sums,
                   const Runtime& runtime) {
  const Operand<T>& o = gradient;
  sum_gradient<T>(o.x, o.beside, {o.centre, o.scale, o.shift}, o.relu ? &o.ceiling : nullptr,
                  shards, sums, runtime);
}

// Number c of a pixel of an operand; `x` and `z` (its `beside`) are that pixel's.
template <class T, typename Operand<T>::How HOW, bool RELU>
inline T number(const Operand<T>& o, const T* x, const T* z, Index c) {
  if constexpr (HOW == Operand<T>::plain) return x[c];
  const T away = (HOW == Operand<T>::gradient ? z : x)[c] - o.centre[c];
  if constexpr (HOW == Operand<T>::normalised) {
    const T v = away * o.scale[c] + o.shift[c];
    const T positive = RELU && v < 0 ? T(0) : v;  // NaN stays
    return RELU && positive > o.ceiling ? o.ceiling : positive;
  }
  T g = x[c];
  if constexpr (RELU) {
    const T v = away * o.scale[c] + o.shift[c];
    g = ((v > 0) & (v < o.ceiling)) ? g : T(0);
  }
  return o.a[c] * g + (o.b[c] * away + o.d[c]);
}

template <class T, typename Operand<T>::How HOW, bool RELU>
struct Rows {
  const Operand<T> x;
  const Tensor<T> y;
  bool accumulate;

  static const T* pixel(const Tensor<const T>& x, Index n, Index h, Index w) {
    return x.data ? x.data + n * x.stride[0] + h * x.stride[2] + w * x.stride[3] : nullptr;
  }
  void row(Index n, Index h) const {
    const Operand<T> o = x;
    const Index C = y.shape[1];
    for (Index w = 0; w < y.shape[3]; ++w) {
      const T *from = pixel(o.x, n, h, w), *beside = pixel(o.beside, n, h, w);
      T* __restrict to = y.data + n * y.stride[0] + h * y.stride[2] + w * y.stride[3];
      if (accumulate)
        for (Index c = 0; c < C; ++c) to[c] += number<T, HOW, RELU>(o, from, beside, c);
      else
        for (Index c = 0; c < C; ++c) to[c] = number<T, HOW, RELU>(o, from, beside, c);
    }
  }
};

template <class T, typename Operand<T>::How HOW, bool RELU>
void write_as(const Operand<T>& x, const Tensor<T>& y, bool accumulate, const Runtime& runtime) {
  const Rows<T, HOW, RELU> rows = {x, y, accumulate};
  each_row(rows, y.shape[0], y.shape[2], y.shape[1] * y.shape[3], runtime);
}

template <class T>
void write(const Operand<T>& x, const Tensor<T>& y, bool accumulate, const Runtime& runtime) {
  using O = Operand<T>;
  const auto run = x.how == O::plain        ? write_as<T, O::plain, false>
                   : x.how == O::normalised ? (x.relu ? write_as<T, O::normalised, true>
                                                      : write_as<T, O::normalised, false>)
                   : x.relu                 ? write_as<T, O::gradient, true>
                                            : write_as<T, O::gradient, false>;
  run(x, y, accumulate, runtime);
}

}  // namespace

extern const conv_block::Kernels conv_block_kernels = {
    {add<float>, gradient_sums<float>, write<float>},
    {add<double>, gradient_sums<double>, write<double>},
};

}  // namespace clearconv::CLEARCONV_VARIANT
