// Max pooling with a vector of neighbouring channels at a time, compiled per instruction set.
//
// Forward, each output looks at its window. Backward, each pixel looks at the windows it lies in
// and takes from those it won: every number has one owner, and nothing is zeroed first.
#include "native.h"

#include "../../native/tile.h"

namespace clearconv::CLEARCONV_VARIANT {
namespace {

constexpr Index kUnitNumbers = 1 << 15;  // results of one unit of work

// Integer lanes as wide as T: what comparing two vectors of T gives.
template <class T>
using Mask = decltype(Vector<T>{} > Vector<T>{});

// An integer as wide as T.
template <class T>
struct IntegerOf;
template <>
struct IntegerOf<float> {
  using type = int32_t;
};
template <>
struct IntegerOf<double> {
  using type = int64_t;
};

template <class T>
inline Mask<T> all_lanes(Index value) {
  return Mask<T>{} + static_cast<typename IntegerOf<T>::type>(value);
}

// As many numbers of another type M as a vector of T has lanes.
template <class T, class M>
struct LanesOf {
  typedef M type __attribute__((vector_size(kLanes<T> * sizeof(M))));
};
template <class T, class M>
using Lanes = typename LanesOf<T, M>::type;

// Up to a vector of channels, `stride` apart; the lanes behind them hold anything readable or 0.
template <class T, class M>
inline Lanes<T, M> read(const M* from, Index stride, Index count, const M* end) {
  constexpr int L = kLanes<T>;
  Lanes<T, M> lanes;
  if (stride == 1 && (count == L || end - from >= L)) {
    std::memcpy(&lanes, from, sizeof lanes);
  } else {
    M numbers[L] = {};
    for (Index l = 0; l < count; ++l) numbers[l] = from[l * stride];
    std::memcpy(&lanes, numbers, sizeof lanes);
  }
  return lanes;
}

// Copy `count` < 2 * PIECE numbers, by ever smaller powers of two: no loop, no call.
template <int PIECE, class M>
inline void copy_tail(M* to, const M* from, Index count) {
  const Index now = count & PIECE;
  if (now) std::memcpy(to, from, PIECE * sizeof(M));
  if constexpr (PIECE > 1) copy_tail<PIECE / 2>(to + now, from + now, count);
}

template <class M, class V>
inline void write(M* to, const V& lanes, Index count) {
  if (count * sizeof(M) == sizeof lanes) {
    std::memcpy(to, &lanes, sizeof lanes);
  } else {
    constexpr int L = sizeof lanes / sizeof(M);
    M numbers[L];
    std::memcpy(numbers, &lanes, sizeof lanes);
    copy_tail<L / 2>(to, numbers, count);
  }
}

// Behind the last element of a tensor.
template <class T>
const T* end_of(const Tensor<const T>& tensor) {
  const T* last = tensor.data;
  for (int axis = 0; axis < 4; ++axis)
    if (tensor.stride[axis] > 0) last += (tensor.shape[axis] - 1) * tensor.stride[axis];
  return last + 1;
}

// Which window elements of output `u` lie inside the image, along one axis: [first, behind).
struct Reach {
  Index first, behind, start;  // element i looks at input start + i * dilation
  Reach(const Geometry& window, int axis, Index u) {
    const Index dilation = window.dilation[axis];
    start = u * window.stride[axis] - window.before[axis];
    first = start < 0 ? ceil_div(-start, dilation) : 0;
    behind = least(window.kernel[axis], ceil_div(window.input[axis] - start, dilation));
  }
};

template <class T, class M>
struct Forward {
  Tensor<const T> x;
  const T* end;
  Geometry window;
  Tensor<T> y;
  const Tensor<M>* argmax;
  Index rows_per_unit;

  void run(const Runtime& runtime) {
    const Index rows = x.shape[0] * window.output[0];
    const Index row = window.output[1] * x.shape[1];
    rows_per_unit = most(1, kUnitNumbers / most(1, row));
    runtime.parallel(ceil_div(rows, rows_per_unit), unit, this);
  }

  static void unit(void* context, Index unit) {
    const Forward& self = *static_cast<Forward*>(context);
    const Index OH = self.window.output[0], rows = self.x.shape[0] * OH;
    const Index begin = unit * self.rows_per_unit, end = least(rows, begin + self.rows_per_unit);
    for (Index row = begin; row < end; ++row) self.pool_row(row / OH, row % OH);
  }

  void pool_row(Index n, Index p) const {
    constexpr int L = kLanes<T>;
    const Reach rows(window, 0, p);
    const Index C = x.shape[1];
    for (Index q = 0; q < window.output[1]; ++q) {
      const Reach columns(window, 1, q);
      const T* corner = x.data + n * x.stride[0] + rows.start * x.stride[2] +
                        columns.start * x.stride[3];
      for (Index c = 0; c < C; c += L) {
        const Index count = least(L, C - c);
        Vector<T> best = {};
        Mask<T> winner = {};
        bool first = true;
        for (Index i = rows.first; i < rows.behind; ++i)
          for (Index j = columns.first; j < columns.behind; ++j) {
            const T* from = corner + i * window.dilation[0] * x.stride[2] +
                            j * window.dilation[1] * x.stride[3] + c * x.stride[1];
            const Vector<T> pixel = read<T>(from, x.stride[1], count, end);
            const Mask<T> number = all_lanes<T>(i * window.kernel[1] + j);
            // The first of equals wins, and a NaN over every number before it.
            Mask<T> wins = (pixel > best) | ((pixel != pixel) & (best == best));
            if (first) wins = all_lanes<T>(-1);
            best = wins ? pixel : best;
            winner = wins ? number : winner;
            first = false;
          }
        const Index at = n * y.stride[0] + p * y.stride[2] + q * y.stride[3] + c;
        write(y.data + at, best, count);
        if (argmax) write(argmax->data + at, __builtin_convertvector(winner, Lanes<T, M>), count);
      }
    }
  }
};

// For every input row or column, the outputs whose window holds it, and as which element.
struct Holders {
  Index* behind;  // entries of input r: [r == 0 ? 0 : behind[r - 1], behind[r])
  Index* output;
  Index* element;

  static Index size(const Geometry& window, int axis) {
    return window.input[axis] + 2 * window.output[axis] * window.kernel[axis];
  }
  Holders(const Geometry& window, int axis, Index* memory)
      : behind(memory),
        output(behind + window.input[axis]),
        element(output + window.output[axis] * window.kernel[axis]) {
    const Index K = window.kernel[axis], stride = window.stride[axis];
    const Index dilation = window.dilation[axis];
    Index count = 0;
    for (Index r = 0; r < window.input[axis]; ++r) {
      const Index at = r + window.before[axis];  // u * stride + i * dilation = at
      const Index lowest = most(0, ceil_div(most(0, at - dilation * (K - 1)), stride));
      for (Index u = lowest; u < window.output[axis] && u * stride <= at; ++u)
        if ((at - u * stride) % dilation == 0) {
          output[count] = u;
          element[count++] = (at - u * stride) / dilation;
        }
      behind[r] = count;
    }
  }
  Index first(Index r) const { return r == 0 ? 0 : behind[r - 1]; }
};

template <class T, class M>
struct Backward {
  Tensor<const T> grad_y;
  Tensor<const M> argmax;
  const T* grad_end;
  const M* argmax_end;
  Geometry window;
  Tensor<T> grad_x;
  Holders rows, columns;
  Index rows_per_unit;

  void run(const Runtime& runtime) {
    const Index count = grad_x.shape[0] * window.input[0];
    const Index row = window.input[1] * grad_x.shape[1];
    rows_per_unit = most(1, kUnitNumbers / most(1, row));
    runtime.parallel(ceil_div(count, rows_per_unit), unit, this);
  }

  static void unit(void* context, Index unit) {
    const Backward& self = *static_cast<Backward*>(context);
    const Index H = self.window.input[0], count = self.grad_x.shape[0] * H;
    const Index begin = unit * self.rows_per_unit, end = least(count, begin + self.rows_per_unit);
    for (Index row = begin; row < end; ++row) self.collect_row(row / H, row % H);
  }

  void collect_row(Index n, Index r) const {
    constexpr int L = kLanes<T>;
    const Index C = grad_x.shape[1];
    for (Index t = 0; t < window.input[1]; ++t)
      for (Index c = 0; c < C; c += L) {
        const Index count = least(L, C - c);
        Vector<T> sum = {};
        for (Index a = rows.first(r); a < rows.behind[r]; ++a)
          for (Index b = columns.first(t); b < columns.behind[t]; ++b) {
            const Index p = rows.output[a], q = columns.output[b];
            const Index element = rows.element[a] * window.kernel[1] + columns.element[b];
            const Vector<T> grad = read<T>(at(grad_y, n, c, p, q), grad_y.stride[1], count,
                                           grad_end);
            const Mask<T> winner = __builtin_convertvector(
                read<T>(at(argmax, n, c, p, q), argmax.stride[1], count, argmax_end), Mask<T>);
            sum += winner == all_lanes<T>(element) ? grad : Vector<T>{};
          }
        write(grad_x.data + n * grad_x.stride[0] + r * grad_x.stride[2] + t * grad_x.stride[3] + c,
              sum, count);
      }
  }

  template <class E>
  static const E* at(const Tensor<const E>& tensor, Index n, Index c, Index p, Index q) {
    return tensor.data + n * tensor.stride[0] + c * tensor.stride[1] + p * tensor.stride[2] +
           q * tensor.stride[3];
  }
};

template <class T, class M>
void forward(const Tensor<const T>& x, const Geometry& window, const Tensor<T>& y,
             const Tensor<M>* argmax, const Runtime& runtime) {
  Forward<T, M>{x, end_of(x), window, y, argmax, 0}.run(runtime);
}

template <class T, class M>
void backward(const Tensor<const T>& grad_y, const Tensor<const M>& argmax, const Geometry& window,
              const Tensor<T>& grad_x, const Runtime& runtime) {
  const Index rows = Holders::size(window, 0), columns = Holders::size(window, 1);
  Index* memory = static_cast<Index*>(runtime.scratch(1, (rows + columns) * sizeof(Index)));
  Backward<T, M>{grad_y,
                 argmax,
                 end_of(grad_y),
                 end_of(argmax),
                 window,
                 grad_x,
                 Holders(window, 0, memory),
                 Holders(window, 1, memory + rows),
                 0}
      .run(runtime);
}

}  // namespace

extern const max_pool2d::Kernels max_pool2d_kernels = {
    {forward<float, uint8_t>, forward<float, int32_t>, backward<float, uint8_t>,
     backward<float, int32_t>},
    {forward<double, uint8_t>, forward<double, int32_t>, backward<double, uint8_t>,
     backward<double, int32_t>},
};

}  // namespace clearconv::CLEARCONV_VARIANT
