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
nb::object forward_as(const Input& x, const Input& weight, const Input* bias, nb::handle out) {
  Output<T> y({x.shape(0), weight.shape(0)}, Order::c, out);
  compute([&] {
    functions<T>().forward(x.tensor<T>(), weight.tensor<T>(),
                           bias ? bias->tensor<T>().data : nullptr, y.tensor.data,
                           threads::runtime);
  });
  return y.numpy();
}

nb::object forward(nb::handle x, nb::handle weight, nb::handle bias, nb::handle out) {
  Input xs(x), ws(weight);
  need(xs.ndim() == 2 && ws.ndim() == 2 && xs.shape(1) == ws.shape(1));
  same_dtype(xs, ws);
  xs.adjoin();
  ws.adjoin();
  if (bias.is_none())
    return xs.is_double() ? forward_as<double>(xs, ws, nullptr, out)
                          : forward_as<float>(xs, ws, nullptr, out);
  Input bs(bias);
  need(bs.ndim() == 1 && bs.shape(0) == ws.shape(0));
  same_dtype(xs, bs);
  bs.adjoin();
  return xs.is_double() ? forward_as<double>(xs, ws, &bs, out)
                        : forward_as<float>(xs, ws, &bs, out);
}

template <class T>
nb::object backward_input_as(const Input& grad_y, const Input& weight, nb::handle out) {
  Output<T> grad_x({grad_y.shape(0), weight.shape(1)}, Order::c, out);
  compute([&] {
    functions<T>().backward_input(grad_y.tensor<T>(), weight.tensor<T>(), grad_x.tensor.data,
                                  threads::runtime);
  });
  return grad_x.numpy();
}

nb::object backward_input(nb::handle grad_y, nb::handle weight, nb::handle out) {
  Input gs(grad_y), ws(weight);
  need(gs.ndim() == 2 && ws.ndim() == 2 && gs.shape(1) == ws.shape(0));
  same_dtype(gs, ws);
  ws.adjoin();
  return gs.is_double() ? backward_input_as<double>(gs, ws, out)
                        : backward_input_as<float>(gs, ws, out);
}

template <class T>
nb::object backward_weight_as(const Input& grad_y, const Input& x, const Shards& shards,
                              nb::handle out) {
  Output<T> grad_weight({grad_y.shape(1), x.shape(1)}, Order::c, out);
  compute([&] {
    functions<T>().backward_weight(grad_y.tensor<T>(), x.tensor<T>(), shards,
                                   grad_weight.tensor.data, threads::runtime);
  });
  return grad_weight.numpy();
}

nb::object backward_weight(nb::handle grad_y, nb::handle x, nb::handle shards, nb::handle out) {
  Input gs(grad_y), xs(x);
  need(gs.ndim() == 2 && xs.ndim() == 2 && gs.shape(0) == xs.shape(0));
  same_dtype(gs, xs);
  xs.adjoin();
  const Shards here = shards_of(shards, gs.shape(0));
  return gs.is_double() ? backward_weight_as<double>(gs, xs, here, out)
                        : backward_weight_as<float>(gs, xs, here, out);
}

template <class T>
nb::object backward_bias_as(const Input& grad_y, const Shards& shards, nb::handle out) {
  Output<T> grad_bias({grad_y.shape(1)}, Order::c, out);
  compute([&] {
    functions<T>().backward_bias(grad_y.tensor<T>(), shards, grad_bias.tensor.data,
                                 threads::runtime);
  });
  return grad_bias.numpy();
}

nb::object backward_bias(nb::handle grad_y, nb::handle shards, nb::handle out) {
  const Input gs(grad_y);
  need(gs.ndim() == 2);
  const Shards here = shards_of(shards, gs.shape(0));
  return gs.is_double() ? backward_bias_as<double>(gs, here, out)
                        : backward_bias_as<float>(gs, here, out);
}

}  // namespace

void bind(nb::module_& module, Variant variant) {
  kernels = CLEARCONV_KERNELS(linear, variant);
  nb::module_ chapter =
      module.def_submodule("linear", "The fully connected layer, row by row where rows lie.");
  chapter.def("forward", &forward, nb::arg("x"), nb::arg("weight"), nb::arg("bias").none(),
              nb::arg("out") = nb::none());
  chapter.def("backward_input", &backward_input, nb::arg("grad_y"), nb::arg("weight"),
              nb::arg("out") = nb::none());
  chapter.def("backward_weight", &backward_weight, nb::arg("grad_y"), nb::arg("x"),
              nb::arg("shards") = nb::none(), nb::arg("out") = nb::none());
  chapter.def("backward_bias", &backward_bias, nb::arg("grad_y"), nb::arg("shards") = nb::none(),
              nb::arg("out") = nb::none());
}

}  // namespace clearconv::linear
