// Convolution as a register-tiled product of patches and filters, compiled per instruction set.
//
// Forward: rows = output pixels, k = (tap, input channel), lanes = output channels.
// Input gradient: rows = input pixels, k = (tap, output channel), lanes = input channels; a stride
// s splits it into s*s phases, each an ordinary convolution of grad_y with every s-th tap, so that
// no inserted zero is ever multiplied.
// Weight gradient: rows = (tap, input channel), k = pixels, lanes = output channels.
//
// The product is in product.h, the sums over the batch (weight and bias) in batch_sums.h, the
// windows that all of them walk in windows.h.
//
// Padding is a zero that takes part: a weight that is not finite shows at every border it reaches.
#include "native.h"

#include "batch_sums.h"
#include "product.h"

namespace clearconv::CLEARCONV_VARIANT {
namespace {

template <class T>
void forward(const Tensor<const T>& x, const Tensor<const T>& weight, const T* bias,
             const Geometry& window, Index groups, const Tensor<T>& y, const Runtime& runtime) {
  const Index O = weight.shape[0] / groups, I = weight.shape[1];
  const Index taps = window.kernel[0] * window.kernel[1];
  Workspace<T> space(groups, groups * taps * I * lanes_for<T>(O), runtime);
  for (Index g = 0; g < groups; ++g) {
    const Patches<T> patches = {channels(x, g * I, I), forward_axis(window, 0),
                                forward_axis(window, 1)};
    const Filters<T> filters = {weight.data + g * O * weight.stride[0],
                                O,
                                weight.stride[0],
                                I,
                                weight.stride[1],
                                weight.stride[2],
                                weight.stride[3],
                                {0, 1},
                                {0, 1}};
    space.pass[g] = make_pass(patches, filters, bias ? bias + g * O : nullptr, y.data + g * O,
                              y.stride[0], y.stride[2], y.stride[3]);
  }
  Passes<T>{space.pass, groups, runtime}.run(space.packed);
}

template <class T>
void backward_input(const Tensor<const T>& grad_y, const Tensor<const T>& weight,
                    const Geometry& window, Index groups, const Tensor<T>& grad_x,
                    const Runtime& runtime) {
  const Index O = weight.shape[0] / groups, I = weight.shape[1];
  const Index taps = window.kernel[0] * window.kernel[1];
  const Index phases = window.stride[0] * window.stride[1];
  Workspace<T> space(groups * phases, groups * taps * O * lanes_for<T>(I), runtime);
  Index count = 0;
  for (Index a = 0; a < window.stride[0]; ++a)
    for (Index b = 0; b < window.stride[1]; ++b) {
      const Phase rows(window, 0, a), columns(window, 1, b);
      if (rows.axis.output == 0 || columns.axis.output == 0) continue;
      for (Index g = 0; g < groups; ++g) {
        const Patches<T> patches = {channels(grad_y, g * O, O), rows.axis, columns.axis};
        const Filters<T> filters = {weight.data + g * O * weight.stride[0],
                                    I,
                                    weight.stride[1],
                                    O,
                                    weight.stride[0],
                                    weight.stride[2],
                                    weight.stride[3],
                                    rows.taps,
                                    columns.taps};
        T* to = grad_x.data + g * I + rows.first * grad_x.stride[2] +
                columns.first * grad_x.stride[3];
        const T* none = nullptr;
        space.pass[count++] = make_pass(patches, filters, none, to, grad_x.stride[0],
                                        window.stride[0] * grad_x.stride[2],
                                        window.stride[1] * grad_x.stride[3]);
      }
    }
  Passes<T>{space.pass, count, runtime}.run(space.packed);
}

template <class T>
void backward_weight(const Tensor<const T>& grad_y, const Tensor<const T>& x,
                     const Geometry& window, Index groups, T* grad_weight,
                     const Runtime& runtime) {
  if (x.shape[0] == 0) {
    std::memset(grad_weight, 0, grad_y.shape[1] * x.shape[1] / groups * window.kernel[0] *
                                    window.kernel[1] * sizeof(T));
    return;
  }
  WeightGradient<T>{x, grad_y, window, groups, grad_weight, runtime, nullptr, 0}.run();
}

template <class T>
void backward_bias(const Tensor<const T>& grad_y, T* grad_bias, const Runtime& runtime) {
  const Index O = grad_y.shape[1], lanes = lanes_for<T>(O), shards = shard_count(grad_y.shape[0]);
  T* partial = static_cast<T*>(runtime.scratch(1, most(1, shards) * lanes * sizeof(T)));
  if (shards == 0) std::memset(partial, 0, lanes * sizeof(T));
  BiasGradient<T> sums{grad_y, runtime, partial};
  runtime.parallel(shards, BiasGradient<T>::add_up, &sums);
  add_shards(partial, shards, lanes, lanes);
  std::memcpy(grad_bias, partial, O * sizeof(T));
}

}  // namespace

extern const conv2d::Kernels conv2d_kernels = {
    {forward<float>, backward_input<float>, backward_weight<float>, backward_bias<float>},
    {forward<double>, backward_input<double>, backward_weight<double>, backward_bias<double>},
};

}  // namespace clearconv::CLEARCONV_VARIANT
