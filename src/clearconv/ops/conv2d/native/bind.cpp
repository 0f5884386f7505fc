// The compiled telling of conv2d, as Python sees it: the signatures of matrix.py; and which way a
// call goes.
#include <cstring>

#include "native/arrays.h"
#include "native/chapters.h"
#include "bind.h"
#include "native.h"

namespace nb = nanobind;

namespace clearconv::conv2d {
namespace {

const Kernels* kernels = nullptr;

template <class T>
const Functions<T>& functions() {
  return of<T>(*kernels);
}

// What stores at y, with a bias (O,) or (O, OH, OW) added if there is one. The kernel reads that
// channel after channel: `dense` becomes such a copy.
template <class T>
Epilogue<T> store_with(const Input* bias, const Tensor<T>& y, std::unique_ptr<T[]>& dense) {
  Epilogue<T> to = store_to(y);
  if (!bias) return to;
  const Tensor<const T> b = bias->tensor<T>();  // an axis that it lacks is 1 long
  const Index O = b.shape[0], rows = b.shape[1], columns = b.shape[2];
  dense = std::make_unique<T[]>(bias->size());
  T* next = dense.get();
  for (Index p = 0; p < rows; ++p)
    for (Index q = 0; q < columns; ++q)
      for (Index o = 0; o < O; ++o)
        *next++ = b.data[o * b.stride[0] + p * b.stride[1] + q * b.stride[2]];
  if (bias->ndim() == 1)
    to.shift = dense.get();
  else  // the same for every image
    to.add = {dense.get(), {y.shape[0], O, rows, columns}, {0, 1, columns * O, O}};
  return to;
}

// A bias from Python, or None, checked to fit `channels` maps of `size`.
class Bias {
 public:
  Bias(nb::handle bias, const Input& x, Index channels, const Index* size) {
    if (bias.is_none()) return;
    given_ = std::make_unique<Input>(bias);
    need((given_->ndim() == 1 || given_->ndim() == 3) && given_->shape(0) == channels);
    if (given_->ndim() == 3) need(given_->shape(1) == size[0] && given_->shape(2) == size[1]);
    same_dtype(x, *given_);
  }
  const Input* get() const { return given_.get(); }

 private:
  std::unique_ptr<Input> given_;
};

template <class T>
nb::object forward_as(const Input& x, const Input& weight, const Input* bias,
                      const Geometry& window, Index groups, bool exact, nb::handle out) {
  Output<T> y({x.shape(0), weight.shape(0), window.output[0], window.output[1]}, Order::pixels,
              out);
  std::unique_ptr<T[]> dense;
  const Epilogue<T> to = store_with(bias, y.tensor, dense);
  compute([&] {
    functions<T>().forward(plain(x.tensor<T>()), weight.tensor<T>(), window, groups, exact, to,
                           threads::runtime);
  });
  return y.numpy();
}

template <class T>
nb::object backward_input_as(const Input& grad_y, const Input& weight, const Input* bias,
                             const Geometry& window, Index groups, bool exact, nb::handle out) {
  Output<T> grad_x({grad_y.shape(0), weight.shape(1) * groups, window.input[0], window.input[1]},
                   Order::pixels, out);
  std::unique_ptr<T[]> dense;
  const Epilogue<T> to = store_with(bias, grad_x.tensor, dense);
  compute([&] {
    functions<T>().backward_input(plain(grad_y.tensor<T>()), weight.tensor<T>(), window, groups,
                                  exact, to, threads::runtime);
  });
  return grad_x.numpy();
}

template <class T>
nb::object backward_weight_as(const Input& grad_y, const Input& x, const Geometry& window,
                              Index groups, bool exact, const Shards& shards, bool as_sums,
                              nb::handle out) {
  const Index C = x.shape(1), O = grad_y.shape(1);
  const bool points = as_sums && kernels->route(Task::backward_weight, window, C, O, groups,
                                                exact) == Route::winograd;
  Output<T> to = points ? Output<T>({kSumPoints, C, O}, Order::c, out)
                        : Output<T>({O, C / groups, window.kernel[0], window.kernel[1]}, Order::c,
                                    out);
  compute([&] {
    functions<T>().backward_weight(plain(grad_y.tensor<T>()), plain(x.tensor<T>()), window, groups,
                                   exact, {shards, to.tensor.data, nullptr, as_sums},
                                   threads::runtime);
  });
  return to.numpy();
}

// The checks that all functions of this name share.
nb::object backward_weight_any(nb::handle grad_y, nb::handle x, nb::handle window, Index groups,
                               bool exact, nb::handle shards, bool as_sums, nb::handle out) {
  const Input gs(grad_y), xs(x);
  const Geometry geo = geometry(window);
  need(gs.ndim() == 4 && xs.ndim() == 4 && gs.shape(0) == xs.shape(0) &&
       divides(groups, gs.shape(1)) && divides(groups, xs.shape(1)) &&
       gs.shape(2) == geo.output[0] && gs.shape(3) == geo.output[1] &&
       xs.shape(2) == geo.input[0] && xs.shape(3) == geo.input[1]);
  same_dtype(gs, xs);
  const Shards here = shards_of(shards, gs.shape(0));
  return gs.is_double()
             ? backward_weight_as<double>(gs, xs, geo, groups, exact, here, as_sums, out)
             : backward_weight_as<float>(gs, xs, geo, groups, exact, here, as_sums, out);
}

template <class T>
nb::object weight_from_sum_as(Input& sum, nb::handle out) {
  const Index C = sum.shape(1), O = sum.shape(2);
  Output<T> grad_weight({O, C, 3, 3}, Order::c, out);
  if (!sum.contiguous()) sum.copy();
  compute([&] {
    functions<T>().weight_from_sum(sum.data<T>(), C, O, grad_weight.tensor.data,
                                   threads::runtime);
  });
  return grad_weight.numpy();
}

template <class T>
nb::object backward_bias_as(const Input& grad_y, const Shards& shards, nb::handle out) {
  Output<T> grad_bias({grad_y.shape(1)}, Order::c, out);
  compute([&] {
    functions<T>().backward_bias(plain(grad_y.tensor<T>()), shards, grad_bias.tensor.data,
                                 threads::runtime);
  });
  return grad_bias.numpy();
}

// A bias for each position: the numbers of an image, channels last, are channels of one pixel.
template <class T>
nb::object backward_positions_as(Input& grad_y, const Shards& shards, nb::handle out) {
  const Index N = grad_y.shape(0), O = grad_y.shape(1), H = grad_y.shape(2), W = grad_y.shape(3);
  nb::object to = nb::borrow(out);
  if (!to.is_none()) to = to[nb::none()];  // (1, O, H, W)
  Output<T> grad_bias({1, O, H, W}, Order::channels_last, to);
  const Index shape[] = {N, O, H, W}, size = O * H * W;
  const T* numbers = grad_y.in<T>(Layout::channels_last(shape));
  const Tensor<const T> images = {numbers, {N, size, 1, 1}, {size, 1, size, size}};
  compute([&] {
    functions<T>().backward_bias(plain(images), shards, grad_bias.tensor.data, threads::runtime);
  });
  const nb::object made = grad_bias.numpy();
  return made[0];  // (O, H, W)
}

}  // namespace

nb::object forward(nb::handle x, nb::handle weight, nb::handle bias, nb::handle window,
                   Index groups, bool exact, nb::handle out) {
  const Input xs(x), ws(weight);
  const Geometry geo = geometry(window);
  need(xs.ndim() == 4 && ws.ndim() == 4 && divides(groups, ws.shape(0)) && ws.size() > 0 &&
       xs.shape(1) == ws.shape(1) * groups && xs.shape(2) == geo.input[0] &&
       xs.shape(3) == geo.input[1] && ws.shape(2) == geo.kernel[0] && ws.shape(3) == geo.kernel[1]);
  same_dtype(xs, ws);
  const Bias bs(bias, xs, ws.shape(0), geo.output);
  return xs.is_double() ? forward_as<double>(xs, ws, bs.get(), geo, groups, exact, out)
                        : forward_as<float>(xs, ws, bs.get(), geo, groups, exact, out);
}

nb::object backward_input(nb::handle grad_y, nb::handle weight, nb::handle bias, nb::handle window,
                          Index groups, bool exact, nb::handle out) {
  const Input gs(grad_y), ws(weight);
  const Geometry geo = geometry(window);
  need(gs.ndim() == 4 && ws.ndim() == 4 && gs.shape(1) == ws.shape(0) &&
       divides(groups, ws.shape(0)) && ws.size() > 0 && gs.shape(2) == geo.output[0] &&
       gs.shape(3) == geo.output[1] && ws.shape(2) == geo.kernel[0] &&
       ws.shape(3) == geo.kernel[1]);
  same_dtype(gs, ws);
  const Bias bs(bias, gs, ws.shape(1) * groups, geo.input);
  return gs.is_double() ? backward_input_as<double>(gs, ws, bs.get(), geo, groups, exact, out)
                        : backward_input_as<float>(gs, ws, bs.get(), geo, groups, exact, out);
}

nb::object backward_weight(nb::handle grad_y, nb::handle x, nb::handle window, Index groups,
                           bool exact, nb::handle shards, nb::handle out) {
  return backward_weight_any(grad_y, x, window, groups, exact, shards, false, out);
}

nb::object weight_sum(nb::handle grad_y, nb::handle x, nb::handle window, Index groups, bool exact,
                      nb::handle shards) {
  return backward_weight_any(grad_y, x, window, groups, exact, shards, true, nb::none());
}

nb::object weight_from_sum(nb::handle sum, nb::handle out) {
  Input given(sum);
  need(given.ndim() == 3 && given.shape(0) == kSumPoints);
  return given.is_double() ? weight_from_sum_as<double>(given, out)
                           : weight_from_sum_as<float>(given, out);
}

nb::object backward_bias(nb::handle grad_y, nb::handle shared, nb::handle shards, nb::handle out) {
  Input gs(grad_y);
  need(gs.ndim() == 4);
  const Shards here = shards_of(shards, gs.shape(0));
  if (truth(shared))
    return gs.is_double() ? backward_bias_as<double>(gs, here, out)
                          : backward_bias_as<float>(gs, here, out);
  return gs.is_double() ? backward_positions_as<double>(gs, here, out)
                        : backward_positions_as<float>(gs, here, out);
}

constexpr const char* kNames[] = {"direct",   "columns",   "packed",
                                  "winograd", "depthwise", "apart"};  // in Route's order

// The route that a call would take.
static nb::str route(const char* task, nb::handle window, Index channels, Index outputs,
                     Index groups, bool exact) {
  const char* const tasks[] = {"forward", "backward_input", "backward_weight",
                               "backward"};  // in Task's order
  const Geometry geo = geometry(window);
  need(divides(groups, channels) && divides(groups, outputs));
  for (int i = 0; i < 4; ++i)
    if (std::strcmp(task, tasks[i]) == 0)
      return nb::str(
          kNames[int(kernels->route(Task(i), geo, channels, outputs, groups, exact))]);
  throw nb::value_error("the task must be forward, backward_input, backward_weight or backward");
}

// Number of times that the kernels of each route ran in this process.
static nb::dict runs() {
  nb::dict counts;
  for (int i = 0; i < kRoutes; ++i)
    if (Route(i) != Route::apart)  // has no kernels
      counts[kNames[i]] = __atomic_load_n(&kernels->runs[i], __ATOMIC_RELAXED);
  return counts;
}

void bind(nb::module_& module, Variant variant) {
  kernels = CLEARCONV_KERNELS(conv2d, variant);
  nb::module_ chapter = module.def_submodule("conv2d", "Convolution as a register-tiled kernel.");
  chapter.def("forward", &forward, nb::arg("x"), nb::arg("weight"), nb::arg("bias").none(),
              nb::arg("window"), nb::arg("groups"), nb::arg("exact") = false,
              nb::arg("out") = nb::none());
  const auto without_bias = [](nb::handle grad_y, nb::handle weight, nb::handle window,
                               Index groups, bool exact, nb::handle out) {
    return backward_input(grad_y, weight, nb::none(), window, groups, exact, out);
  };
  chapter.def("backward_input", without_bias, nb::arg("grad_y"), nb::arg("weight"),
              nb::arg("window"), nb::arg("groups"), nb::arg("exact") = false,
              nb::arg("out") = nb::none());
  chapter.def("backward_weight", &backward_weight, nb::arg("grad_y"), nb::arg("x"),
              nb::arg("window"), nb::arg("groups"), nb::arg("exact") = false,
              nb::arg("shards") = nb::none(), nb::arg("out") = nb::none());
  chapter.def("weight_sum", &weight_sum, nb::arg("grad_y"), nb::arg("x"), nb::arg("window"),
              nb::arg("groups"), nb::arg("exact") = false, nb::arg("shards") = nb::none());
  chapter.def("weight_from_sum", &weight_from_sum, nb::arg("sum"), nb::arg("out") = nb::none());
  chapter.def("backward_bias", &backward_bias, nb::arg("grad_y"), nb::arg("shared") = true,
              nb::arg("shards") = nb::none(), nb::arg("out") = nb::none());
  chapter.def("route", &route, nb::arg("task"), nb::arg("window"), nb::arg("channels"),
              nb::arg("outputs"), nb::arg("groups"), nb::arg("exact") = false);
  chapter.def("runs", &runs);
}

}  // namespace clearconv::conv2d
