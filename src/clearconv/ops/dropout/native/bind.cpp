// The compiled telling of dropout, as Python sees it: the signatures of matrix.py.
#include <cmath>
#include <cstdint>

#include "native/arrays.h"
#include "native/chapters.h"
#include "native.h"

namespace nb = nanobind;

namespace clearconv::dropout {
namespace {

const Kernels* kernels = nullptr;

nb::object mask(nb::tuple shape, double p, nb::handle key) {
  Index lengths[kAxes];
  const int ndim = int(nb::len(shape));
  need(ndim > 0 && ndim <= kAxes);
  for (int axis = 0; axis < ndim; ++axis) {
    lengths[axis] = nb::cast<Index>(shape[axis]);
    need(lengths[axis] >= 0);
  }
  Input words(key.attr("words")(), "LQ");
  need(words.ndim() == 2 && words.shape(0) == lengths[0] && words.shape(1) == 2);
  need(words.itemsize() == sizeof(std::uint64_t));
  Output<bool> kept(Layout::c(lengths, ndim));
  // u >= p for u = k / 2^24, with p as float32: u is one in every telling.
  const auto threshold = std::uint32_t(std::ceil(double(float(p)) * (1 << 24)));
  const Index N = lengths[0], each = kept.layout().size / (N > 0 ? N : 1);
  compute([&] {
    kernels->mask(words.in<std::uint64_t>(words.c_layout()), N, each, threshold,
                  reinterpret_cast<std::uint8_t*>(kept.tensor.data), threads::runtime);
  });
  return kept.numpy();
}

template <class T>
nb::object scale_as(Input& values, Input& kept, double p, nb::handle out) {
  Output<T> scaled(values.layout(), out);
  const Layout& layout = scaled.layout();
  compute([&] {
    of<T>(*kernels).scale(values.in<T>(layout), kept.in<std::uint8_t>(layout), T(1 / (1 - p)),
                          layout.size, scaled.tensor.data, threads::runtime);
  });
  return scaled.numpy();
}

nb::object scale(nb::handle values, nb::handle kept, double p, nb::handle out) {
  Input vs(values, "fd", true), ks(kept, "?", true);
  same_shape(vs, ks);
  return vs.is_double() ? scale_as<double>(vs, ks, p, out) : scale_as<float>(vs, ks, p, out);
}

}  // namespace

void bind(nb::module_& module, Variant variant) {
  kernels = CLEARCONV_KERNELS(dropout, variant);
  nb::module_ chapter = module.def_submodule("dropout", "Dropout, a vector of numbers at a time.");
  chapter.def("mask", &mask, nb::arg("shape"), nb::arg("p"), nb::arg("key"));
  chapter.def("scale", &scale, nb::arg("values"), nb::arg("kept"), nb::arg("p"),
              nb::arg("out") = nb::none());
}

}  // namespace clearconv::dropout
