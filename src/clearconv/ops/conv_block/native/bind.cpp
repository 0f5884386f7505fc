// The compiled telling of conv_block, as Python sees it: the signatures of composed.py.
#include <optional>

#include "native/arrays.h"
#include "native/chapters.h"
#include "ops/conv2d/native/native.h"
#include "native.h"
#include "value.h"

namespace nb = nanobind;

namespace clearconv::conv_block {
namespace {

const conv2d::Kernels* convolution = nullptr;
const Kernels* kernels = nullptr;

// One number per channel, contiguous; null if there is none.
class Channels {
 public:
  Channels(nb::handle array, const Input& like, Index count) {
    if (array.is_none()) return;
    array_.emplace(array);
    same_dtype(like, *array_);
    need(array_->ndim() == 1 && array_->shape(0) == count);
    if (!array_->contiguous()) array_->copy();
  }
  template <class T>
  const T* data() const {
    return array_ ? array_->tensor<T>().data : nullptr;
  }

 private:
  std::optional<Input> array_;
};

void need_filters(const Value& x, const Input& weight, const Geometry& window, Index groups) {
  need(weight.ndim() == 4 && divides(groups, weight.shape(0)) && weight.size() > 0 &&
       x.shape(1) == weight.shape(1) * groups && x.shape(2) == window.input[0] &&
       x.shape(3) == window.input[1] && weight.shape(2) == window.kernel[0] &&
       weight.shape(3) == window.kernel[1]);
  same_dtype(x.array(), weight);
}

void need_grads(const Value& grad, Index channels, const Geometry& window) {
  need(grad.shape(1) == channels && grad.shape(2) == window.output[0] &&
       grad.shape(3) == window.output[1]);
}

// Call work(T{}) with the dtype of `array` for T.
template <class Work>
auto typed(const Input& array, const Work& work) {
  return array.is_double() ? work(double()) : work(float());
}

nb::object forward(nb::handle x, nb::handle weight, nb::handle scale, nb::handle shift,
                   nb::handle window, Index groups, nb::handle add, nb::handle ceiling, bool pool,
                   nb::handle out) {
  const Value xs(x);
  const Input ws(weight);
  const Geometry geo = geometry(window);
  const std::optional<double> most = Value::ceiling(ceiling);
  need_filters(xs, ws, geo, groups);
  const Channels scales(scale, xs.array(), ws.shape(0)), shifts(shift, xs.array(), ws.shape(0));
  std::optional<Value> adds;
  if (!add.is_none()) {
    adds.emplace(add);
    same_dtype(xs.array(), adds->array());
    need(adds->array().channels_adjoin() && adds->shape(0) == xs.shape(0));
    need_grads(*adds, ws.shape(0), geo);
  }
  return typed(xs.array(), [&](auto number) -> nb::object {
    using T = decltype(number);
    const Index by = pool ? 2 : 1;
    const auto shape = {xs.shape(0), ws.shape(0), geo.output[0] / by, geo.output[1] / by};
    Output<T> y(shape, Order::pixels, out);
    std::optional<Output<std::uint8_t>> winner;
    if (pool) winner.emplace(shape, Order::channels_last);
    Epilogue<T> to = store_to(y.tensor);
    to.scale = scales.data<T>();
    to.shift = shifts.data<T>();
    if (adds) to.add = adds->array().template tensor<T>();
    to.relu = most.has_value();
    to.ceiling = T(most.value_or(0));
    to.pool = pool;
    if (winner) to.winner = winner->tensor;
    compute([&] {
      of<T>(*convolution).forward(xs.operand<T>(), ws.tensor<T>(), geo, groups, false, to,
                                  threads::runtime);
    });
    return nb::make_tuple(y.numpy(), winner ? winner->numpy() : nb::none());
  });
}

// The convolution's result, and its moments over these shards: (3, O), float64.
nb::object forward_moments(nb::handle x, nb::handle weight, nb::handle bias, nb::handle window,
                           Index groups, nb::handle shards) {
  const Value xs(x);
  const Input ws(weight);
  const Geometry geo = geometry(window);
  need_filters(xs, ws, geo, groups);
  need(xs.shape(0) > 0);
  const Shards here = shards_of(shards, xs.shape(0));
  const Channels shift(bias, xs.array(), ws.shape(0));
  return typed(xs.array(), [&](auto number) -> nb::object {
    using T = decltype(number);
    Output<T> y({xs.shape(0), ws.shape(0), geo.output[0], geo.output[1]}, Order::channels_last);
    Output<double> moments({3, ws.shape(0)}, Order::c);
    Epilogue<T> to = store_to(y.tensor);
    to.shift = shift.data<T>();
    to.moments = moments.tensor.data;
    to.shards = here;
    compute([&] {
      of<T>(*convolution).forward(xs.operand<T>(), ws.tensor<T>(), geo, groups, false, to,
                                  threads::runtime);
    });
    return nb::make_tuple(y.numpy(), moments.numpy());
  });
}

// Sums of g and of g (z - centre) over these shards: (2, C), float64.
nb::object gradient_sums(nb::handle grad_y, nb::handle normalised, nb::handle shards) {
  const Value gs(grad_y), normal(normalised);
  same_dtype(gs.array(), normal.array());
  need(gs.array().channels_adjoin());
  for (int axis = 0; axis < 4; ++axis) need(gs.shape(axis) == normal.shape(axis));
  const Shards here = shards_of(shards, gs.shape(0));
  return typed(gs.array(), [&](auto number) -> nb::object {
    using T = decltype(number);
    Operand<T> gradient = normal.operand<T>();
    need(gradient.how == Operand<T>::normalised);
    gradient.how = Operand<T>::gradient;
    gradient.beside = gradient.x;
    gradient.x = gs.array().template tensor<T>();
    Output<double> sums({2, gs.shape(1)}, Order::c);
    compute([&] {
      of<T>(*kernels).gradient_sums(gradient, here, sums.tensor.data, threads::runtime);
    });
    return sums.numpy();
  });
}

// An array of the module's callers that a kernel adds to.
template <class T>
Tensor<T> writable(const Input& array) {
  need(array.channels_adjoin() && array.writable());
  const Tensor<const T> view = array.tensor<T>();
  Tensor<T> tensor = {const_cast<T*>(view.data), {}, {}};
  for (int axis = 0; axis < 4; ++axis) {
    tensor.shape[axis] = view.shape[axis];
    tensor.stride[axis] = view.stride[axis];
  }
  return tensor;
}

// Gradients of the input (None unless `input`; added to `into` if given), filters and bias; with
// `as_sums` the two latter are sums over these shards, as conv2d's weight_sum gives them.
nb::object backward(nb::handle grad, nb::handle x, nb::handle weight, nb::handle window,
                    Index groups, bool bias, nb::handle grad_weight, bool input, nb::handle into,
                    nb::handle shards, bool as_sums) {
  const Value gs(grad), xs(x);
  const Input ws(weight);
  const Geometry geo = geometry(window);
  need_filters(xs, ws, geo, groups);
  need(gs.shape(0) == xs.shape(0));
  need_grads(gs, ws.shape(0), geo);
  same_dtype(gs.array(), xs.array());
  const Shards here = shards_of(shards, gs.shape(0));
  const Index C = xs.shape(1), O = ws.shape(0);
  const bool points = as_sums && convolution->route(conv2d::Task::backward_weight, geo, C, O,
                                                    groups, false) == conv2d::Route::winograd;
  return typed(gs.array(), [&](auto number) -> nb::object {
    using T = decltype(number);
    Output<T> biases({ws.shape(0)}, Order::c);
    Output<T> filters = points ? Output<T>({conv2d::kSumPoints, C, O}, Order::c, grad_weight)
                               : Output<T>({O, ws.shape(1), ws.shape(2), ws.shape(3)}, Order::c,
                                           grad_weight);
    std::optional<Output<T>> inputs;
    Epilogue<T> to = {};
    if (input && into.is_none()) {
      inputs.emplace({xs.shape(0), xs.shape(1), xs.shape(2), xs.shape(3)}, Order::channels_last);
      to = store_to(inputs->tensor);
    } else if (input) {
      const Input total(into);
      same_dtype(gs.array(), total);
      need(total.ndim() == 4);
      for (int axis = 0; axis < 4; ++axis) need(total.shape(axis) == xs.shape(axis));
      to = store_to(writable<T>(total));
      to.accumulate = true;
    }
    compute([&] {
      const auto& kernels = of<T>(*convolution);
      const conv2d::Gradients<T> gradients = {here, filters.tensor.data,
                                              bias ? biases.tensor.data : nullptr, as_sums};
      if (input)
        kernels.backward(gs.operand<T>(), xs.operand<T>(), ws.tensor<T>(), geo, groups, false,
                         gradients, to, threads::runtime);
      else
        kernels.backward_weight(gs.operand<T>(), xs.operand<T>(), geo, groups, false, gradients,
                                threads::runtime);
    });
    return nb::make_tuple(inputs ? inputs->numpy() : nb::borrow(into),
                          filters.numpy(),
                          bias ? biases.numpy() : nb::none());
  });
}

nb::object add(nb::handle x, nb::handle other, bool relu) {
  const Value xs(x), others(other);
  need(xs.plain_or_normalised() && others.plain_or_normalised());
  same_dtype(xs.array(), others.array());
  for (int axis = 0; axis < 4; ++axis) need(xs.shape(axis) == others.shape(axis));
  return typed(xs.array(), [&](auto number) -> nb::object {
    using T = decltype(number);
    Output<T> y({xs.shape(0), xs.shape(1), xs.shape(2), xs.shape(3)}, Order::channels_last);
    compute([&] {
      of<T>(*kernels).add(xs.operand<T>(), others.operand<T>(), relu, y.tensor, threads::runtime);
    });
    return y.numpy();
  });
}

nb::object computed(nb::handle value) {
  const Value xs(value);
  need(xs.normalised());
  return typed(xs.array(), [&](auto number) -> nb::object {
    using T = decltype(number);
    Output<T> y({xs.shape(0), xs.shape(1), xs.shape(2), xs.shape(3)}, Order::channels_last);
    compute([&] {
      of<T>(*kernels).add(xs.operand<T>(), Operand<T>{}, false, y.tensor, threads::runtime);
    });
    return y.numpy();
  });
}

// An uninitialised array like this one, with this number of channels.
nb::object room(nb::handle like, Index channels) {
  const Input given(like);
  need(given.ndim() == 4 && channels > 0);
  return typed(given, [&](auto number) -> nb::object {
    using T = decltype(number);
    return Output<T>({given.shape(0), channels, given.shape(2), given.shape(3)},
                     Order::channels_last)
        .numpy();
  });
}

void write(nb::handle value, nb::handle out, bool accumulate) {
  const Value xs(value);
  const Input to(out);
  need(to.ndim() == 4 && (xs.plain_or_normalised() || xs.gradient()));
  need(xs.array().channels_adjoin());
  same_dtype(xs.array(), to);
  for (int axis = 0; axis < 4; ++axis) need(to.shape(axis) == xs.shape(axis));
  typed(to, [&](auto number) {
    using T = decltype(number);
    const Tensor<T> y = writable<T>(to);
    compute([&] {
      of<T>(*kernels).write(xs.operand<T>(), y, accumulate, threads::runtime);
    });
  });
}

}  // namespace

void bind(nb::module_& module, Variant variant) {
  convolution = CLEARCONV_KERNELS(conv2d, variant);
  kernels = CLEARCONV_KERNELS(conv_block, variant);
  nb::module_ chapter =
      module.def_submodule("conv_block", "A convolution and the steps around it, fused.");
  chapter.def("forward", &forward, nb::arg("x"), nb::arg("weight"), nb::arg("scale").none(),
              nb::arg("shift").none(), nb::arg("window"), nb::arg("groups"),
              nb::arg("add").none(), nb::arg("ceiling").none(), nb::arg("pool"),
              nb::arg("out") = nb::none());
  chapter.def("forward_moments", &forward_moments, nb::arg("x"), nb::arg("weight"),
              nb::arg("bias").none(), nb::arg("window"), nb::arg("groups"),
              nb::arg("shards") = nb::none());
  chapter.def("gradient_sums", &gradient_sums, nb::arg("grad_y"), nb::arg("normalised"),
              nb::arg("shards") = nb::none());
  chapter.def("backward", &backward, nb::arg("grad"), nb::arg("x"), nb::arg("weight"),
              nb::arg("window"), nb::arg("groups"), nb::arg("bias"),
              nb::arg("grad_weight").none(), nb::arg("input"), nb::arg("into").none(),
              nb::arg("shards") = nb::none(), nb::arg("as_sums") = false);
  chapter.def("computed", &computed, nb::arg("value"));
  chapter.def("add", &add, nb::arg("x"), nb::arg("other"), nb::arg("relu"));
  chapter.def("room", &room, nb::arg("like"), nb::arg("channels"));
  chapter.def("write", &write, nb::arg("value"), nb::arg("out"), nb::arg("accumulate"));
}

}  // namespace clearconv::conv_block
