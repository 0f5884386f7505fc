// The fully connected layer, compiled per instruction set.
//
// Forward: y[n, o] is the dot product of two rows, vectors along k = inputs (outputs.h).
// Gradients: lanes = inputs; grad_x adds up rows of the weights, grad_weight rows of the samples
// (gradients.h). Nothing is transposed and nothing packed, whatever the shape.
#include "native.h"

#include "gradients.h"
#include "outputs.h"

namespace clearconv::CLEARCONV_VARIANT {
namespace {

template <class T>
void forward(const Tensor<const T>& x, const Tensor<const T>& weight, const T* bias, T* y,
             const Runtime& runtime) {
  Outputs<T>{x, weight, bias, y, runtime}.run();
}

template <class T>
void backward_input(const Tensor<const T>& grad_y, const Tensor<const T>& weight, T* grad_x,
                    const Runtime& runtime) {
  InputGradient<T>{grad_y, weight, grad_x, runtime}.run();
}

template <class T>
void backward_weight(const Tensor<const T>& grad_y, const Tensor<const T>& x, const Shards& shards,
                     T* grad_weight, const Runtime& runtime) {
  WeightGradient<T>{grad_y, x, Starts(shards), grad_weight, runtime}.run();
}

template <class T>
void backward_bias(const Tensor<const T>& grad_y, const Shards& shards, T* grad_bias,
                   const Runtime& runtime) {
  BiasGradient<T>{grad_y, Starts(shards), runtime, nullptr}.run(grad_bias);
}

}  // namespace

extern const linear::Kernels linear_kernels = {
    {forward<float>, backward_input<float>, backward_weight<float>, backward_bias<float>},
    {forward<double>, backward_input<double>, backward_weight<double>, backward_bias<double>},
};

}  // namespace clearconv::CLEARCONV_VARIANT
