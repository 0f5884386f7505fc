// The compiled telling of cross_entropy, as Python sees it: the signatures of matrix.py.
#include "native/arrays.h"
#include "native/chapters.h"
#include "native.h"

namespace nb = nanobind;

namespace clearconv::cross_entropy {
namespace {

const Kernels* kernels = nullptr;

template <class T>
const Functions<T>& functions() {
  return of<T>(*kernels);
}

void check_rows(const Input& array) { need(array.ndim() == 2 && array.shape(1) > 0); }

template <class T>
nb::object forward_as(Input& x, Input& share) {
  const Index N = x.shape(0), K = x.shape(1);
  Output<T> losses({N}, Order::c), y({N, K}, Order::c);
  compute([&] {
    functions<T>().forward(x.in<T>(y.layout()), share.in<T>(y.layout()), N, K, losses.tensor.data,
                           y.tensor.data, threads::runtime);
  });
  return nb::make_tuple(losses.numpy(), y.numpy());
}

nb::object forward(nb::handle x, nb::handle share) {
  Input xs(x, "fd", true), qs(share, "fd", true);
  check_rows(xs);
  same_shape(xs, qs);
  same_dtype(xs, qs);
  return xs.is_double() ? forward_as<double>(xs, qs) : forward_as<float>(xs, qs);
}

template <class T>
nb::object backward_input_as(Input& y, Input& share, Input& factors, nb::handle out) {
  const Index N = y.shape(0), K = y.shape(1);
  Output<T> grad_x({N, K}, Order::c, out);
  const Layout& rows = grad_x.layout();
  compute([&] {
    functions<T>().backward_input(y.in<T>(rows), share.in<T>(rows),
                                  factors.in<T>(factors.c_layout()), N, K, grad_x.tensor.data,
                                  threads::runtime);
  });
  return grad_x.numpy();
}

nb::object backward_input(nb::handle y, nb::handle share, nb::handle factors, nb::handle out) {
  Input ys(y, "fd", true), qs(share, "fd", true), fs(factors, "fd", true);
  check_rows(ys);
  same_shape(ys, qs);
  same_dtype(ys, qs);
  need(fs.ndim() == 1 && fs.shape(0) == ys.shape(0));
  same_dtype(ys, fs);
  return ys.is_double() ? backward_input_as<double>(ys, qs, fs, out)
                        : backward_input_as<float>(ys, qs, fs, out);
}

}  // namespace

void bind(nb::module_& module, Variant variant) {
  kernels = CLEARCONV_KERNELS(cross_entropy, variant);
  nb::module_ chapter =
      module.def_submodule("cross_entropy", "Cross-entropy, a vector of samples at a time.");
  chapter.def("forward", &forward, nb::arg("x"), nb::arg("share"));
  chapter.def("backward_input", &backward_input, nb::arg("y"), nb::arg("share"),
              nb::arg("factors"), nb::arg("out") = nb::none());
}

}  // namespace clearconv::cross_entropy
