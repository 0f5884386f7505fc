// One step over flat arrays in one pass, compiled per instruction set. Every weight has its own
// numbers, so the compiler turns the loops into vectors, and nothing depends on how they are cut.
#include "native.h"

namespace clearconv::CLEARCONV_VARIANT {
namespace {

using update::Adam;
using update::Sgd;

constexpr Index kUnitNumbers = 1 << 15;  // of one unit of work

inline float root(float number) { return __builtin_sqrtf(number); }
inline double root(double number) { return __builtin_sqrt(number); }

// Call work(begin, end) for pieces of [0, size).
template <class Work>
void pieces(Index size, const Runtime& runtime, const Work& work) {
  struct Call {
    Index size;
    const Work& work;
  } call = {size, work};
  const auto unit = [](void* context, Index piece) {
    const Call& call = *static_cast<Call*>(context);
    const Index begin = piece * kUnitNumbers, behind = begin + kUnitNumbers;
    call.work(begin, behind < call.size ? behind : call.size);
  };
  runtime.parallel((size + kUnitNumbers - 1) / kUnitNumbers, unit, &call);
}

// What a rule needs is known before the loop: a condition within keeps it from becoming vectors.
template <class T, bool kDecays, bool kMoves, bool kLooksAhead>
void sgd_by(T* weight, const T* grad, T* velocity, Index size, const Sgd<T>& rule,
            const Runtime& runtime) {
  const T lr = rule.lr, momentum = rule.momentum, decay = rule.weight_decay;
  pieces(size, runtime, [=](Index begin, Index end) {
    T *__restrict w = weight, *__restrict v = velocity;
    const T* __restrict gradient = grad;
    for (Index i = begin; i < end; ++i) {
      T g = gradient[i];
      if constexpr (kDecays) g += decay * w[i];
      if constexpr (kMoves) {
        const T fresh = momentum * v[i] + g;
        v[i] = fresh;
        g = kLooksAhead ? g + momentum * fresh : fresh;
      }
      w[i] -= lr * g;
    }
  });
}

template <class T, bool kDecays>
void sgd_moving(T* weight, const T* grad, T* velocity, Index size, const Sgd<T>& rule,
                const Runtime& runtime) {
  const auto by = !velocity       ? sgd_by<T, kDecays, false, false>
                  : rule.nesterov ? sgd_by<T, kDecays, true, true>
                                  : sgd_by<T, kDecays, true, false>;
  by(weight, grad, velocity, size, rule, runtime);
}

template <class T>
void sgd(T* weight, const T* grad, T* velocity, Index size, const Sgd<T>& rule,
         const Runtime& runtime) {
  const auto by = rule.weight_decay != 0 ? sgd_moving<T, true> : sgd_moving<T, false>;
  by(weight, grad, velocity, size, rule, runtime);
}

template <class T>
void adam(T* weight, const T* grad, T* mean, T* square, Index size, const Adam<T>& rule,
          const Runtime& runtime) {
  pieces(size, runtime, [=](Index begin, Index end) {
    const Adam<T> r = rule;
    T *__restrict w = weight, *__restrict m = mean, *__restrict s = square;
    const T* __restrict gradient = grad;
    for (Index i = begin; i < end; ++i) {
      T g = gradient[i];
      if (r.weight_decay != 0) g += r.weight_decay * w[i];
      const T kept = r.shrink * w[i];
      m[i] = r.beta1 * m[i] + r.fresh1 * g;
      s[i] = r.beta2 * s[i] + r.fresh2 * g * g;
      w[i] = kept - r.rate * (m[i] / (root(s[i]) * r.scale + r.eps));
    }
  });
}

}  // namespace

extern const update::Kernels update_kernels = {
    {sgd<float>, adam<float>},
    {sgd<double>, adam<double>},
};

}  // namespace clearconv::CLEARCONV_VARIANT
