// The compiled telling of adaptive_avg_pool2d, as Python sees it: the signatures of matrix.py.
#include "native/arrays.h"
#include "native/chapters.h"
#include "native.h"

namespace nb = nanobind;

namespace clearconv::adaptive_avg_pool2d {
namespace {

const Kernels* kernels = nullptr;

template <class T>
nb::object forward_as(const Input& x, Index OH, Index OW, nb::handle out) {
  Output<T> y({x.shape(0), x.shape(1), OH, OW}, Order::channels_last, out);
  compute([&] { of<T>(*kernels).forward(x.tensor<T>(), y.tensor, threads::runtime); });
  return y.numpy();
}

nb::object forward(nb::handle x, nb::handle output, nb::handle out) {
  const Input xs(x);
  need(xs.ndim() == 4 && nb::len(output) == 2);
  const Index OH = nb::cast<Index>(output[0]), OW = nb::cast<Index>(output[1]);
  need(is_size(xs.shape(2)) && is_size(xs.shape(3)) && is_size(OH) && is_size(OW));
  return xs.is_double() ? forward_as<double>(xs, OH, OW, out)
                        : forward_as<float>(xs, OH, OW, out);
}

template <class T>
nb::object backward_input_as(const Input& grad_y, Index H, Index W, nb::handle out) {
  Output<T> grad_x({grad_y.shape(0), grad_y.shape(1), H, W}, Order::channels_last, out);
  compute([&] {
    of<T>(*kernels).backward_input(grad_y.tensor<T>(), grad_x.tensor, threads::runtime);
  });
  return grad_x.numpy();
}

nb::object backward_input(nb::handle grad_y, nb::handle x_shape, nb::handle out) {
  const Input gs(grad_y);
  Index shape[4];
  need(gs.ndim() == 4 && nb::len(x_shape) == 4);
  for (int axis = 0; axis < 4; ++axis) shape[axis] = nb::cast<Index>(x_shape[axis]);
  need(gs.shape(0) == shape[0] && gs.shape(1) == shape[1] && is_size(gs.shape(2)) &&
       is_size(gs.shape(3)) && is_size(shape[2]) && is_size(shape[3]));
  return gs.is_double() ? backward_input_as<double>(gs, shape[2], shape[3], out)
                        : backward_input_as<float>(gs, shape[2], shape[3], out);
}

}  // namespace

void bind(nb::module_& module, Variant variant) {
  kernels = CLEARCONV_KERNELS(adaptive_avg_pool2d, variant);
  nb::module_ chapter = module.def_submodule(
      "adaptive_avg_pool2d", "Adaptive average pooling, a vector of channels at a time.");
  chapter.def("forward", &forward, nb::arg("x"), nb::arg("output"), nb::arg("out") = nb::none());
  chapter.def("backward_input", &backward_input, nb::arg("grad_y"), nb::arg("x_shape"),
              nb::arg("out") = nb::none());
}

}  // namespace clearconv::adaptive_avg_pool2d
