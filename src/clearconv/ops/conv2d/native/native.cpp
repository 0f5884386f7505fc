// Convolution as a register-tiled product of patches and filters, compiled per instruction set.
//
// Forward: rows = output pixels, k = (tap, input channel), lanes = output channels.
// Input gradient: rows = input pixels, k = (tap, output channel), lanes = input channels; a stride
// s splits it into s*s phases, each an ordinary convolution of grad_y with every s-th tap, so that
// no inserted zero is ever multiplied.
// Weight gradient: k = pixels, and (tap, input channel) by output channel are rows by lanes or
// lanes by rows.
//
// Wide 3x3 convolutions use Winograd's algorithm instead, unless they are to be exact, and other
// shapes take other routes if these are faster: routes.h decides, for every task. Each function
// here is a switch over its routes.
//
// direct/ has the product and the sums over the batch (weight and bias), packed/ the latter where
// channels are many, winograd/ its formulas and products, windows.h the windows that all walk.
//
// Padding is a zero that takes part: a weight that is not finite shows at every border it reaches.
#include "native.h"

#include "depthwise.h"
#include "direct/batch_sums.h"
#include "direct/columns.h"
#include "direct/product.h"
#include "packed/sums.h"
#include "routes.h"
#include "winograd/product.h"
#include "winograd/weight.h"

namespace clearconv::CLEARCONV_VARIANT {
namespace {

// Without the last result if a 2x2 pooling leaves it over.
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
  const Patches<T> patches = {x, rows, columns};
  switch (route(Task::forward, window, x.shape(1), weight.shape[0], groups, exact)) {
    case Route::depthwise:
      return DepthwisePass<T>{patches, weight, {0, 1}, {0, 1}, to, runtime, nullptr, nullptr, {}}
          .run();
    case Route::winograd:
      return WinogradProduct<T>(patches, filters_of(weight, 0, groups), to, runtime).run();
    default:
      break;
  }
  Workspace<T> space(groups, groups * taps * I * lanes_for<T>(O), runtime);
  for (Index g = 0; g < groups; ++g)
    space.pass[g] = {{channels(x, g * I, I), rows, columns}, filters_of(weight, g, groups), to,
                     g * O, nullptr, 0, {}};
  Passes<T>{space.pass, groups, runtime, nullptr}.run(space.packed);
}

// The pixels of one phase of an array like grad_x: every stride-th.
template <class T>
Tensor<T> phase_of(Tensor<T> pixels, const Geometry& window, const Phase& rows,
                   const Phase& columns) {
  pixels.data += rows.first * pixels.stride[2] + columns.first * pixels.stride[3];
  pixels.stride[2] *= window.stride[0];
  pixels.stride[3] *= window.stride[1];
  return pixels;
}

// Phase after phase, each the product of patches of grad_y and turned filters; or depthwise.
template <class T>
void by_phases(const Operand<T>& grad_y, const Tensor<const T>& weight, const Geometry& window,
               Index groups, bool depthwise, const Epilogue<T>& to, const Runtime& runtime) {
  const Index O = weight.shape[0] / groups, I = weight.shape[1];
  const Index taps = window.kernel[0] * window.kernel[1];
  const Index phases = window.stride[0] * window.stride[1];
  Workspace<T> space(groups * phases, groups * taps * O * lanes_for<T>(I), runtime);
  Index count = 0;
  for (Index a = 0; a < window.stride[0]; ++a)
    for (Index b = 0; b < window.stride[1]; ++b) {
      const Phase rows(window, 0, a), columns(window, 1, b);
      if (rows.axis.output == 0 || columns.axis.output == 0) continue;
      Epilogue<T> every = to;
      every.y = phase_of(to.y, window, rows, columns);
      if (to.add.data) every.add = phase_of(to.add, window, rows, columns);
      if (depthwise) {
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
void backward_input(const Operand<T>& grad_y, const Tensor<const T>& weight,
                    const Geometry& window, Index groups, bool exact, const Epilogue<T>& to,
                    const Runtime& runtime) {
  const Index C = weight.shape[1] * groups, O = weight.shape[0];
  const Route way = route(Task::backward_input, window, C, O, groups, exact);
  switch (way) {
    case Route::winograd: {
      const Phase rows(window, 0, 0), columns(window, 1, 0);
      const Patches<T> patches = {grad_y, rows.axis, columns.axis};
      return WinogradProduct<T>(patches, turned_filters_of(weight, 0, groups, rows, columns), to,
                                runtime)
          .run();
    }
    case Route::columns:
      return ColumnsPass<T>{grad_y, weight, window, groups, to, runtime, nullptr}.run();
    default:
      return by_phases(grad_y, weight, window, groups, way == Route::depthwise, to, runtime);
  }
}

template <class T>
void backward_bias(const Operand<T>& grad_y, const Shards& shards, T* grad_bias,
                   const Runtime& runtime) {
  const Index O = grad_y.shape(1), lanes = lanes_for<T>(O);
  T* partial = static_cast<T*>(runtime.scratch(1, most(1, shards.here) * lanes * sizeof(T)));
  if (shards.here == 0) std::memset(partial, 0, lanes * sizeof(T));
  BiasGradient<T> sums{grad_y, shards, runtime, partial};
  runtime.parallel(shards.here, BiasGradient<T>::add_up, &sums);
  add_shards(partial, shards.here, lanes, lanes);
  std::memcpy(grad_bias, partial, O * sizeof(T));
}

template <class T>
void weight_from_sum(const T* sum, Index C, Index O, T* grad_weight, const Runtime& runtime) {
  WinogradTaps<T>{sum, C, O, grad_weight, runtime}.run();
}

template <class T>
void backward_weight(const Operand<T>& grad_y, const Operand<T>& x, const Geometry& window,
                     Index groups, bool exact, const conv2d::Gradients<T>& gradients,
                     const Runtime& runtime) {
  const Index C = x.shape(1), O = grad_y.shape(1), taps = window.kernel[0] * window.kernel[1];
  const Route way = route(Task::backward_weight, window, C, O, groups, exact);
  if (gradients.shards.here == 0) {
    const bool points = gradients.as_sums && way == Route::winograd;
    std::memset(gradients.weight, 0,
                O * C / groups * (points ? conv2d::kSumPoints : taps) * sizeof(T));
    if (gradients.bias) std::memset(gradients.bias, 0, O * sizeof(T));
    return;
  }
  switch (way) {
    case Route::packed:  // with the bias
      return PackedWeightGradient<T>(x, grad_y, window, gradients, nullptr, runtime).run();
    case Route::winograd:
      WinogradWeightGradient<T>(x, grad_y, window, gradients, runtime).run();
      break;
    case Route::depthwise:
      DepthwiseWeightGradient<T>{{x, forward_axis(window, 0), forward_axis(window, 1)}, grad_y,
                                 gradients.shards, gradients.weight, runtime, nullptr, nullptr}
          .run();
      break;
    default:  // with the bias
      return WeightGradient<T>(x, grad_y, window, groups, gradients, runtime).run();
  }
  if (gradients.bias) backward_bias(grad_y, gradients.shards, gradients.bias, runtime);
}

template <class T>
void backward(const Operand<T>& grad_y, const Operand<T>& x, const Tensor<const T>& weight,
              const Geometry& window, Index groups, bool exact,
              const conv2d::Gradients<T>& gradients, const Epilogue<T>& to,
              const Runtime& runtime) {
  const Index C = x.shape(1), O = grad_y.shape(1);
  const bool empty = gradients.shards.here == 0;
  switch (empty ? Route::apart : route(Task::backward, window, C, O, groups, exact)) {
    case Route::packed: {
      PackedInputGradient<T> input{weight, to, nullptr};
      return PackedWeightGradient<T>(x, grad_y, window, gradients, &input, runtime).run();
    }
    case Route::depthwise: {
      const Phase rows(window, 0, 0), columns(window, 1, 0);
      const Patches<T> around = {grad_y, rows.axis, columns.axis};
      DepthwisePass<T> input{around, weight, rows.taps, columns.taps, to, runtime, nullptr,
                             nullptr, {}};
      DepthwiseWeightGradient<T>{{x, forward_axis(window, 0), forward_axis(window, 1)}, grad_y,
                                 gradients.shards, gradients.weight, runtime, &input, nullptr}
          .run();
      if (gradients.bias) backward_bias(grad_y, gradients.shards, gradients.bias, runtime);
      return;
    }
    default:
      backward_weight(grad_y, x, window, groups, exact, gradients, runtime);
      backward_input(grad_y, weight, window, groups, exact, to, runtime);
  }
}

template <class T>
constexpr conv2d::Functions<T> kFunctions = {forward<T>, backward_input<T>, backward_weight<T>,
                                             backward<T>, backward_bias<T>,
                                             weight_from_sum<T>};

}  // namespace

extern const conv2d::Kernels conv2d_kernels = {kFunctions<float>, kFunctions<double>, route, runs};

}  // namespace clearconv::CLEARCONV_VARIANT
