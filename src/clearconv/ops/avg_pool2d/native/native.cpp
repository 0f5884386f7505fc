// Average pooling with a vector of neighbouring channels at a time, compiled per instruction set.
#include "native.h"

#include "native/passes/pooling.h"

namespace clearconv::CLEARCONV_VARIANT {
namespace {

// How many places of each window count: those of its row times those of its column.
template <class T>
struct Divisors {
  T* rows;
  T* columns;

  static Index size(const Geometry& window) { return window.output[0] + window.output[1]; }
  Divisors(const Geometry& window, bool count_include_pad, T* memory)
      : rows(memory), columns(memory + window.output[0]) {
    for (Index p = 0; p < window.output[0]; ++p) rows[p] = places(window, 0, p, count_include_pad);
    for (Index q = 0; q < window.output[1]; ++q)
      columns[q] = places(window, 1, q, count_include_pad);
  }

  static T places(const Geometry& window, int axis, Index u, bool count_include_pad) {
    if (!count_include_pad) {
      const Reach reach(window, axis, u);
      return T(reach.behind - reach.first);
    }
    const Index padded = window.before[axis] + window.input[axis] + window.after[axis];
    const Index room = padded - u * window.stride[axis];
    return T(least(window.kernel[axis], ceil_div(room, window.dilation[axis])));
  }
};

// Forward: the sum of the pixels, divided.
template <class T>
struct Mean {
  struct Result {
    Vector<T> sum;
  };
  Tensor<T> y;
  Divisors<T> divisors;

  static void see(Result& result, Vector<T> pixel, Index, bool) { result.sum += pixel; }

  void write(const Result& result, Index n, Index p, Index q, Index c, Index count) const {
    T* const row = y.data + n * y.stride[0] + p * y.stride[2];
    CLEARCONV_VARIANT::write(row + q * y.stride[3] + c,
                             result.sum / (divisors.rows[p] * divisors.columns[q]), count,
                             row + y.stride[2]);
  }
};

// Backward: every pixel of a window gets the same share.
template <class T>
struct Shares {
  Tensor<const T> grad_y;
  const T* end;
  Divisors<T> divisors;

  struct Window {
    const T* grad;
    T divisor;
    const Shares& shares;
    Vector<T> share(Index c, Index count, Index) const {
      const Index channel = shares.grad_y.stride[1];
      return read<T>(grad + c * channel, channel, count, shares.end) / divisor;
    }
  };
  struct Row {
    const T* grad;
    T divisor;
    const Shares& shares;
    Window window(Index q) const {
      return {grad + q * shares.grad_y.stride[3], divisor * shares.divisors.columns[q], shares};
    }
  };
  Row row(Index n, Index p) const {
    return {grad_y.data + n * grad_y.stride[0] + p * grad_y.stride[2], divisors.rows[p], *this};
  }
};

template <class T>
void forward(const Tensor<const T>& x, const Geometry& window, bool count_include_pad,
             const Tensor<T>& y, const Runtime& runtime) {
  T* memory = static_cast<T*>(runtime.scratch(1, Divisors<T>::size(window) * sizeof(T)));
  const Mean<T> output = {y, Divisors<T>(window, count_include_pad, memory)};
  each_row(Look<T, Mean<T>>(x, window, output), x.shape[0], window.output[0],
           window.output[1] * x.shape[1], runtime);
}

template <class T>
void backward_input(const Tensor<const T>& grad_y, const Geometry& window, bool count_include_pad,
                    const Tensor<T>& grad_x, const Runtime& runtime) {
  const Index held = Holders::size(window, 0) + Holders::size(window, 1);
  char* memory = static_cast<char*>(
      runtime.scratch(1, held * sizeof(Index) + Divisors<T>::size(window) * sizeof(T)));
  T* counts = reinterpret_cast<T*>(memory + held * sizeof(Index));
  const Shares<T> input = {grad_y, end_of(grad_y), Divisors<T>(window, count_include_pad, counts)};
  const Collect<T, Shares<T>> collect(grad_x, window, input, reinterpret_cast<Index*>(memory));
  each_row(collect, grad_x.shape[0], window.input[0], window.input[1] * grad_x.shape[1], runtime);
}

}  // namespace

extern const avg_pool2d::Kernels avg_pool2d_kernels = {{forward<float>, backward_input<float>},
                                                       {forward<double>, backward_input<double>}};

}  // namespace clearconv::CLEARCONV_VARIANT
