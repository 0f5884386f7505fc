// The compiled telling of batch_norm2d, as Python sees it: the signatures of matrix.py.
#include <cmath>
#include <cstring>
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
nb::object forward_as(const Input& x, const NormOf& norm, nb::handle out) {
  Output<T> y({x.shape(0), x.shape(1), x.shape(2), x.shape(3)}, Order::pixels, out);
  compute([&] { functions<T>().forward(x.tensor<T>(), norm.as<T>(), y.tensor, threads::runtime); });
  return y.numpy();
}

nb::object forward(nb::handle x, nb::handle weight, nb::handle bias, nb::handle mean,
                   nb::handle var, double eps, nb::handle out) {
  const Input xs(x);
  need(xs.ndim() == 4 && !bias.is_none());
  const NormOf norm(xs, weight, bias, mean, var, eps);
  return xs.is_double() ? forward_as<double>(xs, norm, out) : forward_as<float>(xs, norm, out);
}

template <class T>
nb::object moments_as(const Input& x, const Shards& shards) {
  Output<double> moments({3, x.shape(1)}, Order::c);
  if (shards.here == 0)
    std::memset(moments.tensor.data, 0, 3 * x.shape(1) * sizeof(double));
  else
    compute([&] {
      functions<T>().measure(x.tensor<T>(), shards, moments.tensor.data, threads::runtime);
    });
  return moments.numpy();
}

nb::object moments(nb::handle x, nb::handle shards) {
  const Input xs(x);
  need(xs.ndim() == 4);
  const Shards here = shards_of(shards, xs.shape(0));
  return xs.is_double() ? moments_as<double>(xs, here) : moments_as<float>(xs, here);
}

// Mean and biased variance, from moments (3, C).
template <class T>
void measure(const Tensor<const T>& x, const Shards& shards, double* moments, double* mean,
             double* var) {
  const Index C = x.shape[1];
  functions<T>().measure(x, shards, moments, threads::runtime);
  for (Index c = 0; c < C; ++c) {
    const double count = moments[c], deviation = moments[2 * C + c];
    mean[c] = moments[C + c];
    // Rounding can leave a constant channel a little below zero.
    var[c] = deviation < 0 ? 0 : deviation / count;
  }
}

template <class T>
nb::object forward_training_as(const Input& x, const Parameter& weight, const Parameter& bias,
                               double eps, nb::handle out) {
  Output<T> y({x.shape(0), x.shape(1), x.shape(2), x.shape(3)}, Order::pixels, out);
  Output<double> mean({x.shape(1)}, Order::c), var({x.shape(1)}, Order::c);
  const auto found = std::make_unique<double[]>(3 * x.shape(1));
  const Shards all = shards_of(nb::none(), x.shape(0));
  compute([&] {
    const Tensor<const T> xs = x.tensor<T>();
    measure(xs, all, found.get(), mean.tensor.data, var.tensor.data);
    functions<T>().forward(xs,
                           {mean.tensor.data, var.tensor.data, eps, weight.tensor<T>(),
                            bias.tensor<T>()},
                           y.tensor, threads::runtime);
  });
  return nb::make_tuple(y.numpy(), mean.numpy(), var.numpy());
}

nb::object forward_training(nb::handle x, nb::handle weight, nb::handle bias, double eps,
                            nb::handle out) {
  const Input xs(x);
  need(xs.ndim() == 4 && xs.size() > 0 && !bias.is_none());
  const Parameter ws(weight, xs), bs(bias, xs);
  return xs.is_double() ? forward_training_as<double>(xs, ws, bs, eps, out)
                        : forward_training_as<float>(xs, ws, bs, eps, out);
}

template <class T>
nb::object gradient_sums_as(const Input& grad_y, const Input& x, const double* mean,
                            const Shards& shards) {
  Output<double> sums({2, x.shape(1)}, Order::c);
  compute([&] {
    functions<T>().gradient_sums(grad_y.tensor<T>(), x.tensor<T>(), mean, shards,
                                 sums.tensor.data, threads::runtime);
  });
  return sums.numpy();
}

nb::object gradient_sums(nb::handle grad_y, nb::handle x, nb::handle mean, nb::handle shards) {
  const Input gs(grad_y), xs(x);
  need(xs.ndim() == 4);
  like(xs, gs);
  const auto centre = numbers(mean, xs);
  const Shards here = shards_of(shards, xs.shape(0));
  return xs.is_double() ? gradient_sums_as<double>(gs, xs, centre.get(), here)
                        : gradient_sums_as<float>(gs, xs, centre.get(), here);
}

// The sums over a whole batch in which each channel has `count` numbers; else the arrays are it.
struct Whole {
  const double* sums = nullptr;
  Index count = 0;
};

enum Wanted { all, only_x, only_weight };

// Where Python wants the results, or None.
struct Outs {
  nb::handle x = nb::none(), weight = nb::none(), bias = nb::none();
};

template <class T>
nb::object backward_as(const Whole& whole, const Input& grad_y, const Input& x,
                       const NormOf& norm, bool fixed, Wanted wanted, const Outs& outs) {
  std::optional<Output<T>> grad_x, grad_weight, grad_bias;
  Gradients<T> to = {};
  if (wanted != only_weight) {
    const Shape shape = {x.shape(0), x.shape(1), x.shape(2), x.shape(3)};
    to.x = grad_x.emplace(shape, Order::pixels, outs.x).tensor;
  }
  if (wanted != only_x) {
    to.weight = grad_weight.emplace(Shape{x.shape(1)}, Order::c, outs.weight).tensor.data;
    to.bias = grad_bias.emplace(Shape{x.shape(1)}, Order::c, outs.bias).tensor.data;
  }
  compute([&] {
    const Tensor<const T> gs = grad_y.tensor<T>(), xs = x.tensor<T>();
    if (whole.sums)
      functions<T>().backward_from(whole.sums, whole.count, gs, xs, norm.as<T>(), fixed, to,
                                   threads::runtime);
    else
      functions<T>().backward(gs, xs, norm.as<T>(), fixed, to, threads::runtime);
  });
  if (wanted == only_x) return grad_x->numpy();
  if (wanted == only_weight) return grad_weight->numpy();
  return nb::make_tuple(grad_x->numpy(), grad_weight->numpy(), grad_bias->numpy());
}

nb::object backward_any(const Whole& whole, nb::handle grad_y, nb::handle weight, nb::handle x,
                        nb::handle mean, nb::handle var, double eps, bool fixed, Wanted wanted,
                        const Outs& outs) {
  const Input gs(grad_y), xs(x);
  need(xs.ndim() == 4);
  like(xs, gs);
  const NormOf norm(xs, weight, nb::none(), mean, var, eps);
  return xs.is_double() ? backward_as<double>(whole, gs, xs, norm, fixed, wanted, outs)
                        : backward_as<float>(whole, gs, xs, norm, fixed, wanted, outs);
}

nb::object backward(nb::handle grad_y, nb::handle weight, nb::handle x, nb::handle mean,
                    nb::handle var, double eps, bool fixed, nb::handle out,
                    nb::handle out_weight, nb::handle out_bias) {
  return backward_any({}, grad_y, weight, x, mean, var, eps, fixed, all,
                      {out, out_weight, out_bias});
}

nb::object backward_from(nb::handle sums, Index count, nb::handle grad_y, nb::handle weight,
                         nb::handle x, nb::handle mean, nb::handle var, double eps, bool fixed,
                         nb::handle out, nb::handle out_weight, nb::handle out_bias) {
  Input given(sums, "d");
  need(given.ndim() == 2 && given.shape(0) == 2 && count > 0);
  need(given.shape(1) == Input(x).shape(1));
  if (!given.contiguous()) given.copy();
  return backward_any({given.tensor<double>().data, count}, grad_y, weight, x, mean, var, eps,
                      fixed, all, {out, out_weight, out_bias});
}

nb::object backward_input(nb::handle grad_y, nb::handle weight, nb::handle x, nb::handle mean,
                          nb::handle var, double eps, bool fixed, nb::handle out) {
  return backward_any({}, grad_y, weight, x, mean, var, eps, fixed, only_x, {out});
}

nb::object backward_weight(nb::handle grad_y, nb::handle x, nb::handle mean, nb::handle var,
                           double eps, nb::handle out) {
  return backward_any({}, grad_y, nb::none(), x, mean, var, eps, true, only_weight,
                      {nb::none(), out});
}

template <class T>
nb::object backward_bias_as(const Input& grad_y, nb::handle out) {
  Output<T> grad_bias({grad_y.shape(1)}, Order::c, out);
  compute([&] {
    functions<T>().backward_bias(grad_y.tensor<T>(), grad_bias.tensor.data, threads::runtime);
  });
  return grad_bias.numpy();
}

nb::object backward_bias(nb::handle grad_y, nb::handle out) {
  const Input gs(grad_y);
  need(gs.ndim() == 4);
  return gs.is_double() ? backward_bias_as<double>(gs, out) : backward_bias_as<float>(gs, out);
}

}  // namespace

void bind(nb::module_& module, Variant variant) {
  kernels = CLEARCONV_KERNELS(batch_norm2d, variant);
  nb::module_ chapter =
      module.def_submodule("batch_norm2d", "Batch normalisation in few passes over memory.");
  chapter.def("forward", &forward, nb::arg("x"), nb::arg("weight"), nb::arg("bias"),
              nb::arg("mean"), nb::arg("var"), nb::arg("eps"), nb::arg("out") = nb::none());
  chapter.def("moments", &moments, nb::arg("x"), nb::arg("shards") = nb::none());
  chapter.def("forward_training", &forward_training, nb::arg("x"), nb::arg("weight"),
              nb::arg("bias"), nb::arg("eps"), nb::arg("out") = nb::none());
  chapter.def("gradient_sums", &gradient_sums, nb::arg("grad_y"), nb::arg("x"), nb::arg("mean"),
              nb::arg("shards") = nb::none());
  chapter.def("backward", &backward, nb::arg("grad_y"), nb::arg("weight"), nb::arg("x"),
              nb::arg("mean"), nb::arg("var"), nb::arg("eps"), nb::arg("fixed"),
              nb::arg("out") = nb::none(), nb::arg("out_weight") = nb::none(),
              nb::arg("out_bias") = nb::none());
  chapter.def("backward_from", &backward_from, nb::arg("sums"), nb::arg("count"),
              nb::arg("grad_y"), nb::arg("weight"), nb::arg("x"), nb::arg("mean"), nb::arg("var"),
              nb::arg("eps"), nb::arg("fixed"), nb::arg("out") = nb::none(),
              nb::arg("out_weight") = nb::none(), nb::arg("out_bias") = nb::none());
  chapter.def("backward_input", &backward_input, nb::arg("grad_y"), nb::arg("weight"),
              nb::arg("x"), nb::arg("mean"), nb::arg("var"), nb::arg("eps"), nb::arg("fixed"),
              nb::arg("out") = nb::none());
  chapter.def("backward_weight", &backward_weight, nb::arg("grad_y"), nb::arg("x"),
              nb::arg("mean"), nb::arg("var"), nb::arg("eps"), nb::arg("out") = nb::none());
  chapter.def("backward_bias", &backward_bias, nb::arg("grad_y"), nb::arg("out") = nb::none());
}

}  // namespace clearconv::batch_norm2d
