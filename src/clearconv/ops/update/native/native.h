// The compiled telling of update, as the rest of the module sees it.
#pragma once

#include "native/runtime.h"

namespace clearconv::update {

// The numbers of one step that hold for the whole array, computed once.
template <class T>
struct Sgd {
  T lr, momentum, weight_decay;
  bool nesterov;
};

template <class T>
struct Adam {
  T beta1, fresh1, beta2, fresh2;  // shares of old and new; each pair sums to 1
  T eps;
  T rate;          // lr / (1 - beta1^step)
  T scale;         // 1 / sqrt(1 - beta2^step)
  T weight_decay;  // added to the gradient as weight_decay * weight
  T shrink;        // share of a weight left by decoupled decay (AdamW); 1 without
};

// All arrays: `size` numbers, dense. `velocity` is null without momentum.
template <class T>
struct Functions {
  void (*sgd)(T* weight, const T* grad, T* velocity, Index size, const Sgd<T>& rule,
              const Runtime& runtime);
  void (*adam)(T* weight, const T* grad, T* mean, T* square, Index size, const Adam<T>& rule,
               const Runtime& runtime);
};

struct Kernels {
  Functions<float> float32;
  Functions<double> float64;
};

}  // namespace clearconv::update

CLEARCONV_TABLES(update)
