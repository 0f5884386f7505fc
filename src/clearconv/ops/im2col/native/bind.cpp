// The compiled telling of im2col, as Python sees it: the signatures of matrix.py.
#include "native/arrays.h"
#include "native/chapters.h"
#include "native.h"

namespace nb = nanobind;

namespace clearconv::im2col {
namespace {

const Kernels* kernels = nullptr;

template <class T>
nb::object forward_as(const Input& x, const Geometry& window, nb::handle out) {
  Output<T> y({x.shape(0), x.shape(1) * window.kernel[0] * window.kernel[1],
               window.output[0] * window.output[1]},
              Order::c, out);
  compute([&] {
    of<T>(*kernels).forward(x.tensor<T>(), window, y.tensor.data, threads::runtime);
  });
  return y.numpy();
}

nb::object forward(nb::handle x, nb::handle window, nb::handle out) {
  const Input xs(x);
  const Geometry geo = geometry(window);
  need(xs.ndim() == 4 && xs.shape(2) == geo.input[0] && xs.shape(3) == geo.input[1]);
  return xs.is_double() ? forward_as<double>(xs, geo, out) : forward_as<float>(xs, geo, out);
}

template <class T>
nb::object backward_input_as(const Input& grad_y, const Geometry& window, nb::handle out) {
  const Index C = grad_y.shape(1) / (window.kernel[0] * window.kernel[1]);
  Output<T> grad_x({grad_y.shape(0), C, window.input[0], window.input[1]}, Order::channels_last,
                   out);
  compute([&] {
    of<T>(*kernels).backward_input(grad_y.tensor<T>(), window, grad_x.tensor, threads::runtime);
  });
  return grad_x.numpy();
}

nb::object backward_input(nb::handle grad_y, nb::handle window, nb::handle out) {
  const Input gs(grad_y);
  const Geometry geo = geometry(window);
  need(gs.ndim() == 3 && gs.shape(1) % (geo.kernel[0] * geo.kernel[1]) == 0 &&
       gs.shape(2) == geo.output[0] * geo.output[1]);
  return gs.is_double() ? backward_input_as<double>(gs, geo, out)
                        : backward_input_as<float>(gs, geo, out);
}

}  // namespace

void bind(nb::module_& module, Variant variant) {
  kernels = CLEARCONV_KERNELS(im2col, variant);
  nb::module_ chapter =
      module.def_submodule("im2col", "Patches as columns and back, a row of the matrix at a time.");
  chapter.def("forward", &forward, nb::arg("x"), nb::arg("window"), nb::arg("out") = nb::none());
  chapter.def("backward_input", &backward_input, nb::arg("grad_y"), nb::arg("window"),
              nb::arg("out") = nb::none());
}

}  // namespace clearconv::im2col
