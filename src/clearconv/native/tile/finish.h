// The steps after a convolution: bias or batch norm, addition, ReLU, 2x2 pooling, and the
// moments of each channel, all while the numbers are still in cache.
#pragma once

#include "native/passes/moments.h"
#include "patches.h"
#include "reader.h"

namespace clearconv::CLEARCONV_VARIANT {

// The shards whose images a pass over N images walks through: all, unless it takes moments.
template <class T>
inline Shards shards_of(const Epilogue<T>& to, Index N) {
  return to.moments ? to.shards : whole_batch(N);
}

// Part of a result: all pixels of a box, `pitch` numbers apart, channels [first, first + count) of
// each. Behind them `numbers` has room up to whole vectors, as `pitch` has.
template <class T>
struct Block {
  T* numbers;
  Index pitch, first, count;
};

// f(r scale + shift + add), for one vector of channels. What is not wanted is 1, -0 or infinite:
// these change no bit, not even of a -0 or a NaN.
template <class T>
struct Finish {
  Vector<T> scale, shift, least, most;
  Finish(const Epilogue<T>& to, Index channel, Index lanes)
      : scale(to.scale ? load_part(to.scale + channel, lanes) : Vector<T>{} + T(1)),
        shift(to.shift ? load_part(to.shift + channel, lanes) : -Vector<T>{}),
        least(to.relu ? Vector<T>{} : Vector<T>{} - T(__builtin_inf())),
        most(Vector<T>{} + (to.relu ? to.ceiling : T(__builtin_inf()))) {}
  Vector<T> affine(Vector<T> r) const { return r * scale + shift; }
  Vector<T> clamp(Vector<T> v) const {
    const Vector<T> high = v < least ? least : v;
    return high > most ? most : high;
  }
};

// r scale + shift, in place.
template <class T>
inline void scale_and_shift(const Epilogue<T>& to, const Block<T>& block, Index pixels) {
  for (Index c = 0; c < block.count; c += kLanes<T>) {
    const Finish<T> finish(to, block.first + c, least(kLanes<T>, block.count - c));
    T* at = block.numbers + c;
    for (Index m = 0; m < pixels; ++m, at += block.pitch) store(at, finish.affine(load(at)));
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

// One row: channels outermost, so that their numbers stay in registers.
template <class T>
inline void store_row(const Epilogue<T>& to, const Block<T>& block, const T* from, Index columns,
                      T* y, const T* add) {
  const Index step = to.y.stride[3];
  for (Index c = 0; c < block.count; c += kLanes<T>) {
    const Index lanes = least(kLanes<T>, block.count - c);
    const Finish<T> finish(to, block.first + c, lanes);
    const auto affine = [&](Index q) { return finish.affine(load(from + q * block.pitch + c)); };
    if (add)
      for (Index q = 0; q < columns; ++q) {
        const Vector<T> more = load_part(add + q * to.add.stride[3] + c, lanes);
        store_part(y + q * step + c, finish.clamp(affine(q) + more), lanes);
      }
    else if (to.accumulate)
      for (Index q = 0; q < columns; ++q) {
        T* at = y + q * step + c;
        store_part(at, affine(q) + load_part(at, lanes), lanes);
      }
    else
      for (Index q = 0; q < columns; ++q)
        store_part(y + q * step + c, finish.clamp(affine(q)), lanes);
  }
}

template <class T>
inline void store_pixels(const Epilogue<T>& to, const Box& box, const Block<T>& block) {
  const T* from = block.numbers;
  for (Index n = box.image; n < box.image + box.images; ++n)
    for (Index p = box.row; p < box.row + box.rows; ++p, from += box.columns * block.pitch) {
      const auto row_of = [&](const auto& array) {
        return array.data + n * array.stride[0] + p * array.stride[2] + block.first;
      };
      store_row(to, block, from, box.columns, row_of(to.y),
                to.add.data ? row_of(to.add) : nullptr);
    }
}

// One row of windows: `row` numbers lie between their two rows of pixels. The first of the four
// largest wins, and a NaN wins over all, as in max_pool2d.
template <class T>
inline void pool_row(const Epilogue<T>& to, const Block<T>& block, const T* from, Index row,
                     Index columns, T* y, uint8_t* winner) {
  for (Index c = 0; c < block.count; c += kLanes<T>) {
    const Index lanes = least(kLanes<T>, block.count - c);
    const Finish<T> finish(to, block.first + c, lanes);
    for (Index q = 0; q < columns; ++q) {
      const T* window = from + 2 * q * block.pitch + c;
      Vector<T> best = finish.affine(load(window));
      Mask<T> who = {};
      for (int w = 1; w < 4; ++w) {
        const Vector<T> v = finish.affine(load(window + w / 2 * row + w % 2 * block.pitch));
        const Mask<T> wins = (v > best) | ((v != v) & (best == best));
        best = wins ? v : best;
        who = wins ? Mask<T>{} + w : who;
      }
      if (to.relu) {
        who = open<T>(best, finish.most) ? who : Mask<T>{} + 4;
        best = rectify<T>(best, finish.most);
      }
      store_part(y + q * to.y.stride[3] + c, best, lanes);
      if (winner) store_bytes<T>(winner + q * to.winner.stride[3] + c, who, lanes);
    }
  }
}

template <class T>
inline void store_pooled(const Epilogue<T>& to, const Box& box, const Block<T>& block) {
  const Index row = box.columns * block.pitch;
  for (Index n = 0; n < box.images; ++n)
    for (Index p = 0; p < box.rows / 2; ++p) {
      const auto row_of = [&](const auto& array) {
        return array.data + (box.image + n) * array.stride[0] +
               (box.row / 2 + p) * array.stride[2] + block.first;
      };
      pool_row(to, block, block.numbers + (n * box.rows + 2 * p) * row, row, box.columns / 2,
               row_of(to.y), to.winner.data ? row_of(to.winner) : nullptr);
    }
}

// Finish and store a block. `moments` is null unless they are wanted; `unit` numbers the boxes.
// Pooled boxes hold whole windows.
template <class T>
inline void finish(const Epilogue<T>& to, const Moments* moments, const Box& box, Index unit,
                   const Block<T>& block) {
  Epilogue<T> rest = to;
  if (moments) {
    if (to.scale || to.shift) scale_and_shift(to, block, box.pixels());
    rest.scale = rest.shift = nullptr;
    measure(*moments, unit, block, box.pixels());
  }
  if (to.pool)
    store_pooled(rest, box, block);
  else
    store_pixels(rest, box, block);
}

}  // namespace clearconv::CLEARCONV_VARIANT
