// The compiled telling of max_pool2d, as Python sees it: the signatures of matrix.py.
#include "native/arrays.h"
#include "native/chapters.h"
#include "native.h"

namespace nb = nanobind;

namespace clearconv::max_pool2d {
namespace {

const Kernels* kernels = nullptr;

template <class T>
const Functions<T>& functions() {
  return of<T>(*kernels);
}

bool fits_byte(const Geometry& window) { return window.kernel[0] * window.kernel[1] <= 256; }

template <class T>
nb::object forward_as(const Input& x, const Geometry& window, nb::handle out) {
  Output<T> y({x.shape(0), x.shape(1), window.output[0], window.output[1]}, Order::channels_last,
              out);
  compute([&] {
    functions<T>().forward(x.tensor<T>(), window, y.tensor, threads::runtime);
  });
  return y.numpy();
}

nb::object forward(nb::handle x, nb::handle window, nb::handle out) {
  const Input xs(x);
  const Geometry geo = geometry(window, true);
  need(xs.ndim() == 4 && xs.shape(2) == geo.input[0] && xs.shape(3) == geo.input[1]);
  return xs.is_double() ? forward_as<double>(xs, geo, out) : forward_as<float>(xs, geo, out);
}

template <class T>
nb::object forward_saving_as(const Input& x, const Geometry& window, nb::handle out) {
  const auto shape = {x.shape(0), x.shape(1), window.output[0], window.output[1]};
  Output<T> y(shape, Order::channels_last, out);
  if (fits_byte(window)) {
    Output<std::uint8_t> argmax(shape, Order::channels_last);
    compute([&] {
      functions<T>().forward_byte(x.tensor<T>(), window, y.tensor, argmax.tensor, threads::runtime);
    });
    return nb::make_tuple(y.numpy(), argmax.numpy());
  }
  Output<std::int32_t> argmax(shape, Order::channels_last);
  compute([&] {
    functions<T>().forward_int(x.tensor<T>(), window, y.tensor, argmax.tensor, threads::runtime);
  });
  return nb::make_tuple(y.numpy(), argmax.numpy());
}

nb::object forward_saving(nb::handle x, nb::handle window, nb::handle out) {
  const Input xs(x);
  const Geometry geo = geometry(window, true);
  need(xs.ndim() == 4 && xs.shape(2) == geo.input[0] && xs.shape(3) == geo.input[1]);
  return xs.is_double() ? forward_saving_as<double>(xs, geo, out)
                        : forward_saving_as<float>(xs, geo, out);
}

template <class T>
nb::object backward_input_as(const Input& grad_y, const Input& argmax, const Geometry& window,
                             nb::handle out) {
  Output<T> grad_x({grad_y.shape(0), grad_y.shape(1), window.input[0], window.input[1]},
                   Order::channels_last, out);
  compute([&] {
    if (argmax.kind() == 'B')
      functions<T>().backward_byte(grad_y.tensor<T>(), argmax.tensor<std::uint8_t>(), window,
                                   grad_x.tensor, threads::runtime);
    else
      functions<T>().backward_int(grad_y.tensor<T>(), argmax.tensor<std::int32_t>(), window,
                                  grad_x.tensor, threads::runtime);
  });
  return grad_x.numpy();
}

nb::object backward_input(nb::handle grad_y, nb::handle argmax, nb::handle window,
                          nb::handle out) {
  const Input gs(grad_y), winners(argmax, "Bi");
  const Geometry geo = geometry(window, true);
  need(gs.ndim() == 4 && winners.ndim() == 4 && gs.shape(2) == geo.output[0] &&
       gs.shape(3) == geo.output[1]);
  for (int axis = 0; axis < 4; ++axis) need(gs.shape(axis) == winners.shape(axis));
  return gs.is_double() ? backward_input_as<double>(gs, winners, geo, out)
                        : backward_input_as<float>(gs, winners, geo, out);
}

}  // namespace

void bind(nb::module_& module, Variant variant) {
  kernels = CLEARCONV_KERNELS(max_pool2d, variant);
  nb::module_ chapter =
      module.def_submodule("max_pool2d", "Max pooling, a vector of channels at a time.");
  chapter.def("forward", &forward, nb::arg("x"), nb::arg("window"), nb::arg("out") = nb::none());
  chapter.def("forward_saving", &forward_saving, nb::arg("x"), nb::arg("window"),
              nb::arg("out") = nb::none());
  chapter.def("backward_input", &backward_input, nb::arg("grad_y"), nb::arg("argmax"),
              nb::arg("window"), nb::arg("out") = nb::none());
}

}  // namespace clearconv::max_pool2d
