// Convolution of each channel by itself: groups = channels in = channels out.
//
// It does not contain a matrix product: an output is a handful of multiply-adds, so it runs at the
// speed of memory. Lanes are channels; a strip supplies padding and load transforms.
#pragma once

#include "native/tile/finish.h"
#include "native/passes/shards.h"
#include "routes.h"
#include "windows.h"

namespace clearconv::CLEARCONV_VARIANT {
namespace {

constexpr Index kStripPixels = 448;        // results of one unit of work, at most
constexpr Index kStripNumbers = 1 << 15;   // and numbers, where a row has fewer
constexpr int kTapsTogether = 9;           // weight gradients that share a gradient's load

// Rows of an image as the windows need them: channels last, padded.
template <class T>
struct Strip {
  T* numbers;
  Index row, pitch;  // from row to row, from pixel to pixel

  static Index size(const Patches<T>& x, Index rows) {
    return x.h.span(rows) * x.w.span(x.w.output) * lanes_for<T>(x.image.shape(1));
  }
  Strip(const Patches<T>& x, Index image, Index first, Index rows, T* memory)
      : numbers(memory), pitch(lanes_for<T>(x.image.shape(1))) {
    const Index columns = x.w.span(x.w.output), top = first * x.h.stride + x.h.start;
    row = columns * pitch;
    for (Index r = 0; r < x.h.span(rows); ++r)
      read_padded(x.image, image, top + r, x.w.start, columns, memory + r * row, pitch);
  }
  const T* at(const Patches<T>& x, Index p, Index q) const {
    return numbers + p * x.h.stride * row + q * x.w.stride * pitch;
  }
  Index tap(const Patches<T>& x, Index i, Index j) const {
    return i * x.h.dilation * row + j * x.w.dilation * pitch;
  }
};

// The forward pass, or one phase of the input gradient.
template <class T>
struct DepthwisePass {
  Patches<T> x;
  Tensor<const T> weight;  // (C, 1, KH, KW)
  Taps rows, columns;
  Epilogue<T> to;
  const Runtime& runtime;
  T* packed;  // (taps, lanes), zeros after the channels
  Moments* moments;
  Index first_unit[kMostShards + 1];

  Index lanes() const { return lanes_for<T>(x.image.shape(1)); }
  Index taps() const { return x.h.taps * x.w.taps; }
  Shards shards() const { return shards_of(to, x.image.shape(0)); }

  Chunks chunks(Index shard) const {
    const Index pixels = least(kStripPixels, kStripNumbers / common_lanes(x.image.shape(1)));
    return Chunks(Shard(shards(), shard), x.h.output, x.w.output, pixels, to.pool ? 2 : 1);
  }

  Index packed_size() const { return most(1, taps()) * lanes(); }
  void pack(T* memory) {
    const Index C = x.image.shape(1);
    packed = memory;
    std::memset(packed, 0, taps() * lanes() * sizeof(T));
    for (Index i = 0; i < x.h.taps; ++i)
      for (Index j = 0; j < x.w.taps; ++j)
        for (Index c = 0; c < C; ++c)
          packed[(i * x.w.taps + j) * lanes() + c] =
              weight.data[c * weight.stride[0] + (rows.first + i * rows.step) * weight.stride[2] +
                          (columns.first + j * columns.step) * weight.stride[3]];
  }

  void run() {
    ran(Route::depthwise);
    const Index C = x.image.shape(1), here = shards().here;
    pack(static_cast<T*>(runtime.scratch(1, packed_size() * sizeof(T))));
    first_unit[0] = 0;
    for (Index s = 0; s < here; ++s) first_unit[s + 1] = first_unit[s] + chunks(s).count;
    Moments measured(to.moments ? first_unit[here] : 0, C, runtime);
    moments = to.moments ? &measured : nullptr;
    runtime.parallel(first_unit[here], unit, this);
    if (to.moments) measured.combine(first_unit, here, to.moments);
  }

  static void unit(void* context, Index unit) {
    const DepthwisePass& self = *static_cast<DepthwisePass*>(context);
    Index shard = 0;
    while (unit >= self.first_unit[shard + 1]) ++shard;
    self.compute(self.chunks(shard).box(unit - self.first_unit[shard]), unit);
  }

  void compute(const Box& box, Index unit) const {
    const Index size = box.pixels() * lanes();
    T* y = static_cast<T*>(runtime.scratch(0, (size + Strip<T>::size(x, box.rows)) * sizeof(T)));
    for (Index n = 0; n < box.images; ++n) {
      const Strip<T> strip(x, box.image + n, box.row, box.rows, y + size);
      rows_of(strip, box, y + n * box.rows * box.columns * lanes());
    }
    finish(to, moments, box, unit, {y, lanes(), 0, x.image.shape(1)});
  }

  // The results of one image of a box.
  void rows_of(const Strip<T>& strip, const Box& box, T* y) const {
    for (Index p = 0; p < box.rows; ++p, y += box.columns * lanes()) {
      Index q = 0;
      for (; q + 8 <= box.columns; q += 8) results<8>(strip, p, q, y + q * lanes());
      for (; q + 4 <= box.columns; q += 4) results<4>(strip, p, q, y + q * lanes());
      for (; q + 2 <= box.columns; q += 2) results<2>(strip, p, q, y + q * lanes());
      if (q < box.columns) results<1>(strip, p, q, y + q * lanes());
    }
  }

  // `COUNT` neighbouring results of row p, from column q on: they share the load of a weight.
  template <int COUNT>
  void results(const Strip<T>& strip, Index p, Index q, T* y) const {
    const Index step = x.w.stride * strip.pitch;
    for (Index c = 0; c < lanes(); c += kLanes<T>) {
      Vector<T> sum[COUNT] = {};
      const T* w = packed + c;
      for (Index i = 0; i < x.h.taps; ++i)
        for (Index j = 0; j < x.w.taps; ++j, w += lanes()) {
          const Vector<T> factor = load(w);
          const T* from = strip.at(x, p, q) + strip.tap(x, i, j) + c;
#pragma GCC unroll 8
          for (int m = 0; m < COUNT; ++m) sum[m] += load(from + m * step) * factor;
        }
#pragma GCC unroll 8
      for (int m = 0; m < COUNT; ++m) store(y + m * lanes() + c, sum[m]);
    }
  }
};

// The weight gradient: shard by shard, each a sum over its pixels. With `input`, the pass that
// gives the input gradient of a convolution that keeps the size of its image, that too: both need
// the same pixels of grad_y.
template <class T>
struct DepthwiseWeightGradient {
  Patches<T> x;
  Operand<T> grad_y;
  Shards shards;
  T* grad_weight;  // (C, 1, KH, KW), contiguous
  const Runtime& runtime;
  DepthwisePass<T>* input;  // or null
  T* partial;               // (shards, taps rounded up, lanes)

  Index lanes() const { return lanes_for<T>(x.image.shape(1)); }
  Index taps() const { return x.h.taps * x.w.taps; }
  Index size() const { return ceil_div(taps(), kTapsTogether) * kTapsTogether * lanes(); }

  void run() {
    ran(Route::depthwise);
    const Index C = x.image.shape(1), here = shards.here;
    const Index filters = input ? input->packed_size() : 0;
    partial = static_cast<T*>(runtime.scratch(1, (here * size() + filters) * sizeof(T)));
    if (input) input->pack(partial + here * size());
    runtime.parallel(here, add_up, this);
    add_shards(partial, here, size(), size());
    for (Index c = 0; c < C; ++c)
      for (Index t = 0; t < taps(); ++t) grad_weight[c * taps() + t] = partial[t * lanes() + c];
  }

  Index piece_pixels() const { return least(kStripPixels, kStripNumbers / common_lanes(lanes())); }

  // The pixels of grad_y that one image of a piece takes: a strip, or a row at a time.
  Index gradient_size(Index rows) const {
    const Index row = x.w.output * lanes();
    return input ? Strip<T>::size(input->x, rows) + rows * row : row;
  }

  static void add_up(void* context, Index shard) {
    const DepthwiseWeightGradient& self = *static_cast<DepthwiseWeightGradient*>(context);
    const Index size = self.size(), columns = self.x.w.output;
    const Chunks chunks(Shard(self.shards, shard), self.x.h.output, columns);
    const Index most_rows = Chunks(chunks.box(0), self.piece_pixels()).rows;
    const Index grads = self.gradient_size(most_rows);
    const Index numbers = size + grads + Strip<T>::size(self.x, most_rows);
    T* sum = static_cast<T*>(self.runtime.scratch(0, numbers * sizeof(T)));
    T* total = self.partial + shard * size;
    std::memset(total, 0, size * sizeof(T));
    for (Index k = 0; k < chunks.count; ++k) {
      const Chunks pieces(chunks.box(k), self.piece_pixels());
      std::memset(sum, 0, size * sizeof(T));
      for (Index i = 0; i < pieces.count; ++i) {
        Box box = pieces.box(i);
        const Index images = box.images;
        box.images = 1;
        for (Index n = 0; n < images; ++n, ++box.image)
          self.add_rows(box, sum + size + grads, sum + size, sum);
      }
      for (Index i = 0; i < size; ++i) total[i] += sum[i];
    }
  }

  // The rows of one image.
  void add_rows(const Box& box, T* x_strip, T* grads, T* sum) const {
    const Strip<T> strip(x, box.image, box.row, box.rows, x_strip);
    if (!input) {
      for (Index p = 0; p < box.rows; ++p) {
        read_pixels(grad_y, box.image, box.row + p, 0, box.columns, grads, lanes());
        add_row(strip, p, grads, sum);
      }
      return;
    }
    const Patches<T>& windows = input->x;
    const Strip<T> around(windows, box.image, box.row, box.rows, grads);
    const T* own = around.numbers - windows.h.start * around.row - windows.w.start * around.pitch;
    for (Index p = 0; p < box.rows; ++p) add_row(strip, p, own + p * around.row, sum);
    T* y = grads + Strip<T>::size(windows, box.rows);
    input->rows_of(around, box, y);
    finish<T>(input->to, nullptr, box, 0, {y, lanes(), 0, x.image.shape(1)});
  }

  // sum[tap] += the row's pixels under each tap times their gradients.
  void add_row(const Strip<T>& strip, Index p, const T* grads, T* sum) const {
    const Index step = x.w.stride * strip.pitch;
    for (Index first = 0; first < taps(); first += kTapsTogether) {
      Index offset[kTapsTogether];
      for (int t = 0; t < kTapsTogether; ++t) {  // beyond the last tap: the last again, unread
        const Index tap = least(first + t, taps() - 1);
        offset[t] = strip.tap(x, tap / x.w.taps, tap % x.w.taps);
      }
      for (Index c = 0; c < lanes(); c += kLanes<T>) {
        const T* from = strip.at(x, p, 0) + c;
        const T* grad = grads + c;
        Vector<T> total[kTapsTogether] = {};
        for (Index q = 0; q < x.w.output; ++q, from += step, grad += lanes()) {
          const Vector<T> g = load(grad);
#pragma GCC unroll 9
          for (int t = 0; t < kTapsTogether; ++t) total[t] += load(from + offset[t]) * g;
        }
#pragma GCC unroll 9
        for (int t = 0; t < kTapsTogether; ++t) {
          T* into = sum + (first + t) * lanes() + c;
          store(into, load(into) + total[t]);
        }
      }
    }
  }
};

}  // namespace
}  // namespace clearconv::CLEARCONV_VARIANT
