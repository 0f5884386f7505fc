// Max pooling with a vector of neighbouring channels at a time, compiled per instruction set.
#include "native.h"

#include "native/passes/pooling.h"

namespace clearconv::CLEARCONV_VARIANT {
namespace {

// Offset of a pixel's channel `c`.
template <class T>
inline Index at(const Tensor<T>& tensor, Index n, Index c, Index p, Index q) {
  return n * tensor.stride[0] + c * tensor.stride[1] + p * tensor.stride[2] + q * tensor.stride[3];
}

// Forward: the largest pixel and, if it SAVES, its number.
template <class T, class M, bool SAVES>
struct Largest {
  struct Result {
    Vector<T> best;
    Mask<T> winner;
  };
  Tensor<T> y;
  Tensor<M> argmax;

  static void see(Result& result, Vector<T> pixel, Index number, bool first) {
    if (first) {
      result = {pixel, all_lanes<T>(number)};
      return;
    }
    // The first of equals wins, and a NaN over every number, but not over another NaN.
    const Mask<T> wins = ~(pixel <= result.best) & (result.best == result.best);
    result.best = wins ? pixel : result.best;
    if constexpr (SAVES) result.winner = wins ? all_lanes<T>(number) : result.winner;
  }

  void write(const Result& result, Index n, Index p, Index q, Index c, Index count) const {
    const Index to = at(y, n, c, p, q), end = at(y, n, 0, p, y.shape[3]);
    CLEARCONV_VARIANT::write(y.data + to, result.best, count, y.data + end);
    if constexpr (SAVES)
      CLEARCONV_VARIANT::write(argmax.data + to,
                               convert<T, M, Integer<T>>(result.winner), count, argmax.data + end);
  }
};

// Backward: the gradient of a window, where the pixel won it.
template <class T, class M>
struct Prize {
  Tensor<const T> grad_y;
  Tensor<const M> argmax;
  const T* grad_end;
  const M* argmax_end;

  struct Window {
    const T* grad;
    const M* argmax;
    const Prize& prize;

    Vector<T> share(Index c, Index count, Index number) const {
      const Index grad_channel = prize.grad_y.stride[1], argmax_channel = prize.argmax.stride[1];
      const Vector<T> given =
          read<T>(grad + c * grad_channel, grad_channel, count, prize.grad_end);
      const Mask<T> winner = convert<T, Integer<T>, M>(
          read<T>(argmax + c * argmax_channel, argmax_channel, count, prize.argmax_end));
      return winner == all_lanes<T>(number) ? given : Vector<T>{};
    }
  };
  struct Row {
    const T* grad;
    const M* argmax;
    const Prize& prize;
    Window window(Index q) const {
      return {grad + q * prize.grad_y.stride[3], argmax + q * prize.argmax.stride[3], prize};
    }
  };
  Row row(Index n, Index p) const {
    return {grad_y.data + at(grad_y, n, 0, p, 0), argmax.data + at(argmax, n, 0, p, 0), *this};
  }
};

template <class T, class M, bool SAVES>
void pool(const Tensor<const T>& x, const Geometry& window, const Tensor<T>& y,
          const Tensor<M>& argmax, const Runtime& runtime) {
  const Largest<T, M, SAVES> output = {y, argmax};
  each_row(Look<T, Largest<T, M, SAVES>>(x, window, output), x.shape[0], window.output[0],
           window.output[1] * x.shape[1], runtime);
}

template <class T>
void forward(const Tensor<const T>& x, const Geometry& window, const Tensor<T>& y,
             const Runtime& runtime) {
  pool<T, uint8_t, false>(x, window, y, {}, runtime);
}

template <class T, class M>
void forward_saving(const Tensor<const T>& x, const Geometry& window, const Tensor<T>& y,
                    const Tensor<M>& argmax, const Runtime& runtime) {
  pool<T, M, true>(x, window, y, argmax, runtime);
}

template <class T, class M>
void backward(const Tensor<const T>& grad_y, const Tensor<const M>& argmax, const Geometry& window,
              const Tensor<T>& grad_x, const Runtime& runtime) {
  const Index held = Holders::size(window, 0) + Holders::size(window, 1);
  Index* memory = static_cast<Index*>(runtime.scratch(1, held * sizeof(Index)));
  const Prize<T, M> input = {grad_y, argmax, end_of(grad_y), end_of(argmax)};
  const Collect<T, Prize<T, M>> collect(grad_x, window, input, memory);
  each_row(collect, grad_x.shape[0], window.input[0], window.input[1] * grad_x.shape[1], runtime);
}

template <class T>
constexpr max_pool2d::Functions<T> functions() {
  return {forward<T>, forward_saving<T, uint8_t>, forward_saving<T, int32_t>, backward<T, uint8_t>,
          backward<T, int32_t>};
}

}  // namespace

extern const max_pool2d::Kernels max_pool2d_kernels = {functions<float>(), functions<double>()};

}  // namespace clearconv::CLEARCONV_VARIANT
