// The compiled telling of squared_error, as Python sees it: the signatures of matrix.py.
#include "native/arrays.h"
#include "native/chapters.h"
#include "native.h"

namespace nb = nanobind;

namespace clearconv::squared_error {
namespace {

const Kernels* kernels = nullptr;

template <class T>
const Functions<T>& functions() {
  return of<T>(*kernels);
}

template <class T>
nb::object difference_as(Input& x, Input& target) {
  Output<T> away(x.layout());
  const Layout& layout = away.layout();
  compute([&] {
    functions<T>().difference(x.in<T>(layout), target.in<T>(layout), layout.size, away.tensor.data,
                              threads::runtime);
  });
  return away.numpy();
}

nb::object difference(nb::handle x, nb::handle target) {
  Input xs(x, "fd", true), ts(target, "fd", true);
  same_shape(xs, ts);
  same_dtype(xs, ts);
  return xs.is_double() ? difference_as<double>(xs, ts) : difference_as<float>(xs, ts);
}

template <class T>
nb::object squares_as(Input& difference) {
  Output<T> squared(difference.layout());
  const Layout& layout = squared.layout();
  compute([&] {
    functions<T>().squares(difference.in<T>(layout), layout.size, squared.tensor.data,
                           threads::runtime);
  });
  return squared.numpy();
}

nb::object squares(nb::handle difference) {
  Input ds(difference, "fd", true);
  return ds.is_double() ? squares_as<double>(ds) : squares_as<float>(ds);
}

template <class T>
double total_as(Input& difference, nb::handle shards) {
  const Index N = difference.ndim() > 0 ? difference.shape(0) : 1;
  const Shards here = shards_of(shards, N);
  // A shard's numbers adjoin where the first axis is the slowest.
  const Layout given = difference.layout();
  const Layout layout = N <= 1 || given.order[0] == 0 ? given : difference.c_layout();
  double sum = 0;
  if (layout.size > 0)
    compute([&] {
      sum = functions<T>().total(difference.in<T>(layout), here, layout.size / N,
                                 threads::runtime);
    });
  return sum;
}

double total(nb::handle difference, nb::handle shards) {
  Input ds(difference, "fd", true);
  return ds.is_double() ? total_as<double>(ds, shards) : total_as<float>(ds, shards);
}

template <class T>
nb::object backward_input_as(Input& difference, Input& factors, nb::handle out) {
  Output<T> grad_x(difference.layout(), out);
  const Layout& layout = grad_x.layout();
  compute([&] {
    const T* from = difference.in<T>(layout);
    if (factors.is_one_number())
      functions<T>().backward_input_by(from, factors.number<T>(), layout.size, grad_x.tensor.data,
                                       threads::runtime);
    else
      functions<T>().backward_input(from, factors.in<T>(layout), layout.size, grad_x.tensor.data,
                                    threads::runtime);
  });
  return grad_x.numpy();
}

nb::object backward_input(nb::handle difference, nb::handle factors, nb::handle out) {
  Input ds(difference, "fd", true), fs(factors, "fd", true);
  same_shape(ds, fs);
  same_dtype(ds, fs);
  return ds.is_double() ? backward_input_as<double>(ds, fs, out)
                        : backward_input_as<float>(ds, fs, out);
}

}  // namespace

void bind(nb::module_& module, Variant variant) {
  kernels = CLEARCONV_KERNELS(squared_error, variant);
  nb::module_ chapter =
      module.def_submodule("squared_error", "Squared error, a vector of numbers at a time.");
  chapter.def("difference", &difference, nb::arg("x"), nb::arg("target"));
  chapter.def("squares", &squares, nb::arg("difference"));
  chapter.def("total", &total, nb::arg("difference"), nb::arg("shards") = nb::none());
  chapter.def("backward_input", &backward_input, nb::arg("difference"), nb::arg("factors"),
              nb::arg("out") = nb::none());
}

}  // namespace clearconv::squared_error
