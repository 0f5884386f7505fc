// The compiled telling of conv_transpose2d: conv2d's kernels with the roles exchanged. Its window is
// that of the convolution which it turns round, and has the size of y for its input.
#include "native/chapters.h"
#include "ops/conv2d/native/bind.h"

namespace nb = nanobind;

namespace clearconv::conv_transpose2d {
namespace {

// x is what a convolution's input gradient takes for grad_y.
nb::object forward(nb::handle x, nb::handle weight, nb::handle bias, nb::handle window,
                   Index groups, bool exact, nb::handle out) {
  return conv2d::backward_input(x, weight, bias, window, groups, exact, out);
}

// A convolution of grad_y.
nb::object backward_input(nb::handle grad_y, nb::handle weight, nb::handle window, Index groups,
                          bool exact, nb::handle out) {
  return conv2d::forward(grad_y, weight, nb::none(), window, groups, exact, out);
}

// The sum over pixels of x times grad_y, which is the patch here.
nb::object backward_weight(nb::handle grad_y, nb::handle x, nb::handle window, Index groups,
                           bool exact) {
  return conv2d::backward_weight(x, grad_y, window, groups, exact);
}

// The same sum as a convolution's.
nb::object backward_bias(nb::handle grad_y, nb::handle shared) {
  return conv2d::backward_bias(grad_y, shared);
}

}  // namespace

void bind(nb::module_& module, Variant) {
  nb::module_ chapter =
      module.def_submodule("conv_transpose2d", "Transposed convolution by conv2d's kernels.");
  chapter.def("forward", &forward, nb::arg("x"), nb::arg("weight"), nb::arg("bias").none(),
              nb::arg("window"), nb::arg("groups"), nb::arg("exact") = false,
              nb::arg("out") = nb::none());
  chapter.def("backward_input", &backward_input, nb::arg("grad_y"), nb::arg("weight"),
              nb::arg("window"), nb::arg("groups"), nb::arg("exact") = false,
              nb::arg("out") = nb::none());
  chapter.def("backward_weight", &backward_weight, nb::arg("grad_y"), nb::arg("x"),
              nb::arg("window"), nb::arg("groups"), nb::arg("exact") = false);
  chapter.def("backward_bias", &backward_bias, nb::arg("grad_y"), nb::arg("shared") = true);
}

}  // namespace clearconv::conv_transpose2d
