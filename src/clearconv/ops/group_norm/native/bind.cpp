// The compiled telling of group_norm, as Python sees it: the signatures of matrix.py.
#include <optional>

#include "native/arrays.h"
#include "native/chapters.h"
#include "native.h"

namespace nb = nanobind;

namespace clearconv::group_norm {
namespace {

const Kernels* kernels = nullptr;

// Call work(T{}) with the dtype of `array` for T.
template <class Work>
auto typed(const Input& array, const Work& work) {
  return array.is_double() ? work(double()) : work(float());
}

void need_images(const Input& x, Index groups) {
  need(x.ndim() == 4 && divides(groups, x.shape(1)) && x.shape(2) > 0 && x.shape(3) > 0);
}

// One number per channel, dense.
struct Parameter : Input {
  Parameter(nb::handle array, const Input& x) : Input(array) {
    need(ndim() == 1 && shape(0) == x.shape(1));
    same_dtype(x, *this);
    if (!contiguous()) copy();
  }
};

// One number for each image's groups, dense.
struct Statistics : Input {
  Statistics(nb::handle array, const Input& x) : Input(array) {
    need(ndim() == 2 && shape(0) == x.shape(0) && is_double());
    if (!contiguous()) copy();
  }
};

nb::object forward(nb::handle x, Index groups, nb::handle weight, nb::handle bias, double eps,
                   nb::handle out) {
  const Input xs(x);
  need_images(xs, groups);
  const Parameter ws(weight, xs), bs(bias, xs);
  return typed(xs, [&](auto number) -> nb::object {
    using T = decltype(number);
    Output<T> y({xs.shape(0), xs.shape(1), xs.shape(2), xs.shape(3)}, Order::channels_last, out);
    Output<double> mean({xs.shape(0), groups}, Order::c), var({xs.shape(0), groups}, Order::c);
    compute([&] {
      of<T>(*kernels).forward(xs.tensor<T>(), {groups, eps, ws.tensor<T>().data},
                              bs.tensor<T>().data, y.tensor.data, mean.tensor.data,
                              var.tensor.data, threads::runtime);
    });
    return nb::make_tuple(y.numpy(), mean.numpy(), var.numpy());
  });
}

// The gradient of x, if `weight` is given, and the sums that the parameters' gradients are.
nb::object backward_any(nb::handle grad_y, const nb::handle* weight, nb::handle x, nb::handle mean,
                        nb::handle var, double eps, nb::handle shards, nb::handle out) {
  const Input gs(grad_y), xs(x);
  same_shape(xs, gs);
  same_dtype(xs, gs);
  need(xs.ndim() == 4);
  const Statistics means(mean, xs), vars(var, xs);
  const Index groups = means.shape(1);
  need_images(xs, groups);
  need(vars.shape(1) == groups);
  const Shards here = shards_of(shards, xs.shape(0));
  std::optional<Parameter> ws;
  if (weight) ws.emplace(*weight, xs);
  return typed(xs, [&](auto number) -> nb::object {
    using T = decltype(number);
    Output<double> sums({2, xs.shape(1)}, Order::c);
    std::optional<Output<T>> grad_x;
    if (weight) {
      const auto shape = {xs.shape(0), xs.shape(1), xs.shape(2), xs.shape(3)};
      grad_x.emplace(shape, Order::channels_last, out);
    }
    compute([&] {
      of<T>(*kernels).backward(gs.tensor<T>(), xs.tensor<T>(),
                               {groups, eps, ws ? ws->template tensor<T>().data : nullptr},
                               means.tensor<double>().data, vars.tensor<double>().data,
                               {here, grad_x ? grad_x->tensor.data : nullptr, sums.tensor.data},
                               threads::runtime);
    });
    if (!weight) return sums.numpy();
    return nb::make_tuple(grad_x->numpy(), sums.numpy());
  });
}

nb::object backward(nb::handle grad_y, nb::handle weight, nb::handle x, nb::handle mean,
                    nb::handle var, double eps, nb::handle shards, nb::handle out) {
  return backward_any(grad_y, &weight, x, mean, var, eps, shards, out);
}

nb::object backward_input(nb::handle grad_y, nb::handle weight, nb::handle x, nb::handle mean,
                          nb::handle var, double eps, nb::handle out) {
  return backward_any(grad_y, &weight, x, mean, var, eps, nb::none(), out)[0];
}

nb::object gradient_sums(nb::handle grad_y, nb::handle x, nb::handle mean, nb::handle var,
                         double eps, nb::handle shards) {
  return backward_any(grad_y, nullptr, x, mean, var, eps, shards, nb::none());
}

}  // namespace

void bind(nb::module_& module, Variant variant) {
  kernels = CLEARCONV_KERNELS(group_norm, variant);
  nb::module_ chapter =
      module.def_submodule("group_norm", "Group normalisation, an image at a time.");
  chapter.def("forward", &forward, nb::arg("x"), nb::arg("num_groups"), nb::arg("weight"),
              nb::arg("bias"), nb::arg("eps"), nb::arg("out") = nb::none());
  chapter.def("backward", &backward, nb::arg("grad_y"), nb::arg("weight"), nb::arg("x"),
              nb::arg("mean"), nb::arg("var"), nb::arg("eps"), nb::arg("shards") = nb::none(),
              nb::arg("out") = nb::none());
  chapter.def("backward_input", &backward_input, nb::arg("grad_y"), nb::arg("weight"),
              nb::arg("x"), nb::arg("mean"), nb::arg("var"), nb::arg("eps"),
              nb::arg("out") = nb::none());
  chapter.def("gradient_sums", &gradient_sums, nb::arg("grad_y"), nb::arg("x"), nb::arg("mean"),
              nb::arg("var"), nb::arg("eps"), nb::arg("shards") = nb::none());
}

}  // namespace clearconv::group_norm
