// The compiled telling of conv2d, as Python sees it: the signatures of matrix.py.
#include "../../native/arrays.h"
#include "../../native/chapters.h"
#include "native.h"

namespace nb = nanobind;

namespace clearconv::conv2d {
namespace {

const Kernels* kernels = nullptr;

template <class T>
const Functions<T>& functions() {
  return of<T>(*kernels);
}

template <class T>
nb::object forward_as(const Input& x, const Input& weight, const Input* bias,
                      const Geometry& window, Index groups, bool exact) {
  Output<T> y({x.shape(0), weight.shape(0), window.output[0], window.output[1]},
              Order::channels_last);
  // The kernel reads the bias as it lies in memory; a strided one is a matter of a few numbers.
  std::unique_ptr<T[]> dense;
  if (bias) {
    const Tensor<const T> b = bias->tensor<T>();
    dense = std::make_unique<T[]>(bias->shape(0));
    for (Index o = 0; o < b.shape[0]; ++o) dense[o] = b.data[o * b.stride[0]];
  }
  compute([&] {
    Epilogue<T> to = store_to(y.tensor);
    to.shift = dense.get();
    functions<T>().forward(plain(x.tensor<T>()), weight.tensor<T>(), window, groups, exact, to,
                           threads::runtime);
  });
  return y.numpy();
}

nb::object forward(nb::handle x, nb::handle weight, nb::handle bias, nb::handle window,
                   Index groups, bool exact) {
  const Input xs(x), ws(weight);
  const Geometry geo = geometry(window);
  need(xs.ndim() == 4 && ws.ndim() == 4 && divides(groups, ws.shape(0)) && ws.size() > 0 &&
       xs.shape(1) == ws.shape(1) * groups && xs.shape(2) == geo.input[0] &&
       xs.shape(3) == geo.input[1] && ws.shape(2) == geo.kernel[0] && ws.shape(3) == geo.kernel[1]);
  same_dtype(xs, ws);
  if (bias.is_none())
    return xs.is_double() ? forward_as<double>(xs, ws, nullptr, geo, groups, exact)
                          : forward_as<float>(xs, ws, nullptr, geo, groups, exact);
  const Input bs(bias);
  need(bs.ndim() == 1 && bs.shape(0) == ws.shape(0));
  same_dtype(xs, bs);
  return xs.is_double() ? forward_as<double>(xs, ws, &bs, geo, groups, exact)
                        : forward_as<float>(xs, ws, &bs, geo, groups, exact);
}

template <class T>
nb::object backward_input_as(const Input& grad_y, const Input& weight, const Geometry& window,
                             Index groups, bool exact) {
  Output<T> grad_x({grad_y.shape(0), weight.shape(1) * groups, window.input[0], window.input[1]},
                   Order::channels_last);
  compute([&] {
    functions<T>().backward_input(plain(grad_y.tensor<T>()), weight.tensor<T>(), window, groups,
                                  exact, store_to(grad_x.tensor), threads::runtime);
  });
  return grad_x.numpy();
}

nb::object backward_input(nb::handle grad_y, nb::handle weight, nb::handle window, Index groups,
                          bool exact) {
  const Input gs(grad_y), ws(weight);
  const Geometry geo = geometry(window);
  need(gs.ndim() == 4 && ws.ndim() == 4 && gs.shape(1) == ws.shape(0) &&
       divides(groups, ws.shape(0)) && ws.size() > 0 && gs.shape(2) == geo.output[0] && gs.shape(3) == geo.output[1] &&
       ws.shape(2) == geo.kernel[0] && ws.shape(3) == geo.kernel[1]);
  same_dtype(gs, ws);
  return gs.is_double() ? backward_input_as<double>(gs, ws, geo, groups, exact)
                        : backward_input_as<float>(gs, ws, geo, groups, exact);
}

template <class T>
nb::object backward_weight_as(const Input& grad_y, const Input& x, const Geometry& window,
                              Index groups, bool exact) {
  Output<T> grad_weight(
      {grad_y.shape(1), x.shape(1) / groups, window.kernel[0], window.kernel[1]}, Order::c);
  compute([&] {
    functions<T>().backward_weight(plain(grad_y.tensor<T>()), plain(x.tensor<T>()), window, groups,
                                   exact, grad_weight.tensor.data, nullptr, threads::runtime);
  });
  return grad_weight.numpy();
}

nb::object backward_weight(nb::handle grad_y, nb::handle x, nb::handle window, Index groups,
                           bool exact) {
  const Input gs(grad_y), xs(x);
  const Geometry geo = geometry(window);
  need(gs.ndim() == 4 && xs.ndim() == 4 && gs.shape(0) == xs.shape(0) &&
       divides(groups, gs.shape(1)) && divides(groups, xs.shape(1)) && gs.shape(2) == geo.output[0] &&
       gs.shape(3) == geo.output[1] && xs.shape(2) == geo.input[0] && xs.shape(3) == geo.input[1]);
  same_dtype(gs, xs);
  return gs.is_double() ? backward_weight_as<double>(gs, xs, geo, groups, exact)
                        : backward_weight_as<float>(gs, xs, geo, groups, exact);
}

template <class T>
nb::object backward_bias_as(const Input& grad_y) {
  Output<T> grad_bias({grad_y.shape(1)}, Order::c);
  compute([&] {
    functions<T>().backward_bias(plain(grad_y.tensor<T>()), grad_bias.tensor.data, threads::runtime);
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
  kernels = CLEARCONV_KERNELS(conv2d, variant);
  nb::module_ chapter = module.def_submodule("conv2d", "Convolution as a register-tiled kernel.");
  chapter.def("forward", &forward, nb::arg("x"), nb::arg("weight"), nb::arg("bias").none(),
              nb::arg("window"), nb::arg("groups"), nb::arg("exact") = false);
  chapter.def("backward_input", &backward_input, nb::arg("grad_y"), nb::arg("weight"),
              nb::arg("window"), nb::arg("groups"), nb::arg("exact") = false);
  chapter.def("backward_weight", &backward_weight, nb::arg("grad_y"), nb::arg("x"),
              nb::arg("window"), nb::arg("groups"), nb::arg("exact") = false);
  chapter.def("backward_bias", &backward_bias, nb::arg("grad_y"));
}

}  // namespace clearconv::conv2d
