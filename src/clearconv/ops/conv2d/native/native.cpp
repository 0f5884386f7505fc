// Convolution as a register-tiled product of patches and filters, compiled per instruction set.
//
// Forward: rows = output pixels, k = (tap, input channel), lanes = output channels.
// Input gradient: rows = input pixels, k = (tap, output channel), lanes = input channels; a stride
// s splits it into s*s phases, each an ordinary convolution of grad_y with every s-th tap, so that
// no inserted zero is ever multiplied.
// Weight gradient: k = pixels, and (tap, input channel) by output channel are rows by lanes or
// lanes by rows.
//
// Wide 3x3 convolutions go by Winograd's algorithm instead, unless they are to be exact: winograd.h
// has its formulas, winograd_product.h and winograd_weight.h the products.
//
// The product is in product.h, the sums over the batch (weight and bias) in packed_sums.h where
// channels are many, else in batch_sums.h and pixel_sums.h, the windows that all of them walk in
// windows.h.
//
// Padding is a zero that takes part: a weight that is not finite shows at every border it reaches.
#include "native.h"

#include "batch_sums.h"
#include "columns.h"
#include "depthwise.h"
#include "ops/conv2d/native/packed/sums.h"
#include "product.h"
#include "ops/conv2d/native/winograd/product.h"
#include "ops/conv2d/native/winograd/weight.h"

namespace clearconv::CLEARCONV_VARIANT {
namespace {

// Without the last result where a 2x2 pooling leaves it over.
Axis pooled(Axis axis, bool pool) {
  if (pool) axis.output -= axis.output % 2;
  return axis;
}

// The filters of group g as the forward pass reads them, and as the input gradient does: turned,
// with input and output channels exchanged.
template <class T>
Filters<T> filters_of(const Tensor<const T>& weight, Index g, Index groups) {
  const Index O = weight.shape[0] / groups, I = weight.shape[1];
  return {weight.data + g * O * weight.stride[0], O, weight.stride[0], I, weight.stride[1],
          weight.stride[2], weight.stride[3], {0, 1}, {0, 1}};
}

template <class T>
Filters<T> turned_filters_of(const Tensor<const T>& weight, Index g, Index groups,
                             const Phase& rows, const Phase& columns) {
  const Index O = weight.shape[0] / groups, I = weight.shape[1];
  return {weight.data + g * O * weight.stride[0], I, weight.stride[1], O, weight.stride[0],
          weight.stride[2], weight.stride[3], rows.taps, columns.taps};
}

template <class T>
void forward(const Operand<T>& x, const Tensor<const T>& weight, const Geometry& window,
             Index groups, bool exact, const Epilogue<T>& to, const Runtime& runtime) {
  const Index O = weight.shape[0] / groups, I = weight.shape[1];
  const Index taps = window.kernel[0] * window.kernel[1];
  const Axis rows = pooled(forward_axis(window, 0), to.pool);
  const Axis columns = pooled(forward_axis(window, 1), to.pool);
  if (is_depthwise(x.shape(1), weight.shape[0], groups)) {
    const Patches<T> patches = {x, rows, columns};
    DepthwisePass<T>{patches, weight, {0, 1}, {0, 1}, to, runtime, nullptr, nullptr, {}}.run();
    return;
  }
  if (!exact && by_winograd(window, groups, I, O, window.output)) {
    const Patches<T> patches = {x, rows, columns};
    WinogradProduct<T>(patches, filters_of(weight, 0, groups), to, runtime).run();
    return;
  }
  Workspace<T> space(groups, groups * taps * I * lanes_for<T>(O), runtime);
  for (Index g = 0; g < groups; ++g)
    space.pass[g] = {{channels(x, g * I, I), rows, columns}, filters_of(weight, g, groups), to,
                     g * O, nullptr, 0, {}};
  Passes<T>{space.pass, groups, runtime, nullptr}.run(space.packed);
}

// Whether columns cost less than phases, in multiply-adds of whole vectors for each image.
bool by_columns(const Geometry& window, Index grad_channels, Index groups, Index O, Index I) {
  if (is_depthwise(I * groups, grad_channels, groups) || O * I == 0) return false;
  const Index taps = window.kernel[0] * window.kernel[1];
  const Index inputs = window.input[0] * window.input[1];
  const Index outputs = window.output[0] * window.output[1];
  const Index strides = window.stride[0] * window.stride[1];
  constexpr Index kAddition = 8;  // an addition of a vector in memory, as multiply-adds
  const Index runs = window.kernel[0] * ceil_div(window.kernel[1] * I, 16);
  const Index columns = outputs * (O * common_lanes(taps * I) / 16 + kAddition * runs);
  const Index phases = inputs * taps * O * common_lanes(I) / 16 / strides;
  return columns < (strides > 1 ? phases + phases / 2 : phases);
}

// Of an array like grad_x, the pixels of one phase: every stride-th.
template <class T>
Tensor<T> phase_of(Tensor<T> pixels, const Geometry& window, const Phase& rows,
                   const Phase& columns) {
  pixels.data += rows.first * pixels.stride[2] + columns.first * pixels.stride[3];
  pixels.stride[2] *= window.stride[0];
  pixels.stride[3] *= window.stride[1];
  return pixels;
}

template <class T>
void backward_input(const Operand<T>& grad_y, const Tensor<const T>& weight,
                    const Geometry& window, Index groups, bool exact, const Epilogue<T>& to,
                    const Runtime& runtime) {
  const Index O = weight.shape[0] / groups, I = weight.shape[1];
  const Index taps = window.kernel[0] * window.kernel[1];
  const Index phases = window.stride[0] * window.stride[1];
  if (!exact && by_winograd(window, groups, O, I, window.input)) {
    const Phase rows(window, 0, 0), columns(window, 1, 0);
    const Patches<T> patches = {grad_y, rows.axis, columns.axis};
    WinogradProduct<T>(patches, turned_filters_of(weight, 0, groups, rows, columns), to, runtime)
        .run();
    return;
  }
  if (by_columns(window, grad_y.shape(1), groups, O, I)) {
    ColumnsPass<T>{grad_y, weight, window, groups, to, runtime, nullptr}.run();
    return;
  }
  Workspace<T> space(groups * phases, groups * taps * O * lanes_for<T>(I), runtime);
  Index count = 0;
  for (Index a = 0; a < window.stride[0]; ++a)
    for (Index b = 0; b < window.stride[1]; ++b) {
      const Phase rows(window, 0, a), columns(window, 1, b);
      if (rows.axis.output == 0 || columns.axis.output == 0) continue;
      Epilogue<T> every = to;
      every.y = phase_of(to.y, window, rows, columns);
      if (to.add.data) every.add = phase_of(to.add, window, rows, columns);
      if (is_depthwise(I * groups, weight.shape[0], groups)) {
        const Patches<T> patches = {grad_y, rows.axis, columns.axis};
        DepthwisePass<T>{patches, weight, rows.taps, columns.taps, every, runtime, nullptr, nullptr,
                         {}}.run();
        continue;
      }
      for (Index g = 0; g < groups; ++g)
        space.pass[count++] = {{channels(grad_y, g * O, O), rows.axis, columns.axis},
                               turned_filters_of(weight, g, groups, rows, columns),
                               every, g * I, nullptr, 0, {}};
    }
  if (count > 0) Passes<T>{space.pass, count, runtime, nullptr}.run(space.packed);
}

template <class T>
void backward_bias(const Operand<T>& grad_y, T* grad_bias, const Runtime& runtime) {
  const Index O = grad_y.shape(1), lanes = lanes_for<T>(O);
  const Index shards = whole_batch(grad_y.shape(0)).here;
  T* partial = static_cast<T*>(runtime.scratch(1, most(1, shards) * lanes * sizeof(T)));
  if (shards == 0) std::memset(partial, 0, lanes * sizeof(T));
  BiasGradient<T> sums{grad_y, runtime, partial};
  runtime.parallel(shards, BiasGradient<T>::add_up, &sums);
  add_shards(partial, shards, lanes, lanes);
  std::memcpy(grad_bias, partial, O * sizeof(T));
}

template <class T>
void backward_weight(const Operand<T>& grad_y, const Operand<T>& x, const Geometry& window,
                     Index groups, bool exact, T* grad_weight, T* grad_bias,
                     const Runtime& runtime) {
  const Index C = x.shape(1), O = grad_y.shape(1), taps = window.kernel[0] * window.kernel[1];
  const bool winograd = !exact && by_winograd(window, groups, C, O, window.output);
  if (x.shape(0) > 0 && !winograd && !is_depthwise(C, O, groups)) {
    if (is_worth_packing(C, O, taps, groups))
      PackedWeightGradient<T>(x, grad_y, window, grad_weight, grad_bias, nullptr, runtime).run();
    else
      WeightGradient<T>(x, grad_y, window, groups, grad_weight, grad_bias, runtime).run();
    return;
  }
  if (x.shape(0) == 0)
    std::memset(grad_weight, 0, O * C / groups * taps * sizeof(T));
  else if (winograd)
    WinogradWeightGradient<T>(x, grad_y, window, grad_weight, runtime).run();
  else
    DepthwiseWeightGradient<T>{{x, forward_axis(window, 0), forward_axis(window, 1)},
                               grad_y, grad_weight, runtime, nullptr, nullptr}.run();
  if (grad_bias) backward_bias(grad_y, grad_bias, runtime);
}

template <class T>
void backward(const Operand<T>& grad_y, const Operand<T>& x, const Tensor<const T>& weight,
              const Geometry& window, Index groups, bool exact, T* grad_weight, T* grad_bias,
              const Epilogue<T>& to, const Runtime& runtime) {
  if (x.shape(0) > 0 && is_pointwise(window, x.shape(1), grad_y.shape(1), groups)) {
    PackedInputGradient<T> input{weight, to, nullptr};
    PackedWeightGradient<T>(x, grad_y, window, grad_weight, grad_bias, &input, runtime).run();
    return;
  }
  if (x.shape(0) > 0 && is_depthwise(x.shape(1), grad_y.shape(1), groups) && keeps_size(window)) {
    const Phase rows(window, 0, 0), columns(window, 1, 0);
    const Patches<T> around = {grad_y, rows.axis, columns.axis};
    DepthwisePass<T> input{around, weight, rows.taps, columns.taps, to, runtime, nullptr, nullptr,
                           {}};
    DepthwiseWeightGradient<T>{{x, forward_axis(window, 0), forward_axis(window, 1)},
                               grad_y, grad_weight, runtime, &input, nullptr}.run();
    if (grad_bias) backward_bias(grad_y, grad_bias, runtime);
    return;
  }
  backward_weight(grad_y, x, window, groups, exact, grad_weight, grad_bias, runtime);
  backward_input(grad_y, weight, window, groups, exact, to, runtime);
}

template <class T>
constexpr conv2d::Functions<T> kFunctions = {forward<T>, backward_input<T>, backward_weight<T>,
                                             backward<T>, backward_bias<T>};

}  // namespace

extern const conv2d::Kernels conv2d_kernels = {kFunctions<float>, kFunctions<double>};

}  // namespace clearconv::CLEARCONV_VARIANT
