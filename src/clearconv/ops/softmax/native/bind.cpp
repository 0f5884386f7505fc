// The compiled telling of softmax, as Python sees it: the signatures of matrix.py.
#include "native/arrays.h"
#include "native/chapters.h"
#include "native.h"

namespace nb = nanobind;

namespace clearconv::softmax {
namespace {

const Kernels* kernels = nullptr;

template <class T>
const Functions<T>& functions() {
  return of<T>(*kernels);
}

// Classes along the last axis; the axes before it count rows.
Index classes(const Input& array) {
  need(array.ndim() > 0 && array.shape(array.ndim() - 1) > 0);
  return array.shape(array.ndim() - 1);
}

template <class T>
nb::object forward_as(Input& x, nb::handle out) {
  const Index K = classes(x);
  Output<T> y(x.c_layout(), out);
  const Layout& layout = y.layout();
  compute([&] {
    functions<T>().forward(x.in<T>(layout), layout.size / K, K, y.tensor.data, threads::runtime);
  });
  return y.numpy();
}

nb::object forward(nb::handle x, nb::handle out) {
  Input xs(x, "fd", true);
  return xs.is_double() ? forward_as<double>(xs, out) : forward_as<float>(xs, out);
}

template <class T>
nb::object backward_input_as(Input& grad_y, Input& y, nb::handle out) {
  const Index K = classes(y);
  Output<T> grad_x(y.c_layout(), out);
  const Layout& layout = grad_x.layout();
  compute([&] {
    functions<T>().backward_input(grad_y.in<T>(layout), y.in<T>(layout), layout.size / K, K,
                                  grad_x.tensor.data, threads::runtime);
  });
  return grad_x.numpy();
}

nb::object backward_input(nb::handle grad_y, nb::handle y, nb::handle out) {
  Input gs(grad_y, "fd", true), ys(y, "fd", true);
  same_shape(gs, ys);
  same_dtype(gs, ys);
  return gs.is_double() ? backward_input_as<double>(gs, ys, out)
                        : backward_input_as<float>(gs, ys, out);
}

}  // namespace

void bind(nb::module_& module, Variant variant) {
  kernels = CLEARCONV_KERNELS(softmax, variant);
  nb::module_ chapter = module.def_submodule("softmax", "Softmax, a vector of rows at a time.");
  chapter.def("forward", &forward, nb::arg("x"), nb::arg("out") = nb::none());
  chapter.def("backward_input", &backward_input, nb::arg("grad_y"), nb::arg("y"),
              nb::arg("out") = nb::none());
}

}  // namespace clearconv::softmax
