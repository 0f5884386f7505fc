// The compiled telling of avg_pool2d, as Python sees it: the signatures of matrix.py.
#include "native/arrays.h"
#include "native/chapters.h"
#include "native.h"

namespace nb = nanobind;

namespace clearconv::avg_pool2d {
namespace {

const Kernels* kernels = nullptr;

template <class T>
nb::object forward_as(const Input& x, const Geometry& window, bool count_include_pad,
                      nb::handle out) {
  Output<T> y({x.shape(0), x.shape(1), window.output[0], window.output[1]}, Order::channels_last,
              out);
  compute([&] {
    of<T>(*kernels).forward(x.tensor<T>(), window, count_include_pad, y.tensor, threads::runtime);
  });
  return y.numpy();
}

nb::object forward(nb::handle x, nb::handle window, nb::handle count_include_pad,
                   nb::handle out) {
  const Input xs(x);
  const Geometry geo = geometry(window, true);
  need(xs.ndim() == 4 && xs.shape(2) == geo.input[0] && xs.shape(3) == geo.input[1]);
  const bool counted = truth(count_include_pad);
  return xs.is_double() ? forward_as<double>(xs, geo, counted, out)
                        : forward_as<float>(xs, geo, counted, out);
}

template <class T>
nb::object backward_input_as(const Input& grad_y, const Geometry& window, bool count_include_pad,
                             nb::handle out) {
  Output<T> grad_x({grad_y.shape(0), grad_y.shape(1), window.input[0], window.input[1]},
                   Order::channels_last, out);
  compute([&] {
    of<T>(*kernels).backward_input(grad_y.tensor<T>(), window, count_include_pad, grad_x.tensor,
                                   threads::runtime);
  });
  return grad_x.numpy();
}

nb::object backward_input(nb::handle grad_y, nb::handle window, nb::handle count_include_pad,
                          nb::handle out) {
  const Input gs(grad_y);
  const Geometry geo = geometry(window, true);
  need(gs.ndim() == 4 && gs.shape(2) == geo.output[0] && gs.shape(3) == geo.output[1]);
  const bool counted = truth(count_include_pad);
  return gs.is_double() ? backward_input_as<double>(gs, geo, counted, out)
                        : backward_input_as<float>(gs, geo, counted, out);
}

}  // namespace

void bind(nb::module_& module, Variant variant) {
  kernels = CLEARCONV_KERNELS(avg_pool2d, variant);
  nb::module_ chapter =
      module.def_submodule("avg_pool2d", "Average pooling, a vector of channels at a time.");
  chapter.def("forward", &forward, nb::arg("x"), nb::arg("window"), nb::arg("count_include_pad"),
              nb::arg("out") = nb::none());
  chapter.def("backward_input", &backward_input, nb::arg("grad_y"), nb::arg("window"),
              nb::arg("count_include_pad"), nb::arg("out") = nb::none());
}

}  // namespace clearconv::avg_pool2d
