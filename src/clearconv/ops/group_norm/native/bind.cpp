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

// One number a channel, dense.
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

nb::object forward(nb::handle x, Index groups, nb::handle weight, nb::handle bias, double eps) {
  const Input xs(x);
  need_images(xs, groups);
  const Parameter ws(weight, xs), bs(bias, xs);
  return typed(xs, [&](auto number) -> nb::object {
    using T = decltype(number);
    Output<T> y({xs.shape(0), xs.shape(1), xs.shape(2), xs.shape(3)}, Order::channels_last);
    Output<double> mean({xs.shape(0), groups}, Order::c), var({xs.shape(0), groups}, Order::c);
    compute([&] {
      of<T>(*kernels).forward(xs.tensor<T>(), {groups, eps, ws.tensor<T>().data},
                              bs.tensor<T>().data, y.tensor.data, mean.tensor.data,
                              var.tensor.data, threads::runtime);
    });
    return nb::make_tuple(y.numpy(), mean.numpy(), var.numpy());
  });
}

enum Wanted { all, only_x, only_weight };

// `weight` only where the gradient of x is wanted.
nb::object backward_any(nb::handle grad_y, nb::handle weight, nb::handle x, nb::handle mean,
                        nb::handle var, double eps, Wanted wanted) {
  const Input gs(grad_y), xs(x);
  same_shape(xs, gs);
  same_dtype(xs, gs);
  need(xs.ndim() == 4);
  const Statistics means(mean, xs), vars(var, xs);
  const Index groups = means.shape(1);
  need_images(xs, groups);
  need(vars.shape(1) == groups);
  std::optional<Parameter> ws;
  if (wanted != only_weight) ws.emplace(weight, xs);
  return typed(xs, [&](auto number) -> nb::object {
    using T = decltype(number);
    std::optional<Output<T>> grad_x, grad_weight, grad_bias;
    if (wanted != only_weight)
      grad_x.emplace(std::initializer_list<Index>{xs.shape(0), xs.shape(1), xs.shape(2),
                                                  xs.shape(3)},
                     Order::channels_last);
    if (wanted != only_x) {
      grad_weight.emplace(std::initializer_list<Index>{xs.shape(1)}, Order::c);
      grad_bias.emplace(std::initializer_list<Index>{xs.shape(1)}, Order::c);
    }
    const auto data = [](const std::optional<Output<T>>& array) {
      return array ? array->tensor.data : nullptr;
    };
    compute([&] {
      of<T>(*kernels).backward(gs.tensor<T>(), xs.tensor<T>(),
                               {groups, eps, ws ? ws->template tensor<T>().data : nullptr},
                               means.tensor<double>().data, vars.tensor<double>().data,
                               {data(grad_x), data(grad_weight), data(grad_bias)},
                               threads::runtime);
    });
    if (wanted == only_x) return grad_x->numpy();
    if (wanted == only_weight) return grad_weight->numpy();
    return nb::make_tuple(grad_x->numpy(), grad_weight->numpy(), grad_bias->numpy());
  });
}

nb::object backward(nb::handle grad_y, nb::handle weight, nb::handle x, nb::handle mean,
                    nb::handle var, double eps) {
  return backward_any(grad_y, weight, x, mean, var, eps, all);
}

nb::object backward_input(nb::handle grad_y, nb::handle weight, nb::handle x, nb::handle mean,
                          nb::handle var, double eps) {
  return backward_any(grad_y, weight, x, mean, var, eps, only_x);
}

nb::object backward_weight(nb::handle grad_y, nb::handle x, nb::handle mean, nb::handle var,
                           double eps) {
  return backward_any(grad_y, nb::none(), x, mean, var, eps, only_weight);
}

}  // namespace

void bind(nb::module_& module, Variant variant) {
  kernels = CLEARCONV_KERNELS(group_norm, variant);
  nb::module_ chapter =
      module.def_submodule("group_norm", "Group normalisation, an image at a time.");
  chapter.def("forward", &forward, nb::arg("x"), nb::arg("num_groups"), nb::arg("weight"),
              nb::arg("bias"), nb::arg("eps"));
  chapter.def("backward", &backward, nb::arg("grad_y"), nb::arg("weight"), nb::arg("x"),
              nb::arg("mean"), nb::arg("var"), nb::arg("eps"));
  chapter.def("backward_input", &backward_input, nb::arg("grad_y"), nb::arg("weight"),
              nb::arg("x"), nb::arg("mean"), nb::arg("var"), nb::arg("eps"));
  chapter.def("backward_weight", &backward_weight, nb::arg("grad_y"), nb::arg("x"),
              nb::arg("mean"), nb::arg("var"), nb::arg("eps"));
}

}  // namespace clearconv::group_norm
