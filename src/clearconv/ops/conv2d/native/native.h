// The compiled telling of conv2d, as the rest of the module sees it.
#pragma once

#include "native/tile/operand.h"

namespace clearconv::conv2d {

// One call of a convolution; `backward` gives both gradients.
enum class Task { forward, backward_input, backward_weight, backward };

// The routes that a call may take: routes.h.
enum class Route { direct, columns, packed, winograd, depthwise, apart };
constexpr int kRoutes = 6;

constexpr Index kSumPoints = 36;  // of a sum by Winograd's algorithm

// The gradients of filters and bias, sums over the shards at hand; 0 where there is none.
template <class T>
struct Gradients {
  Shards shards;
  T* weight;  // (O, C/groups, KH, KW), contiguous
  T* bias;    // (O,), or null
  // Whether other shards' sums will be added to these. Winograd's algorithm does so before it
  // transforms back: `weight` is then (kSumPoints, C, O), where it goes that way.
  bool as_sums;
};

// Arrays of the result are distinct from inputs. `exact` keeps to direct sums: no Winograd.
template <class T>
struct Functions {
  void (*forward)(const Operand<T>& x, const Tensor<const T>& weight, const Geometry& window,
                  Index groups, bool exact, const Epilogue<T>& to, const Runtime& runtime);
  void (*backward_input)(const Operand<T>& grad_y, const Tensor<const T>& weight,
                         const Geometry& window, Index groups, bool exact, const Epilogue<T>& to,
                         const Runtime& runtime);
  void (*backward_weight)(const Operand<T>& grad_y, const Operand<T>& x, const Geometry& window,
                          Index groups, bool exact, const Gradients<T>& gradients,
                          const Runtime& runtime);
  // Both: together they may read grad_y once.
  void (*backward)(const Operand<T>& grad_y, const Operand<T>& x, const Tensor<const T>& weight,
                   const Geometry& window, Index groups, bool exact,
                   const Gradients<T>& gradients, const Epilogue<T>& to, const Runtime& runtime);
  void (*backward_bias)(const Operand<T>& grad_y, const Shards& shards, T* grad_bias,
                        const Runtime& runtime);
  // The gradient of C x O filters from sums by Winograd's algorithm, (kSumPoints, C, O).
  void (*weight_from_sum)(const T* sum, Index C, Index O, T* grad_weight, const Runtime& runtime);
};

struct Kernels {
  Functions<float> float32;
  Functions<double> float64;
  Route (*route)(Task task, const Geometry& window, Index C, Index O, Index groups, bool exact);
  const Index* runs;  // number of times that the kernels of each route ran
};

}  // namespace clearconv::conv2d

CLEARCONV_TABLES(conv2d)
