// Adaptive average pooling with a vector of neighbouring channels at a time, compiled per
// instruction set.
#include "native.h"

#include "native/passes/resample.h"

namespace clearconv::CLEARCONV_VARIANT {
namespace {

// Along one axis, output u is the mean of the inputs of its cell.
struct Cells {
  Index inputs, outputs;
  template <class Put>
  void operator()(Index u, const Put& put) const {
    const Index first = u * inputs / outputs, behind = ceil_div((u + 1) * inputs, outputs);
    for (Index i = first; i < behind; ++i) put(i, 1.0 / double(behind - first));
  }
};

template <class T>
void forward(const Tensor<const T>& x, const Tensor<T>& y, const Runtime& runtime) {
  resample(x, Cells{x.shape[2], y.shape[2]}, Cells{x.shape[3], y.shape[3]}, false, y, runtime);
}

template <class T>
void backward_input(const Tensor<const T>& grad_y, const Tensor<T>& grad_x,
                    const Runtime& runtime) {
  const Cells rows = {grad_x.shape[2], grad_y.shape[2]};
  const Cells columns = {grad_x.shape[3], grad_y.shape[3]};
  resample(grad_y, rows, columns, true, grad_x, runtime);
}

}  // namespace

extern const adaptive_avg_pool2d::Kernels adaptive_avg_pool2d_kernels = {
    {forward<float>, backward_input<float>}, {forward<double>, backward_input<double>}};

}  // namespace clearconv::CLEARCONV_VARIANT
