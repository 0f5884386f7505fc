// How a window without weights moves over an image: the two walks that max and average pooling
// share. Forward, each output looks at the pixels under its window. Backward, each pixel looks at
// the windows it lies in, so every number has one owner, and nothing is zeroed first.
#pragma once

#include "channels.h"
#include "native/tile/rows.h"
#include "native/window.h"

namespace clearconv::CLEARCONV_VARIANT {

// The forward walk. `Output` says what becomes of a window:
//   Output::Result result = output.see(result, pixel, number, first)   for each pixel in it
//   output.write(result, n, p, q, c, count)                            for `count` channels from c
template <class T, class Output>
struct Look {
  const Tensor<const T>& x;
  const Geometry& window;
  const Output& output;
  const T* end;
  Whole rows, columns;

  Look(const Tensor<const T>& x, const Geometry& window, const Output& output)
      : x(x), window(window), output(output), end(end_of(x)), rows(window, 0), columns(window, 1) {}

  void row(Index n, Index p) const {
    const Index* K = window.kernel;
    const bool whole = p >= rows.first && p < rows.behind;
    const Index first = whole ? columns.first : 0, behind = whole ? columns.behind : 0;
    outputs<0, 0>(n, p, 0, first);
    if (K[0] == 2 && K[1] == 2)
      outputs<2, 2>(n, p, first, behind);
    else if (K[0] == 3 && K[1] == 3)
      outputs<3, 3>(n, p, first, behind);
    else
      outputs<0, 0>(n, p, first, behind);
    outputs<0, 0>(n, p, behind, window.output[1]);
  }

  // Outputs [begin, end) of a row. KH and KW are known where the windows are whole; else 0.
  template <int KH, int KW>
  void outputs(Index n, Index p, Index begin, Index behind) const {
    const Index C = x.shape[1], cs = x.stride[1];
    const Index down = window.dilation[0] * x.stride[2], right = window.dilation[1] * x.stride[3];
    const Reach height(window, 0, p);
    const Output output = this->output;
    const T* const end = this->end;
    const T* corner = x.data + n * x.stride[0] + height.start * x.stride[2] +
                      (begin * window.stride[1] - window.before[1]) * x.stride[3];
    for (Index q = begin; q < behind; ++q, corner += window.stride[1] * x.stride[3]) {
      Index i0 = 0, i1 = KH, j0 = 0, j1 = KW, width = KW;
      if constexpr (KH == 0) {
        const Reach reach(window, 1, q);
        i0 = height.first, i1 = height.behind;
        j0 = reach.first, j1 = reach.behind;
        width = window.kernel[1];
      }
      for (Index c = 0; c < C; c += kLanes<T>) {
        const Index count = least(kLanes<T>, C - c);
        typename Output::Result result = {};
        for (Index i = i0; i < i1; ++i)
          for (Index j = j0; j < j1; ++j) {
            const Vector<T> pixel = read<T>(corner + i * down + j * right + c * cs, cs, count, end);
            output.see(result, pixel, i * width + j, i == i0 && j == j0);
          }
        output.write(result, n, p, q, c, count);
      }
    }
  }
};

// The backward walk: grad_x of every pixel is the sum of its shares in the windows it lies in.
//   const auto row = input.row(n, p)           a row of windows
//   row.window(q).share(c, count, number)      what element `number` of one gets
template <class T, class Input>
struct Collect {
  const Tensor<T>& grad_x;  // channels last
  const Geometry& window;
  const Input& input;
  Holders rows, columns;

  // `memory` for the holders of both axes.
  Collect(const Tensor<T>& grad_x, const Geometry& window, const Input& input, Index* memory)
      : grad_x(grad_x), window(window), input(input), rows(window, 0, memory),
        columns(window, 1, memory + Holders::size(window, 0)) {}

  void row(Index n, Index r) const {
    if (rows.single && columns.single)
      pixels<true>(n, r);
    else
      pixels<false>(n, r);
  }

  template <bool SINGLE>
  void pixels(Index n, Index r) const {
    const Index C = grad_x.shape[1], W = window.input[1], width = window.kernel[1];
    const Index a0 = rows.first(r), a1 = rows.behind[r];
    const Holders columns = this->columns, rows = this->rows;
    T* to = grad_x.data + (n * window.input[0] + r) * W * C;
    T* const end = to + W * C;
    if (a0 == a1) {
      std::memset(to, 0, W * C * sizeof(T));
      return;
    }
    const auto only = input.row(n, rows.output[a0]);
    const Index base = rows.element[a0] * width;
    for (Index t = 0; t < W; ++t, to += C) {
      const Index b0 = columns.first(t), b1 = columns.behind[t];
      if constexpr (SINGLE) {
        const bool held = b0 < b1;
        const Index q = held ? columns.output[b0] : 0;
        const Index number = held ? base + columns.element[b0] : -1;
        const auto from = only.window(q);
        each_vector<T>(C, [&](Index c, Index count) __attribute__((always_inline)) {
          const Vector<T> share = from.share(c, count, number);
          write(to + c, held ? share : Vector<T>{}, count, end);
        });
      } else {
        each_vector<T>(C, [&](Index c, Index count) __attribute__((always_inline)) {
          Vector<T> sum = {};
          for (Index a = a0; a < a1; ++a) {
            const auto row = input.row(n, rows.output[a]);
            const Index base = rows.element[a] * width;
            for (Index b = b0; b < b1; ++b)
              sum += row.window(columns.output[b]).share(c, count, base + columns.element[b]);
          }
          write(to + c, sum, count, end);
        });
      }
    }
  }
};

}  // namespace clearconv::CLEARCONV_VARIANT
