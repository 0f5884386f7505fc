// The compiled telling of upsample2d, as Python sees it: the signatures of matrix.py.
#include "native/arrays.h"
#include "native/chapters.h"
#include "native.h"

namespace nb = nanobind;

namespace clearconv::upsample2d {
namespace {

const Kernels* kernels = nullptr;

// Read a clearconv.ops.upsample2d.grid.Grid.
struct Grid {
  Index input[2], output[2];
  Places places;

  explicit Grid(nb::handle grid) {
    constexpr int kNumbers = 10;
    const nb::object numbers = grid.attr("numbers");
    need(PyTuple_Check(numbers.ptr()) && PyTuple_GET_SIZE(numbers.ptr()) == kNumbers);
    double given[kNumbers];
    for (int i = 0; i < kNumbers; ++i) {
      given[i] = PyFloat_AsDouble(PyTuple_GET_ITEM(numbers.ptr(), i));
      if (given[i] == -1 && PyErr_Occurred()) throw nb::python_error();
    }
    for (int axis = 0; axis < 2; ++axis) {
      input[axis] = size(given[axis]), output[axis] = size(given[2 + axis]);
      places.over[axis] = given[4 + 2 * axis], places.under[axis] = given[5 + 2 * axis];
      need(places.over[axis] >= 0 && places.under[axis] > 0);
    }
    places.shift = given[8], places.linear = given[9] != 0;
    need(places.shift >= 0);
  }

  static Index size(double length) {
    need(length >= 1 && length <= double(Index(1) << 31));
    return Index(length);
  }
};

template <class T>
nb::object forward_as(const Input& x, const Grid& grid, nb::handle out) {
  Output<T> y({x.shape(0), x.shape(1), grid.output[0], grid.output[1]}, Order::channels_last, out);
  compute([&] {
    of<T>(*kernels).forward(x.tensor<T>(), grid.places, y.tensor, threads::runtime);
  });
  return y.numpy();
}

nb::object forward(nb::handle x, nb::handle grid, nb::handle out) {
  const Input xs(x);
  const Grid where(grid);
  need(xs.ndim() == 4 && xs.shape(2) == where.input[0] && xs.shape(3) == where.input[1]);
  return xs.is_double() ? forward_as<double>(xs, where, out) : forward_as<float>(xs, where, out);
}

template <class T>
nb::object backward_input_as(const Input& grad_y, const Grid& grid, nb::handle out) {
  Output<T> grad_x({grad_y.shape(0), grad_y.shape(1), grid.input[0], grid.input[1]},
                   Order::channels_last, out);
  compute([&] {
    of<T>(*kernels).backward_input(grad_y.tensor<T>(), grid.places, grad_x.tensor,
                                   threads::runtime);
  });
  return grad_x.numpy();
}

nb::object backward_input(nb::handle grad_y, nb::handle grid, nb::handle out) {
  const Input gs(grad_y);
  const Grid where(grid);
  need(gs.ndim() == 4 && gs.shape(2) == where.output[0] && gs.shape(3) == where.output[1]);
  return gs.is_double() ? backward_input_as<double>(gs, where, out)
                        : backward_input_as<float>(gs, where, out);
}

}  // namespace

void bind(nb::module_& module, Variant variant) {
  kernels = CLEARCONV_KERNELS(upsample2d, variant);
  nb::module_ chapter =
      module.def_submodule("upsample2d", "Up-sampling, a vector of channels at a time.");
  chapter.def("forward", &forward, nb::arg("x"), nb::arg("grid"), nb::arg("out") = nb::none());
  chapter.def("backward_input", &backward_input, nb::arg("grad_y"), nb::arg("grid"),
              nb::arg("out") = nb::none());
}

}  // namespace clearconv::upsample2d
