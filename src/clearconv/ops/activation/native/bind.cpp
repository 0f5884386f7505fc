// The compiled telling of activation, as Python sees it: the signatures of matrix.py.
#include <cstring>

#include "native/arrays.h"
#include "native/chapters.h"
#include "native.h"

namespace nb = nanobind;

namespace clearconv::activation {
namespace {

const Kernels* kernels = nullptr;

template <class T>
const Functions<T>& functions() {
  return of<T>(*kernels);
}

Kind kind_named(const char* name) {
  const char* const names[] = {"relu", "relu6",       "leaky_relu", "sigmoid",
                               "tanh", "hardsigmoid", "hardswish",  "silu"};  // in Kind's order
  for (int kind = 0; kind < 8; ++kind)
    if (std::strcmp(name, names[kind]) == 0) return Kind(kind);
  throw nb::value_error("the kind must be one of activation.KINDS, but not identity");
}

template <class T>
nb::object forward_as(Input& x, Kind kind, double slope, nb::handle out) {
  Output<T> y(x.layout(), out);
  compute([&] {
    functions<T>().forward(x.in<T>(y.layout()), kind, T(slope), y.layout().size, y.tensor.data,
                           threads::runtime);
  });
  return y.numpy();
}

nb::object forward(nb::handle x, const char* kind, double slope, nb::handle out) {
  Input xs(x, "fd", true);
  return xs.is_double() ? forward_as<double>(xs, kind_named(kind), slope, out)
                        : forward_as<float>(xs, kind_named(kind), slope, out);
}

// The result has the layout of the forward pass's arrays, whatever the layout of grad_y.
template <class T>
nb::object backward_input_as(Input& grad_y, Input& saved, Kind kind, double slope,
                             nb::handle out) {
  Output<T> grad_x(saved.layout(), out);
  const Layout& layout = grad_x.layout();
  compute([&] {
    functions<T>().backward_input(grad_y.in<T>(layout), saved.in<T>(layout), kind, T(slope),
                                  layout.size, grad_x.tensor.data, threads::runtime);
  });
  return grad_x.numpy();
}

nb::object backward_input(nb::handle grad_y, nb::handle saved, const char* kind, double slope,
                          nb::handle out) {
  Input gs(grad_y, "fd", true), ss(saved, "fd", true);
  same_shape(gs, ss);
  same_dtype(gs, ss);
  return gs.is_double() ? backward_input_as<double>(gs, ss, kind_named(kind), slope, out)
                        : backward_input_as<float>(gs, ss, kind_named(kind), slope, out);
}

}  // namespace

void bind(nb::module_& module, Variant variant) {
  kernels = CLEARCONV_KERNELS(activation, variant);
  nb::module_ chapter =
      module.def_submodule("activation", "Activations, a vector of numbers at a time.");
  chapter.def("forward", &forward, nb::arg("x"), nb::arg("kind"), nb::arg("slope"),
              nb::arg("out") = nb::none());
  chapter.def("backward_input", &backward_input, nb::arg("grad_y"), nb::arg("saved"),
              nb::arg("kind"), nb::arg("slope"), nb::arg("out") = nb::none());
}

}  // namespace clearconv::activation
