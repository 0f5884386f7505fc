// Copies patches of an image into a panel, one row per output pixel: the A of the register tile.
//
// In two steps. A strip is a piece of the image, channels last, with its padding filled in; it is
// needed only where the image itself does not look like that. The panel then gathers from the
// strip, or straight from the image, the numbers under each window: stride and dilation end here,
// and a whole kernel row is one copy where the window has no holes.
#pragma once

#include "reader.h"

namespace clearconv::CLEARCONV_VARIANT {

// One axis of a window's walk: output u looks, with kernel element i, at input
// u*stride + i*dilation + start.
struct Axis {
  Index input, output, taps, stride, dilation, start;
  Index span(Index outputs) const {  // inputs that so many neighbouring outputs look at
    return (outputs - 1) * stride + dilation * (taps - 1) + 1;
  }
  bool inside() const { return start >= 0 && start + span(output) <= input; }
};

// All the patches of a batch: K = (kernel row, kernel column, channel), in this order.
template <class T>
struct Patches {
  Operand<T> image;
  Axis h, w;
  Index depth() const { return h.taps * w.taps * image.shape(1); }
};

// Some images, and some output rows of each, whole rows.
struct Box {
  Index image, images, row, rows, columns;
  Index pixels() const { return images * rows * columns; }
};

// Walks through a box's pixels: images, then rows, then columns.
struct Pixel {
  Index n, p, q;
  Pixel(const Box& box, Index index)
      : n(index / (box.rows * box.columns)),
        p(index / box.columns % box.rows),
        q(index % box.columns) {}
  void next(const Box& box) {
    if (++q < box.columns) return;
    q = 0;
    if (++p < box.rows) return;
    p = 0;
    ++n;
  }
};

// Where a box's patches are read: strides in elements per image, row and column; channels adjoin.
template <class T>
struct Source {
  const T* data;  // first patch of the box
  const T* end;   // nothing at or behind it may be read
  Index image, row, column;
};

// Numbers that a strip for such boxes takes.
template <class T>
inline Index strip_size(const Patches<T>& x, Index images, Index rows, Index beyond) {
  if (x.depth() == 0) return 0;
  return images * x.h.span(rows) * x.w.span(x.w.output) * x.image.shape(1) + beyond;
}

// Where patches could be read in the image itself; null where there is padding or a load transform,
// or where the `beyond` numbers behind the last patch might not be the image's.
template <class T>
inline Source<T> in_image(const Patches<T>& x, const Box& box, Index beyond, bool adjoin) {
  const Tensor<const T>& image = x.image.x;
  const Index C = image.shape[1];
  const bool channels_adjoin = image.stride[1] == 1 || C == 1;
  if (x.image.how != Operand<T>::plain || !channels_adjoin || !x.h.inside() || !x.w.inside())
    return {};
  Source<T> source = {image.data, image.data, image.stride[0], image.stride[2], image.stride[3]};
  if (adjoin && source.column != C) return {};
  for (int axis = 0; axis < 4; ++axis)
    source.end += most(0, (image.shape[axis] - 1) * image.stride[axis]);
  ++source.end;
  source.data += box.image * source.image + (box.row * x.h.stride + x.h.start) * source.row +
                 x.w.start * source.column;
  const Index last = C - 1 + most(0, (box.images - 1) * source.image) +
                     most(0, (x.h.span(box.rows) - 1) * source.row) +
                     most(0, (x.w.span(box.columns) - 1) * source.column);
  return source.data + last + beyond < source.end ? source : Source<T>{};
}

// Make a box's patches readable, copying into `strip` (strip_size numbers) if need be. `beyond`
// numbers behind each patch can be read too, but are of no account. If pixels must `adjoin`, the
// numbers under a kernel row without holes do.
template <class T>
inline Source<T> open(const Patches<T>& x, const Box& box, Index beyond, bool adjoin, T* strip) {
  const Source<T> direct = in_image(x, box, beyond, adjoin);
  if (direct.data) return direct;
  const Index C = x.image.shape(1), rows = x.h.span(box.rows), columns = x.w.span(x.w.output);
  const Index top = box.row * x.h.stride + x.h.start;
  for (Index n = 0; n < box.images; ++n)
    for (Index r = 0; r < rows; ++r)
      read_padded(x.image, box.image + n, top + r, x.w.start, columns,
                  strip + (n * rows + r) * columns * C, C);
  const Index size = box.images * rows * columns * C;
  return {strip, strip + size + beyond, rows * columns * C, columns * C, C};
}

// A stretch of K whose numbers adjoin in the source: `length` of them, `from` the patch's first
// number on, go to column `to` of the panel.
struct Run {
  Index from, to, length;
};

// Cut [k0, k1) of K into runs; returns their number, at most k1 - k0.
template <class T>
inline int cut(const Patches<T>& x, const Source<T>& source, Index k0, Index k1, Run* runs) {
  const Index C = x.image.shape(1);
  const bool holes = x.w.dilation * source.column != C && x.w.taps > 1;
  const Index length = holes ? C : x.w.taps * C;
  int count = 0;
  for (Index k = k0; k < k1; ++count) {
    const Index run = k / length, within = k % length, stop = least(k1, (run + 1) * length);
    const Index i = holes ? run / x.w.taps : run, j = holes ? run % x.w.taps : 0;
    const Index start = i * x.h.dilation * source.row + j * x.w.dilation * source.column;
    runs[count] = {start + within, k - k0, stop - k};
    k = stop;
  }
  return count;
}

// Copy one run for every pixel, by whole vectors: what is written too much, the next run
// overwrites or the panel's slack takes; what would be read too much at the end is not.
template <class T, int VECTORS>
inline void copy_run(const T* const* pixels, Index count, const Run& run, const T* end, T* panel) {
  constexpr int L = kLanes<T>;
  const Index vectors = VECTORS ? VECTORS : ceil_div(run.length, L);
  for (Index m = 0; m < count; ++m) {
    const T* from = pixels[m] + run.from;
    T* to = panel + m * kPanelStride<T> + run.to;
    if (end - from >= vectors * L) {
      for (Index v = 0; v < vectors; ++v) store(to + v * L, load(from + v * L));
    } else {
      for (Index k = 0; k < run.length; ++k) to[k] = from[k];
    }
  }
}

// Gather columns [k0, k1) of K, at most kDepth, for `count` pixels of the box from `first` on.
template <class T>
inline void gather(const Patches<T>& x, const Source<T>& source, const Box& box, Index first,
                   Index count, Index k0, Index k1, T* panel) {
  constexpr Index kMost = 128;
  const T* pixels[kMost];
  Pixel at(box, first);
  for (Index m = 0; m < count; ++m, at.next(box))
    pixels[m] = source.data + at.n * source.image + at.p * x.h.stride * source.row +
                at.q * x.w.stride * source.column;
  Run runs[kDepth<T>];
  const int pieces = cut(x, source, k0, k1, runs);
  for (int r = 0; r < pieces; ++r) {
    const Index vectors = ceil_div(runs[r].length, kLanes<T>);
    const auto copy = vectors == 1   ? copy_run<T, 1>
                      : vectors == 2 ? copy_run<T, 2>
                      : vectors == 3 ? copy_run<T, 3>
                      : vectors == 4 ? copy_run<T, 4>
                                     : copy_run<T, 0>;
    copy(pixels, count, runs[r], source.end, panel);
  }
}

}  // namespace clearconv::CLEARCONV_VARIANT
