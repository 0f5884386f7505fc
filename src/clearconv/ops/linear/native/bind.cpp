// The compiled telling of linear, as Python sees it: the signatures of matrix.py.
#include "native/arrays.h"
#include "native/chapters.h"
#include "native.h"

namespace nb = nanobind;

namespace clearconv::linear {
namespace {

const Kernels* kernels = nullptr;

template <class T>
const Functions<T>& functions() {
  return of<T>(*kernels);
}

template <class T>
nb::object forward_as(const Input& x, const Input& weight, const Input* bias) {
  Output<T> y({x.shape(0), weight.shape(0)}, Order::c);
  compute([&] {
    functions<T>().forward(x.tensor<T>(), weight.tensor<T>(),
                           bias ? bias->tensor<T>().data : nullptr, y.tensor.data,
                           threads::runtime);
  });
  return y.numpy();
}

nb::object forward(nb::handle x, nb::handle weight, nb::handle bias) {
  Input xs(x), ws(weight);
  need(xs.ndim() == 2 && ws.ndim() == 2 && xs.shape(1) == ws.shape(1));
  same_dtype(xs, ws);
  xs.adjoin();
  ws.adjoin();
  if (bias.is_none())
    return xs.is_double() ? forward_as<double>(xs, ws, nullptr) : forward_as<float>(xs, ws, nullptr);
  Input bs(bias);
  need(bs.ndim() == 1 && bs.shape(0) == ws.shape(0));
  same_dtype(xs, bs);
  bs.adjoin();
  return xs.is_double() ? forward_as<double>(xs, ws, &bs) : forward_as<float>(xs, ws, &bs);
}

template <class T>
nb::object backward_input_as(const Input& grad_y, const Input& weight) {
  Output<T> grad_x({grad_y.shape(0), weight.shape(1)}, Order::c);
  compute([&] {
    functions<T>().backward_input(grad_y.tensor<T>(), weight.tensor<T>(), grad_x.tensor.data,
                                  threads::runtime);
  });
  return grad_x.numpy();
}

nb::object backward_input(nb::handle grad_y, nb::handle weight) {
  Input gs(grad_y), ws(weight);
  need(gs.ndim() == 2 && ws.ndim() == 2 && gs.shape(1) == ws.shape(0));
  same_dtype(gs, ws);
  ws.adjoin();
  return gs.is_double() ? backward_input_as<double>(gs, ws) : backward_input_as<float>(gs, ws);
}

template <class T>
nb::object backward_weight_as(const Input& grad_y, const Input& x) {
  Output<T> grad_weight({grad_y.shape(1), x.shape(1)}, Order::c);
  compute([&] {
    functions<T>().backward_weight(grad_y.tensor<T>(), x.tensor<T>(), grad_weight.tensor.data,
                                   threads::runtime);
  });
  return grad_weight.numpy();
}

nb::object backward_weight(nb::handle grad_y, nb::handle x) {
  Input gs(grad_y), xs(x);
  need(gs.ndim() == 2 && xs.ndim() == 2 && gs.shape(0) == xs.shape(0));
  same_dtype(gs, xs);
  xs.adjoin();
  return gs.is_double() ? backward_weight_as<double>(gs, xs) : backward_weight_as<float>(gs, xs);
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
  need(gs.ndim() == 2);
  return gs.is_double() ? backward_bias_as<double>(gs) : backward_bias_as<float>(gs);
}

}  // namespace

void bind(nb::module_& module, Variant variant) {
  kernels = CLEARCONV_KERNELS(linear, variant);
  nb::module_ chapter =
      module.def_submodule("linear", "The fully connected layer, row by row where rows lie.");
  chapter.def("forward", &forward, nb::arg("x"), nb::arg("weight"), nb::arg("bias").none());
  chapter.def("backward_input", &backward_input, nb::arg("grad_y"), nb::arg("weight"));
  chapter.def("backward_weight", &backward_weight, nb::arg("grad_y"), nb::arg("x"));
  chapter.def("backward_bias", &backward_bias, nb::arg("grad_y"));
}

}  // namespace clearconv::linear
