// What becomes of a convolution's result: bias or batch norm, addition, ReLU, 2x2 pooling, and the
// moments of each channel, all while the numbers are still in cache.
#pragma once

#include "moments.h"
#include "patches.h"
#include "reader.h"

namespace clearconv::CLEARCONV_VARIANT {

// Part of a result: all pixels of a box, `pitch` numbers apart, channels [first, first + count) of
// each. Behind them `numbers` has room up to whole vectors, as `pitch` has.
template <class T>
struct Block {
  T* numbers;
  Index pitch, first, count;
};

// r scale + shift, in place.
template <class T>
inline void scale_and_shift(const Epilogue<T>& to, const Block<T>& block, Index pixels) {
  constexpr int L = kLanes<T>;
  for (Index c = 0; c < block.count; c += L) {
    const Index lanes = least(L, block.count - c), o = block.first + c;
    const Vector<T> scale = to.scale ? load_part(to.scale + o, lanes) : Vector<T>{} + T(1);
    const Vector<T> shift = to.shift ? load_part(to.shift + o, lanes) : Vector<T>{};
    T* at = block.numbers + c;
    if (to.scale)
      for (Index m = 0; m < pixels; ++m, at += block.pitch) store(at, load(at) * scale + shift);
    else
      for (Index m = 0; m < pixels; ++m, at += block.pitch) store(at, load(at) + shift);
  }
}

// The moments of the box, of these channels.
template <class T>
inline void measure(const Moments& moments, Index unit, const Block<T>& block, Index pixels) {
  moments.count[unit] = pixels;  // the same for every group of channels
  const Index at = unit * moments.channels + block.first;
  join_rows(0, moments.mean + at, moments.deviation + at, block.numbers, block.pitch, pixels,
            block.count, lanes_for<T>(block.count));
}

template <class T>
inline void store_pixel(const Epilogue<T>& to, const T* from, T* y, const T* add, Index count) {
  constexpr int L = kLanes<T>;
  for (Index c = 0; c < count; c += L) {
    const Index lanes = least(L, count - c);
    Vector<T> v = load(from + c);
    if (add) v += load_part(add + c, lanes);
    if (to.relu) v = rectify<T>(v);
    if (to.accumulate) v += load_part(y + c, lanes);
    store_part(y + c, v, lanes);
  }
}

template <class T>
inline void store_pixels(const Epilogue<T>& to, const Box& box, const Block<T>& block) {
  const T* from = block.numbers;
  for (Index n = box.image; n < box.image + box.images; ++n)
    for (Index p = box.row; p < box.row + box.rows; ++p) {
      T* y = to.y.data + n * to.y.stride[0] + p * to.y.stride[2] + block.first;
      const T* add = to.add.data ? to.add.data + n * to.add.stride[0] + p * to.add.stride[2] +
                                       block.first
                                 : nullptr;
      for (Index q = 0; q < box.columns; ++q, from += block.pitch, y += to.y.stride[3]) {
        store_pixel(to, from, y, add, block.count);
        if (add) add += to.add.stride[3];
      }
    }
}

// The first of the four largest wins, and a NaN wins over all, as in max_pool2d.
template <class T>
inline void store_pooled(const Epilogue<T>& to, const Box& box, const Block<T>& block) {
  constexpr int L = kLanes<T>;
  const Index row = box.columns * block.pitch;
  for (Index n = 0; n < box.images; ++n)
    for (Index p = 0; p < box.rows / 2; ++p)
      for (Index q = 0; q < box.columns / 2; ++q) {
        const T* from = block.numbers + (n * box.rows + 2 * p) * row + 2 * q * block.pitch;
        const Index image = box.image + n, y_row = box.row / 2 + p;
        T* y = to.y.data + image * to.y.stride[0] + y_row * to.y.stride[2] +
               q * to.y.stride[3] + block.first;
        uint8_t* winner = to.winner.data ? to.winner.data + image * to.winner.stride[0] +
                                               y_row * to.winner.stride[2] +
                                               q * to.winner.stride[3] + block.first
                                         : nullptr;
        for (Index c = 0; c < block.count; c += L) {
          Vector<T> best = load(from + c);
          Mask<T> who = {};
          for (int w = 1; w < 4; ++w) {
            const Vector<T> v = load(from + c + w / 2 * row + w % 2 * block.pitch);
            const Mask<T> wins = (v > best) | ((v != v) & (best == best));
            best = wins ? v : best;
            who = wins ? Mask<T>{} + w : who;
          }
          if (to.relu) {
            who = best > Vector<T>{} ? who : Mask<T>{} + 4;
            best = rectify<T>(best);
          }
          const Index lanes = least(L, block.count - c);
          store_part(y + c, best, lanes);
          if (winner) store_bytes<T>(winner + c, who, lanes);
        }
      }
}

// Finish and store a block. `moments` is null unless they are wanted; `unit` numbers the boxes.
// Pooled boxes hold whole windows.
template <class T>
inline void finish(const Epilogue<T>& to, const Moments* moments, const Box& box, Index unit,
                   const Block<T>& block) {
  if (to.scale || to.shift) scale_and_shift(to, block, box.pixels());
  if (moments) measure(*moments, unit, block, box.pixels());
  if (to.pool)
    store_pooled(to, box, block);
  else
    store_pixels(to, box, block);
}

}  // namespace clearconv::CLEARCONV_VARIANT
