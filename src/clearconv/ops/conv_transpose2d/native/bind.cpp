// The compiled telling of conv_transpose2d: conv2d's kernels with the roles exchanged. Its window
// is that of the convolution that it reverses, with the size of y as its input.
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
                           bool exact, nb::handle shards, nb::handle out) {
  return conv2d::backward_weight(x, grad_y, window, groups, exact, shards, out);
}

nb::object weight_sum(nb::handle grad_y, nb::handle x, nb::handle window, Index groups, bool exact,
                      nb::handle shards) {
  return conv2d::weight_sum(x, grad_y, window, groups, exact, shards);
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
              nb::arg("window"), nb::arg("groups"), nb::arg("exact") = false,
              nb::arg("shards") = nb::none(), nb::arg("out") = nb::none());
  chapter.def("weight_sum", &weight_sum, nb::arg("grad_y"), nb::arg("x"), nb::arg("window"),
              nb::arg("groups"), nb::arg("exact") = false, nb::arg("shards") = nb::none());
  // the same as a convolution's
  chapter.def("weight_from_sum", &conv2d::weight_from_sum, nb::arg("sum"),
              nb::arg("out") = nb::none());
  chapter.def("backward_bias", &conv2d::backward_bias, nb::arg("grad_y"),
              nb::arg("shared") = true, nb::arg("shards") = nb::none(),
              nb::arg("out") = nb::none());
}

}  // namespace clearconv::conv_transpose2d
