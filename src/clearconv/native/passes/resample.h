// Results that are weighted sums of pixels, rows and columns weighted apart:
//   y[p, q] = sum over r of rows[p, r] * (sum over t of columns[q, t] * x[r, t])
// Adaptive pooling and up-sampling have this form; so do their gradients, with tables transposed.
#pragma once

#include "channels.h"
#include "native/tile/rows.h"

namespace clearconv::CLEARCONV_VARIANT {

// Of one axis, the inputs that each output is made of, and how much of each. `Of` says so:
//   of.inputs, of.outputs          how many there are
//   of(u, put)                     calls put(input, weight) for each input of output u; in all at
//                                  most inputs + 2 * outputs times
template <class T>
struct Parts {
  Index* behind;  // entries of output u: [first(u), behind[u])
  Index* input;
  T* weight;
  Index first(Index u) const { return u == 0 ? 0 : behind[u - 1]; }

  template <class Of>
  static Index entries(const Of& of) {
    return of.inputs + 2 * of.outputs;
  }
  template <class Of>
  static Index bytes(const Of& of) {
    return (most(of.inputs, of.outputs) + 2 * entries(of)) * Index(sizeof(Index));
  }
  template <class Of>
  Parts(const Of& of, bool turned, char* memory)
      : behind(reinterpret_cast<Index*>(memory)),
        input(behind + most(of.inputs, of.outputs)),
        weight(reinterpret_cast<T*>(input + entries(of))) {
    if (turned)
      turn(of);
    else
      fill(of);
  }

  template <class Of>
  void fill(const Of& of) {
    Index count = 0;
    for (Index u = 0; u < of.outputs; ++u) {
      of(u, [&](Index i, T part) { input[count] = i, weight[count++] = part; });
      behind[u] = count;
    }
  }

  // From the inputs' side: the outputs that each contributes to.
  template <class Of>
  void turn(const Of& of) {
    std::memset(behind, 0, of.inputs * sizeof(Index));
    for (Index u = 0; u < of.outputs; ++u) of(u, [&](Index i, T) { ++behind[i]; });
    Index count = 0;
    for (Index i = 0; i < of.inputs; ++i) {
      const Index before = count;
      count += behind[i];
      behind[i] = before;
    }
    for (Index u = 0; u < of.outputs; ++u)
      of(u, [&](Index i, T part) {
        const Index entry = behind[i]++;
        input[entry] = u, weight[entry] = part;
      });
  }
};

template <class T>
struct Resampling {
  Tensor<const T> x;
  const T* end;
  Tensor<T> y;  // channels last
  Parts<T> rows, columns;

  void row(Index n, Index p) const {
    const Index C = y.shape[1], cs = x.stride[1], down = x.stride[2], right = x.stride[3];
    const Index a0 = rows.first(p), a1 = rows.behind[p];
    const T* image = x.data + n * x.stride[0];
    T* to = y.data + n * y.stride[0] + p * y.stride[2];
    T* const behind = to + y.shape[3] * C;
    for (Index q = 0; q < y.shape[3]; ++q, to += C) {
      const Index b0 = columns.first(q), b1 = columns.behind[q];
      each_vector<T>(C, [&](Index c, Index count) __attribute__((always_inline)) {
        Vector<T> sum = {};
        for (Index a = a0; a < a1; ++a) {
          const T* line = image + rows.input[a] * down + c * cs;
          Vector<T> part = {};
          for (Index b = b0; b < b1; ++b)
            part += columns.weight[b] * read<T>(line + columns.input[b] * right, cs, count, end);
          sum += rows.weight[a] * part;
        }
        write(to + c, sum, count, behind);
      });
    }
  }
};

// Compute y from x. If `turned`, x is the gradient of what the tables make of y's like.
template <class T, class Of>
void resample(const Tensor<const T>& x, const Of& rows, const Of& columns, bool turned,
              const Tensor<T>& y, const Runtime& runtime) {
  if (y.shape[0] == 0) return;
  const Index bytes = Parts<T>::bytes(rows) + Parts<T>::bytes(columns);
  char* memory = static_cast<char*>(runtime.scratch(1, bytes));
  const Parts<T> height(rows, turned, memory);
  const Parts<T> width(columns, turned, memory + Parts<T>::bytes(rows));
  const Index pixels = most(y.shape[3], x.shape[2] * x.shape[3] / y.shape[2]);
  each_row(Resampling<T>{x, end_of(x), y, height, width}, y.shape[0], y.shape[2],
           pixels * y.shape[1], runtime);
}

}  // namespace clearconv::CLEARCONV_VARIANT
