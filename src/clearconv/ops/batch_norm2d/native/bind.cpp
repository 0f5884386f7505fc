// The compiled telling of batch_norm2d, as Python sees it: the signatures of matrix.py.
#include <cmath>
#include <limits>
#include <optional>

#include "native/arrays.h"
#include "native/chapters.h"
#include "native.h"

namespace nb = nanobind;

namespace clearconv::batch_norm2d {
namespace {

using Shape = std::initializer_list<Index>;

const Kernels* kernels = nullptr;

template <class T>
const Functions<T>& functions() {
  return of<T>(*kernels);
}

// The mean or variance of each channel of x, dense. What lies below the normal range of x's dtype
// counts as zero, as in the kernels: whether it got here depends on who converted it.
std::unique_ptr<double[]> numbers(nb::handle array, const Input& x) {
  const Index channels = x.shape(1);
  const double least = x.is_double() ? std::numeric_limits<double>::min()
                                     : double(std::numeric_limits<float>::min());
  const Input given(array);
  need(given.ndim() == 1 && given.shape(0) == channels);
  auto dense = std::make_unique<double[]>(channels);
  const auto copy = [&](const auto& from) {
    for (Index c = 0; c < channels; ++c) {
      const double number = double(from.data[c * from.stride[0]]);
      dense[c] = std::abs(number) < least ? 0 : number;
    }
  };
  if (given.is_double())
    copy(given.tensor<double>());
  else
    copy(given.tensor<float>());
  return dense;
}

void like(const Input& first, const Input& other) {
  need(other.ndim() == first.ndim());
  for (int axis = 0; axis < first.ndim(); ++axis) need(other.shape(axis) == first.shape(axis));
  same_dtype(first, other);
}

// A parameter of a norm, or none.
class Parameter {
 public:
  Parameter(nb::handle array, const Input& x) {
    if (array.is_none()) return;
    given_.emplace(array);
    need(given_->ndim() == 1 && given_->shape(0) == x.shape(1));
    same_dtype(x, *given_);
  }
  template <class T>
  Tensor<const T> tensor() const {
    return given_ ? given_->tensor<T>() : Tensor<const T>{};
  }

 private:
  std::optional<Input> given_;
};

struct NormOf {
  Parameter weight, bias;
  std::unique_ptr<double[]> mean, var;
  double eps;
  NormOf(const Input& x, nb::handle weight, nb::handle bias, nb::handle mean, nb::handle var,
         double eps)
      : weight(weight, x),
        bias(bias, x),
        mean(numbers(mean, x)),
        var(numbers(var, x)),
        eps(eps) {}
  template <class T>
  Norm<T> as() const {
    return {mean.get(), var.get(), eps, weight.tensor<T>(), bias.tensor<T>()};
  }
};

template <class T>
Output<T> result_like(const Input& x) {
  return Output<T>({x.shape(0), x.shape(1), x.shape(2), x.shape(3)}, Order::channels_last);
}

template <class T>
nb::object forward_as(const Input& x, const NormOf& norm) {
  Output<T> y = result_like<T>(x);
  compute([&] {
    functions<T>().forward(x.tensor<T>(), norm.as<T>(), y.tensor.data, threads::runtime);
  });
  return y.numpy();
}

nb::object forward(nb::handle x, nb::handle weight, nb::handle bias, nb::handle mean,
                   nb::handle var, double eps) {
  const Input xs(x);
  need(xs.ndim() == 4 && !bias.is_none());
  const NormOf norm(xs, weight, bias, mean, var, eps);
  return xs.is_double() ? forward_as<double>(xs, norm) : forward_as<float>(xs, norm);
}

template <class T>
nb::object forward_training_as(const Input& x, const Parameter& weight, const Parameter& bias,
                               double eps) {
  Output<T> y = result_like<T>(x);
  Output<double> mean({x.shape(1)}, Order::c), var({x.shape(1)}, Order::c);
  compute([&] {
    const Tensor<const T> xs = x.tensor<T>();
    functions<T>().measure(xs, mean.tensor.data, var.tensor.data, threads::runtime);
    functions<T>().forward(xs,
                           {mean.tensor.data, var.tensor.data, eps, weight.tensor<T>(),
                            bias.tensor<T>()},
                           y.tensor.data, threads::runtime);
  });
  return nb::make_tuple(y.numpy(), mean.numpy(), var.numpy());
}

nb::object forward_training(nb::handle x, nb::handle weight, nb::handle bias, double eps) {
  const Input xs(x);
  need(xs.ndim() == 4 && xs.size() > 0 && !bias.is_none());
  const Parameter ws(weight, xs), bs(bias, xs);
  return xs.is_double() ? forward_training_as<double>(xs, ws, bs, eps)
                        : forward_training_as<float>(xs, ws, bs, eps);
}

enum Wanted { all, only_x, only_weight };

template <class T>
nb::object backward_as(const Input& grad_y, const Input& x, const NormOf& norm, bool fixed,
                       Wanted wanted) {
  std::optional<Output<T>> grad_x, grad_weight, grad_bias;
  if (wanted != only_weight) grad_x.emplace(result_like<T>(x));
  if (wanted != only_x) {
    grad_weight.emplace(Shape{x.shape(1)}, Order::c);
    grad_bias.emplace(Shape{x.shape(1)}, Order::c);
  }
  const auto data = [](const std::optional<Output<T>>& array) {
    return array ? array->tensor.data : nullptr;
  };
  compute([&] {
    functions<T>().backward(grad_y.tensor<T>(), x.tensor<T>(), norm.as<T>(), fixed,
                            {data(grad_x), data(grad_weight), data(grad_bias)}, threads::runtime);
  });
  if (wanted == only_x) return grad_x->numpy();
  if (wanted == only_weight) return grad_weight->numpy();
  return nb::make_tuple(grad_x->numpy(), grad_weight->numpy(), grad_bias->numpy());
}

nb::object backward_any(nb::handle grad_y, nb::handle weight, nb::handle x, nb::handle mean,
                        nb::handle var, double eps, bool fixed, Wanted wanted) {
  const Input gs(grad_y), xs(x);
  need(xs.ndim() == 4);
  like(xs, gs);
  const NormOf norm(xs, weight, nb::none(), mean, var, eps);
  return xs.is_double() ? backward_as<double>(gs, xs, norm, fixed, wanted)
                        : backward_as<float>(gs, xs, norm, fixed, wanted);
}

nb::object backward(nb::handle grad_y, nb::handle weight, nb::handle x, nb::handle mean,
                    nb::handle var, double eps, bool fixed) {
  return backward_any(grad_y, weight, x, mean, var, eps, fixed, all);
}

nb::object backward_input(nb::handle grad_y, nb::handle weight, nb::handle x, nb::handle mean,
                          nb::handle var, double eps, bool fixed) {
  return backward_any(grad_y, weight, x, mean, var, eps, fixed, only_x);
}

nb::object backward_weight(nb::handle grad_y, nb::handle x, nb::handle mean, nb::handle var,
                           double eps) {
  return backward_any(grad_y, nb::none(), x, mean, var, eps, true, only_weight);
}

template <class T>
nb::object backward_bias_as(const Input& grad_y) {
  Output<T> grad_bias({grad_y.shape(1)}, Order::c);
  compute([&] {
    functions<T>().backward_bias(grad_y.tensor<T>(), grad_bias.tensor.data, threads::runtime);
  });
  return grad_bias.numpy();
}

nb::object backward_bias(nb::handle grad_y) {
  const Input gs(grad_y);
  need(gs.ndim() == 4);
  return gs.is_double() ? backward_bias_as<double>(gs) : backward_bias_as<float>(gs);
}

}  // namespace

void bind(nb::module_& module, Variant variant) {
  kernels = CLEARCONV_KERNELS(batch_norm2d, variant);
  nb::module_ chapter =
      module.def_submodule("batch_norm2d", "Batch normalisation in few passes over memory.");
  chapter.def("forward", &forward, nb::arg("x"), nb::arg("weight"), nb::arg("bias"),
              nb::arg("mean"), nb::arg("var"), nb::arg("eps"));
  chapter.def("forward_training", &forward_training, nb::arg("x"), nb::arg("weight"),
              nb::arg("bias"), nb::arg("eps"));
  chapter.def("backward", &backward, nb::arg("grad_y"), nb::arg("weight"), nb::arg("x"),
              nb::arg("mean"), nb::arg("var"), nb::arg("eps"), nb::arg("fixed"));
  chapter.def("backward_input", &backward_input, nb::arg("grad_y"), nb::arg("weight"),
              nb::arg("x"), nb::arg("mean"), nb::arg("var"), nb::arg("eps"), nb::arg("fixed"));
  chapter.def("backward_weight", &backward_weight, nb::arg("grad_y"), nb::arg("x"),
              nb::arg("mean"), nb::arg("var"), nb::arg("eps"));
  chapter.def("backward_bias", &backward_bias, nb::arg("grad_y"));
}

}  // namespace clearconv::batch_norm2d
