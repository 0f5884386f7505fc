// The compiled telling of conv2d, as the rest of the module sees it.
#pragma once

#include "native/tile/operand.h"

namespace clearconv::conv2d {

// One call of a convolution; `backward` gives both gradients.
enum class Task { forward, backward_input, backward_weight, backward };

// The ways that a call may go: routes.h.
enum class Route { direct, columns, packed, winograd, depthwise, apart };
constexpr int kRoutes = 6;

// Arrays of the result are distinct from inputs. `exact` keeps to direct sums: no Winograd.
template <class T>
struct Functions {
  void (*forward)(const Operand<T>& x, const Tensor<const T>& weight, const Geometry& window,
                  Index groups, bool exact, const Epilogue<T>& to, const Runtime& runtime);
  void (*backward_input)(const Operand<T>& grad_y, const Tensor<const T>& weight,
                         const Geometry& window, Index groups, bool exact, const Epilogue<T>& to,
                         const Runtime& runtime);
  // grad_weight: (O, C/groups, KH, KW), contiguous. grad_bias: (O,), or null.
  void (*backward_weight)(const Operand<T>& grad_y, const Operand<T>& x, const Geometry& window,
                          Index groups, bool exact, T* grad_weight, T* grad_bias,
                          const Runtime& runtime);
  // Both: together they may read grad_y once.
  void (*backward)(const Operand<T>& grad_y, const Operand<T>& x, const Tensor<const T>& weight,
                   const Geometry& window, Index groups, bool exact, T* grad_weight, T* grad_bias,
                   const Epilogue<T>& to, const Runtime& runtime);
  void (*backward_bias)(const Operand<T>& grad_y, T* grad_bias, const Runtime& runtime);
};

struct Kernels {
  Functions<float> float32;
  Functions<double> float64;
  Route (*route)(Task task, const Geometry& window, Index C, Index O, Index groups, bool exact);
  const Index* runs;  // how often the kernels of each route ran
};

}  // namespace clearconv::conv2d

CLEARCONV_TABLES(conv2d)
