// The compiled telling of update, as Python sees it: the signatures of matrix.py.
#include <cmath>
#include <optional>

#include "native/arrays.h"
#include "native/chapters.h"
#include "native.h"

namespace nb = nanobind;

namespace clearconv::update {
namespace {

const Kernels* kernels = nullptr;

// An array that is changed in place; one that is not contiguous goes through a copy.
template <class T>
class Changed {
 public:
  Changed(nb::handle array, const Input& grad) : array_(array), given_(array) {
    need(given_.ndim() == 1 && given_.size() == grad.size());
    same_dtype(grad, given_);
    if (given_.writable() && given_.contiguous()) return;
    const Tensor<const T> from = given_.tensor<T>();
    copy_.emplace({from.shape[0]}, Order::c);
    for (Index i = 0; i < from.shape[0]; ++i) copy_->tensor.data[i] = from.data[i * from.stride[0]];
  }
  T* data() const {
    return copy_ ? copy_->tensor.data : const_cast<T*>(given_.template tensor<T>().data);
  }
  void finish() {
    if (copy_ && PyObject_SetItem(array_.ptr(), Py_Ellipsis, copy_->numpy().ptr()) != 0)
      throw nb::python_error();
  }

 private:
  nb::handle array_;
  Input given_;
  std::optional<Output<T>> copy_;
};

template <class T>
void sgd_as(nb::handle weight, const Input& grad, nb::handle velocity, const Sgd<T>& rule) {
  Changed<T> w(weight, grad);
  std::optional<Changed<T>> v;
  if (!velocity.is_none()) v.emplace(velocity, grad);
  compute([&] {
    of<T>(*kernels).sgd(w.data(), grad.tensor<T>().data, v ? v->data() : nullptr, grad.size(),
                        rule, threads::runtime);
  });
  w.finish();
  if (v) v->finish();
}

void sgd(nb::handle weight, nb::handle grad, nb::handle velocity, double lr, double momentum,
         bool nesterov, double weight_decay) {
  Input gs(grad);
  need(gs.ndim() == 1);
  if (!gs.contiguous()) gs.copy();
  if (gs.is_double())
    sgd_as<double>(weight, gs, velocity, {lr, momentum, weight_decay, nesterov});
  else
    sgd_as<float>(weight, gs, velocity,
                  {float(lr), float(momentum), float(weight_decay), nesterov});
}

template <class T>
void adam_as(nb::handle weight, const Input& grad, nb::handle mean, nb::handle square,
             const Adam<T>& rule) {
  Changed<T> w(weight, grad), m(mean, grad), s(square, grad);
  compute([&] {
    of<T>(*kernels).adam(w.data(), grad.tensor<T>().data, m.data(), s.data(), grad.size(), rule,
                         threads::runtime);
  });
  w.finish();
  m.finish();
  s.finish();
}

void adam(nb::handle weight, nb::handle grad, nb::handle mean, nb::handle square, double step,
          double lr, double beta1, double beta2, double eps, double weight_decay, bool decoupled) {
  Input gs(grad);
  need(gs.ndim() == 1);
  if (!gs.contiguous()) gs.copy();
  const double rate = lr / (1 - std::pow(beta1, step));
  const double scale = 1 / std::sqrt(1 - std::pow(beta2, step));
  const double added = decoupled ? 0 : weight_decay, shrink = decoupled ? 1 - lr * weight_decay : 1;
  const auto rule = [=](auto number) {
    using T = decltype(number);
    return Adam<T>{T(beta1), T(1 - beta1), T(beta2), T(1 - beta2), T(eps),
                   T(rate),  T(scale),     T(added), T(shrink)};
  };
  if (gs.is_double())
    adam_as<double>(weight, gs, mean, square, rule(double()));
  else
    adam_as<float>(weight, gs, mean, square, rule(float()));
}

}  // namespace

void bind(nb::module_& module, Variant variant) {
  kernels = CLEARCONV_KERNELS(update, variant);
  nb::module_ chapter = module.def_submodule("update", "Optimisers as one pass over flat arrays.");
  chapter.def("sgd", &sgd, nb::arg("weight"), nb::arg("grad"), nb::arg("velocity").none(),
              nb::arg("lr"), nb::arg("momentum"), nb::arg("nesterov"), nb::arg("weight_decay"));
  chapter.def("adam", &adam, nb::arg("weight"), nb::arg("grad"), nb::arg("mean"),
              nb::arg("square"), nb::arg("step"), nb::arg("lr"), nb::arg("beta1"),
              nb::arg("beta2"), nb::arg("eps"), nb::arg("weight_decay"), nb::arg("decoupled"));
}

}  // namespace clearconv::update
