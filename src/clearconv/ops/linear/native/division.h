// How the passes of the fully connected layer are divided among threads: by their shape alone.
#pragma once

#include "native/tile/tile.h"

namespace clearconv::CLEARCONV_VARIANT {
namespace {

constexpr Index kWorthAThread = 400000;  // multiply-adds that outweigh waking one

// A product's result (rows, columns), cut into about equal blocks. Sizes are multiples of the
// tile's.
struct Blocks {
  Index rows, columns, depth, height, width;
  Blocks(Index rows, Index columns, Index depth, Index most_rows, Index tile_rows,
         Index most_columns, Index tile_columns)
      : rows(rows),
        columns(columns),
        depth(depth),
        height(part(rows, most_rows, tile_rows)),
        width(part(columns, most_columns, tile_columns)) {}
  static Index part(Index length, Index limit, Index multiple) {
    const Index parts = most(1, ceil_div(length, limit));
    return most(1, ceil_div(ceil_div(length, parts), multiple)) * multiple;
  }
  Index down() const { return ceil_div(rows, height); }
  Index count() const { return down() * ceil_div(columns, width); }
};

// Blocks of the same columns follow each other: they share the larger operand.
struct Block {
  Index row, rows, column, columns;
  Block(const Blocks& all, Index index)
      : row(index % all.down() * all.height),
        rows(least(all.height, all.rows - row)),
        column(index / all.down() * all.width),
        columns(least(all.width, all.columns - column)) {}
};

// Call pass.compute(block) for every block.
template <class Pass>
void for_blocks(const Pass& pass, const Blocks& blocks, const Runtime& runtime) {
  struct Work {
    const Pass& pass;
    const Blocks& blocks;
    Index units;
  };
  const Index work = blocks.rows * blocks.columns * blocks.depth;
  Work all = {pass, blocks, most(1, least(blocks.count(), work / kWorthAThread))};
  const auto run = [](void* context, Index unit) {
    const Work& all = *static_cast<Work*>(context);
    const Index count = all.blocks.count();
    for (Index b = count * unit / all.units; b < count * (unit + 1) / all.units; ++b)
      all.pass.compute(Block(all.blocks, b));
  };
  runtime.parallel(all.units, run, &all);
}

}  // namespace
}  // namespace clearconv::CLEARCONV_VARIANT
