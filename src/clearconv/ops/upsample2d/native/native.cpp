// Up-sampling with a vector of neighbouring channels at a time, compiled per instruction set.
#include "native.h"

#include "native/passes/resample.h"

namespace clearconv::CLEARCONV_VARIANT {
namespace {

// Along one axis, an output is a mixture of the one or two inputs around its place.
struct Mixture {
  Index inputs, outputs;
  double over, under, shift;
  bool linear;

  Mixture(const upsample2d::Places& places, int axis, Index inputs, Index outputs)
      : inputs(inputs), outputs(outputs), over(places.over[axis]), under(places.under[axis]),
        shift(places.shift), linear(places.linear) {}

  template <class Put>
  void operator()(Index u, const Put& put) const {
    const double last = double(inputs - 1), place = (double(u) + shift) * over / under - shift;
    const double inside = place > 0 ? (place < last ? place : last) : 0;
    const Index low = Index(inside);
    const double beyond = linear ? inside - double(low) : 0;
    put(low, 1 - beyond);
    if (beyond > 0) put(low + 1, beyond);
  }
};

template <class T>
void forward(const Tensor<const T>& x, const upsample2d::Places& places, const Tensor<T>& y,
             const Runtime& runtime) {
  const Mixture rows(places, 0, x.shape[2], y.shape[2]), columns(places, 1, x.shape[3], y.shape[3]);
  resample(x, rows, columns, false, y, runtime);
}

template <class T>
void backward_input(const Tensor<const T>& grad_y, const upsample2d::Places& places,
                    const Tensor<T>& grad_x, const Runtime& runtime) {
  const Mixture rows(places, 0, grad_x.shape[2], grad_y.shape[2]);
  const Mixture columns(places, 1, grad_x.shape[3], grad_y.shape[3]);
  resample(grad_y, rows, columns, true, grad_x, runtime);
}

}  // namespace

extern const upsample2d::Kernels upsample2d_kernels = {{forward<float>, backward_input<float>},
                                                       {forward<double>, backward_input<double>}};

}  // namespace clearconv::CLEARCONV_VARIANT
