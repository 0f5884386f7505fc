// Walks over a batch, a block of adjoining pixels at a time, channels last.
//
// A row of few channels is too short for vectors, so several pixels are seen as one wide row, and
// what belongs to a channel is repeated across it. Arrays of another layout are copied block by
// block into scratch memory, so that every kernel sees the same numbers in the same order.
#pragma once

#include "native/tile/lanes.h"
#include "native/passes/shards.h"

namespace clearconv::CLEARCONV_VARIANT {

// How many pixels make a wide row: enough for whole vectors of any width, or 1 where a pixel's own
// channels are many.
inline Index wide_pixels(Index channels) {
  Index pixels = 1;
  if (channels >= 256) return pixels;
  while (pixels < 64 && (pixels * channels < 64 || pixels * channels % 16 != 0)) pixels *= 2;
  return pixels;
}

// Call work(lane of the wide row, number of the block, V{}) for all numbers of a block.
template <class T, class Work>
inline void over_block(Index numbers, Index wide, const Work& work) {
  for (Index row = 0; row < numbers; row += wide)
    over_lanes<T>(least(wide, numbers - row),
                  [&](Index l, auto lane) { work(l, row + l, lane); });
}

constexpr Index kBlockRows = 64;  // wide rows of a block: it stays in cache, and its sums short

template <class T>
inline bool channels_last(const Tensor<T>& x) {
  constexpr int kInnermostFirst[] = {1, 3, 2, 0};
  Index adjoining = 1;
  for (const int axis : kInnermostFirst) {
    if (x.shape[axis] > 1 && x.stride[axis] != adjoining) return false;
    adjoining *= x.shape[axis];
  }
  return true;
}

// Copy pixels [first, first + count) of a box, channels last.
template <class T>
inline void copy_pixels(const Tensor<const T>& x, const Box& box, Index first, Index count, T* to) {
  const Index C = x.shape[1], cs = x.stride[1], ws = x.stride[3];
  Pixel at(box, first);
  for (Index done = 0; done < count;) {  // as far as the row goes
    const Index run = least(count - done, box.columns - at.q);
    const T* from = x.data + (box.image + at.n) * x.stride[0] + (box.row + at.p) * x.stride[2] +
                    at.q * ws;
    if (cs == 1)
      for (Index q = 0; q < run; ++q)
        std::memcpy(to + (done + q) * C, from + q * ws, C * sizeof(T));
    else
      for (Index c = 0; c < C; ++c)
        for (Index q = 0; q < run; ++q) to[(done + q) * C + c] = from[q * ws + c * cs];
    done += run;
    at.q += run - 1;
    at.next(box);
  }
}

// The reverse: pixels that lie channels last go to where they belong.
template <class T>
inline void spread_pixels(const Tensor<T>& y, const Box& box, Index first, Index count,
                          const T* from) {
  const Index C = y.shape[1], cs = y.stride[1];
  Pixel at(box, first);
  for (Index done = 0; done < count; ++done, from += C, at.next(box)) {
    T* to = y.data + (box.image + at.n) * y.stride[0] + (box.row + at.p) * y.stride[2] +
            at.q * y.stride[3];
    for (Index c = 0; c < C; ++c) to[c * cs] = from[c];
  }
}

// None where there is no pixel.
template <class T>
inline BatchChunks chunks_of(const Tensor<const T>& x, const Shards& shards) {
  const bool empty = x.shape[2] * x.shape[3] == 0;
  return {empty ? whole_batch(0) : shards, x.shape[2], x.shape[3]};
}

// Feeds the blocks of one or two arrays of one shape to `Work`, a unit for each chunk of the
// batch. Work has: kBackwards (from the last chunk to the first: what was written or read last is
// still in cache), state_bytes(), start(state), finish(state, chunk), and
// block(state, pixels, address of these pixels in each array, where their results go).
template <class T, class Work>
struct Walk {
  static constexpr int kArrays = 2;
  Tensor<const T> arrays[kArrays];  // the second's data may be null
  Tensor<T> result;                 // of the same shape; data may be null
  const Work& work;
  const Runtime& runtime;
  BatchChunks chunks;
  Index channels, block;
  bool copied[kArrays], spread;

  Walk(const Tensor<const T>& first, const Tensor<const T>& second, const Tensor<T>& result,
       const Shards& shards, const Work& work, const Runtime& runtime)
      : arrays{first, second},
        result(result),
        work(work),
        runtime(runtime),
        chunks(chunks_of(first, shards)),
        channels(first.shape[1]),
        block(kBlockRows * wide_pixels(channels)),
        spread(result.data && !channels_last(result)) {
    for (int a = 0; a < kArrays; ++a) copied[a] = arrays[a].data && !channels_last(arrays[a]);
    runtime.parallel(chunks.count(), unit, this);
  }

  static void unit(void* context, Index index) {
    const Walk& self = *static_cast<Walk*>(context);
    const Index chunk = Work::kBackwards ? self.chunks.count() - 1 - index : index;
    const Box box = self.chunks.box(chunk);
    const Index start = (box.image * self.chunks.height + box.row) * self.chunks.width;
    const Index room = least(self.block, box.pixels()) * self.channels;
    const Index state = self.work.state_bytes();
    char* memory =
        static_cast<char*>(self.runtime.scratch(0, state + (kArrays + 1) * room * sizeof(T)));
    self.work.start(memory);
    for (Index first = 0; first < box.pixels(); first += self.block) {
      const Index count = least(self.block, box.pixels() - first);
      const T* at[kArrays];
      for (int a = 0; a < kArrays; ++a) {
        const Tensor<const T>& array = self.arrays[a];
        at[a] = array.data ? array.data + (start + first) * self.channels : nullptr;
        if (!self.copied[a]) continue;
        T* to = reinterpret_cast<T*>(memory + state) + a * room;
        copy_pixels(array, box, first, count, to);
        at[a] = to;
      }
      T* to = self.result.data;
      if (self.spread)
        to = reinterpret_cast<T*>(memory + state) + kArrays * room;
      else if (to)
        to += (start + first) * self.channels;
      self.work.block(memory, count, at, to);
      if (self.spread) spread_pixels(self.result, box, first, count, to);
    }
    self.work.finish(memory, chunk);
  }
};

}  // namespace clearconv::CLEARCONV_VARIANT
