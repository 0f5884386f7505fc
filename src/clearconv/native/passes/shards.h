// How a sum over the batch is divided, so that its bits depend on the batch size alone, and not on
// who holds which part of the batch.
//
// Equal shards of consecutive images, 8 by default; within a shard, chunks of at most 1,024 pixels
// are each summed from zero and then added, in order; the shards meet in a balanced binary tree.
// The holder of a whole subtree of them, which `Shards` names, can add it up alone, and
// rounding grows with the number of chunks, not of pixels.
#pragma once

#include "native/tile/patches.h"

namespace clearconv::CLEARCONV_VARIANT {

constexpr Index kChunkPixels = 1024;

constexpr Index kMostShards = 64;
constexpr Index kMostLevels = 7;  // of the tree over them

// All shards of a batch of N images, of which there are 8.
inline Shards whole_batch(Index N) { return {N, least(8, N), 0, least(8, N)}; }

// One of the shards at hand, numbered from 0: where its images lie in the arrays at hand.
struct Shard {
  Index first, images;
  Shard(const Shards& of, Index shard)
      : first(start(of, shard) - start(of, 0)),
        images(start(of, shard + 1) - start(of, shard)) {}

 private:
  static Index start(const Shards& of, Index shard) {
    return of.images * (of.first + shard) / of.all;
  }
};

// Where the shards at hand begin: shard s holds images [at[s], at[s + 1]).
struct Starts {
  Index count;
  Index at[kMostShards + 1];
  explicit Starts(const Shards& of) : count(of.here) {
    at[0] = 0;
    for (Index s = 0; s < count; ++s) at[s + 1] = at[s] + Shard(of, s).images;
  }
};

// The images of the largest shard, at hand or not: no other needs more memory.
inline Index most_images(const Shards& of) { return ceil_div(of.images, most(1, of.all)); }

// A box cut into boxes of at most `pixels`: whole images, or whole rows of one, in multiples of
// `step` rows. A box of the fewest rows may be longer; its sum starts afresh every
// kChunkPixels.
struct Chunks {
  Box whole;
  Index images, rows, row_chunks, count;
  Chunks(const Box& whole, Index pixels, Index step = 1) : whole(whole) {
    rows = least(whole.rows, most(step, pixels / whole.columns / step * step));
    images = rows < whole.rows ? 1
                               : least(whole.images, most(1, pixels / (rows * whole.columns)));
    row_chunks = ceil_div(whole.rows, rows);
    count = ceil_div(whole.images, images) * row_chunks;
  }
  Chunks(const Shard& shard, Index height, Index width, Index pixels = kChunkPixels, Index step = 1)
      : Chunks(Box{shard.first, shard.images, 0, height, width}, pixels, step) {}
  Box box(Index chunk) const {
    const Index image = chunk / row_chunks * images, row = chunk % row_chunks * rows;
    return {whole.image + image, least(images, whole.images - image), whole.row + row,
            least(rows, whole.rows - row), whole.columns};
  }
};

// The chunks of all shards at hand, numbered in order: units of parallel work.
struct BatchChunks {
  Shards of;
  Index height, width, pixels, step, shards;
  Index first[kMostShards + 1];  // chunks of shard s: [first[s], first[s + 1])
  BatchChunks(const Shards& of, Index height, Index width, Index pixels = kChunkPixels,
              Index step = 1)
      : of(of), height(height), width(width), pixels(pixels), step(step), shards(of.here) {
    first[0] = 0;
    for (Index s = 0; s < shards; ++s) first[s + 1] = first[s] + chunks(s).count;
  }
  Chunks chunks(Index shard) const {
    return Chunks(Shard(of, shard), height, width, pixels, step);
  }
  Index count() const { return first[shards]; }
  Box box(Index chunk) const {
    Index s = 0;
    while (chunk >= first[s + 1]) ++s;
    return chunks(s).box(chunk - first[s]);
  }
};

// Add `shards` arrays that lie `stride` apart into the first: ((0+1)+(2+3))+((4+5)+(6+7)).
template <class T>
inline void add_shards(T* sum, Index shards, Index stride, Index count) {
  for (Index step = 1; step < shards; step *= 2)
    for (Index s = 0; s + step < shards; s += 2 * step)
      for (Index i = 0; i < count; ++i) sum[s * stride + i] += sum[(s + step) * stride + i];
}

}  // namespace clearconv::CLEARCONV_VARIANT
