// Patches: what the windows of a convolution see of an image, and where a kernel reads it.
//
// That is the image itself, or where it does not look as kernels want it (channels last, no
// padding, no load transform) a strip: a copy of the piece of it that a box of results needs.
#pragma once

#include "reader.h"

namespace clearconv::CLEARCONV_VARIANT {

// One axis of a window's walk: output u looks, with kernel element i, at input
// u*stride + i*dilation + start.
struct Axis {
  Index input, output, taps, stride, dilation, start;
  Index span(Index outputs) const {  // inputs that this many neighbouring outputs look at
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
  Index image, row, column;
};

// What is read beyond a patch, because tiles are whole: this many patches further in the row, and
// this many numbers. It is ignored.
struct Beyond {
  Index patches, numbers;
};

// Pixels of a strip lie `pitch` numbers apart: a line more than channels where these would bring
// the same channel of all pixels to the same place in cache.
template <class T>
inline bool clashes(Index pitch) {
  return pitch * Index(sizeof(T)) % 2048 == 0;
}
template <class T>
inline Index strip_pitch(Index channels) {
  return clashes<T>(channels) ? channels + 64 / Index(sizeof(T)) : channels;
}

// Numbers that a strip for such boxes takes.
template <class T>
inline Index strip_size(const Patches<T>& x, Index images, Index rows, Beyond beyond) {
  if (x.depth() == 0) return 0;
  const Index columns = x.w.span(x.w.output), pitch = strip_pitch<T>(x.image.shape(1));
  return (images * x.h.span(rows) * columns + beyond.patches * x.w.stride) * pitch + beyond.numbers;
}

// Where patches could be read in the image itself; null where there is padding or a load transform,
// or where what follows might not be the image's.
template <class T>
inline Source<T> in_image(const Patches<T>& x, const Box& box, Beyond beyond, bool adjoin) {
  const Tensor<const T>& image = x.image.x;
  const Index C = image.shape[1];
  const bool channels_adjoin = image.stride[1] == 1 || C == 1;
  if (x.image.how != Operand<T>::plain || !channels_adjoin || !x.h.inside() || !x.w.inside())
    return {};
  Source<T> source = {image.data, image.stride[0], image.stride[2], image.stride[3]};
  if (source.column < C || (adjoin && source.column != C) || clashes<T>(source.column)) return {};
  const T* end = image.data + 1;
  for (int axis = 0; axis < 4; ++axis)
    end += most(0, (image.shape[axis] - 1) * image.stride[axis]);
  source.data += box.image * source.image + (box.row * x.h.stride + x.h.start) * source.row +
                 x.w.start * source.column;
  const Index columns = x.w.span(box.columns) - 1 + beyond.patches * x.w.stride;
  const Index last = C - 1 + most(0, (box.images - 1) * source.image) +
                     most(0, (x.h.span(box.rows) - 1) * source.row) + columns * source.column;
  return source.data + last + beyond.numbers < end ? source : Source<T>{};
}

// Make a box's patches readable, copying into `strip` (strip_size numbers) if need be. If pixels
// must `adjoin`, a kernel row without holes sees numbers that adjoin.
template <class T>
inline Source<T> open(const Patches<T>& x, const Box& box, Beyond beyond, bool adjoin, T* strip) {
  const Source<T> direct = in_image(x, box, beyond, adjoin);
  if (direct.data) return direct;
  const Index rows = x.h.span(box.rows), columns = x.w.span(x.w.output);
  const Index top = box.row * x.h.stride + x.h.start;
  const Index pitch = adjoin ? x.image.shape(1) : strip_pitch<T>(x.image.shape(1));
  for (Index n = 0; n < box.images; ++n)
    for (Index r = 0; r < rows; ++r)
      read_padded(x.image, box.image + n, top + r, x.w.start, columns,
                  strip + (n * rows + r) * columns * pitch, pitch);
  return {strip, rows * columns * pitch, columns * pitch, pitch};
}

}  // namespace clearconv::CLEARCONV_VARIANT
