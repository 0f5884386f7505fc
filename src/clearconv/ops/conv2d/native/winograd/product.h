// Patches times 3x3 filters of stride 1, with a fourth of the multiplications: see winograd.h.
//
// The image falls into tiles of 4x4 outputs. A block of tiles is transformed, multiplied with the
// transformed filters at each of the 36 points and transformed back while it lies in cache. Where
// the tiles are more than the filters, the filters are transformed first, and each unit of work is
// a block of tiles; else the tiles are, and each unit is a group of filters.
#pragma once

#include "ops/conv2d/native/direct/product.h"
#include "ops/conv2d/native/routes.h"
#include "tiles.h"

namespace clearconv::CLEARCONV_VARIANT {
namespace {

// One convolution of 3x3 taps, stride and dilation 1.
template <class T>
struct WinogradProduct {
  static constexpr Index kGroup = 256 / sizeof(T);  // lanes of a group of filters

  TileReader<T> x;
  Filters<T> filters;
  Epilogue<T> to;
  const Runtime& runtime;
  BatchChunks boxes;
  const Moments* moments;
  Index blocks, boxes_each, tiles_each;  // blocks of tiles; boxes and (at most) tiles of one
  Index strip_size;                      // of the largest box
  T *filter_points, *tile_points;        // all of them, or null

  WinogradProduct(const Patches<T>& x, const Filters<T>& filters, const Epilogue<T>& to,
                  const Runtime& runtime)
      : x{x.image, x.h.start, x.w.start, kWindow},
        filters(filters),
        to(to),
        runtime(runtime),
        boxes(tile_boxes(shards_of(to, x.image.shape(0)), x.h.output, x.w.output)),
        moments(nullptr),
        strip_size(0) {
    Index tiles = 1;
    over_largest(boxes, [&](const Box& box) {
      tiles = most(tiles, tile_count(box));
      strip_size = most(strip_size, this->x.strip_size(box));
    });
    boxes_each = most(1, kMostTiles / tiles);
    tiles_each = boxes_each * tiles;
    blocks = ceil_div(boxes.count(), boxes_each);
  }

  Index channels() const { return x.image.shape(1); }
  Index lanes() const { return lanes_for<T>(filters.lanes); }
  Index groups() const { return ceil_div(lanes(), kGroup); }
  Index group_lanes(Index group) const { return least(kGroup, lanes() - group * kGroup); }

  // One point's numbers: of a block of tiles for one stretch of channels, of a group of filters,
  // and of their product. An odd number of cache lines apart, so that all sets of the cache serve.
  Index pitch() const { return panel_pitch<T>(channels()); }
  Index tile_plane() const { return rounded_tiles() * pitch() + kLine<T>; }
  Index filter_plane() const { return channels() * kGroup + kLine<T>; }
  Index product_plane() const { return rounded_tiles() * kGroup + kLine<T>; }
  Index rounded_tiles() const { return ceil_div(tiles_each, kRowsOne) * kRowsOne; }
  Index tile_size() const { return ceil_div(channels(), kDeep<T>) * kPoints * tile_plane(); }
  Index filter_size() const { return kPoints * filter_plane(); }

  void run() {
    ran(Route::winograd);
    Moments measured(to.moments ? boxes.count() : 0, to.y.shape[1], runtime);
    moments = to.moments ? &measured : nullptr;
    if (blocks * tiles_each > filters.lanes) {
      filter_points = memory(1, groups() * filter_size());
      runtime.parallel(groups() * filter_parts(), prepare_filters, this);
      runtime.parallel(blocks, compute_block, this);
    } else {
      tile_points = memory(1, blocks * tile_size());
      runtime.parallel(blocks, prepare_tiles, this);
      runtime.parallel(groups(), compute_group, this);
    }
    if (to.moments) measured.combine(boxes.first, boxes.shards, to.moments);
  }

  T* memory(int slot, Index numbers) const {
    return static_cast<T*>(runtime.scratch(slot, numbers * sizeof(T)));
  }

  // Filters.

  Index filter_parts() const { return ceil_div(channels(), kDeep<T>); }

  static void prepare_filters(void* context, Index unit) {
    const WinogradProduct& self = *static_cast<WinogradProduct*>(context);
    const Index group = unit / self.filter_parts(), c = unit % self.filter_parts() * kDeep<T>;
    self.transform_filters(group, c, least(c + kDeep<T>, self.channels()),
                           self.filter_points + group * self.filter_size());
  }

  // Channels [begin, end) of one group of filters. Taps are first gathered as vectors of lanes, a
  // few channels at a time: filters are read in long runs, and the copy stays in the L1 cache.
  void transform_filters(Index group, Index begin, Index end, T* points) const {
    constexpr int L = kLanes<T>;
    constexpr Index kFew = 8;
    const Index width = group_lanes(group), first = group * kGroup;
    T taps[kFew * 9 * kGroup];
    for (Index n = least(width, filters.lanes - first); n < width; ++n)
      for (Index k = 0; k < kFew * 9; ++k) taps[k * kGroup + n] = 0;
    for (Index c = begin; c < end; c += kFew) {
      const Index few = least(kFew, end - c);
      gather_taps(first, least(width, filters.lanes - first), c, few, taps);
      for (Index m = 0; m < few; ++m)
        for (Index n = 0; n < width; n += L)
          transform_filter(taps + m * 9 * kGroup + n, kGroup,
                           points + block_offset<T>(n, c + m, channels(), width), filter_plane());
    }
  }

  void gather_taps(Index first, Index lanes, Index channel, Index count, T* taps) const {
    for (Index n = 0; n < lanes; ++n)
      for (Index c = 0; c < count; ++c) {
        const T* from = filters.data + (first + n) * filters.lane_stride +
                        (channel + c) * filters.channel_stride;
        for (Index i = 0; i < 3; ++i)
          for (Index j = 0; j < 3; ++j)
            taps[(c * 9 + i * 3 + j) * kGroup + n] =
                from[(filters.rows.first + i * filters.rows.step) * filters.row_stride +
                     (filters.columns.first + j * filters.columns.step) * filters.column_stride];
      }
  }

  // Tiles.

  static void prepare_tiles(void* context, Index block) {
    const WinogradProduct& self = *static_cast<WinogradProduct*>(context);
    T* strip = self.memory(0, self.strip_size);
    self.transform_tiles(block, strip, self.tile_points + block * self.tile_size());
  }

  void transform_tiles(Index block, T* strip, T* points) const {
    const Index plane = tile_plane(), pitch = this->pitch();
    Index tile = 0;
    for (Index b = block * boxes_each; b < least(boxes.count(), (block + 1) * boxes_each); ++b)
      x.each(boxes.box(b), strip, [&](const T* from, Index row, Index column) {
        for (Index c = 0; c < channels(); c += kLanes<T>)
          transform_input(from + c, row, column,
                          points + c / kDeep<T> * kPoints * plane + tile * pitch + c % kDeep<T>,
                          plane);
        ++tile;
      });
  }

  // Products.

  static void compute_block(void* context, Index block) {
    const WinogradProduct& self = *static_cast<WinogradProduct*>(context);
    const Index tiles = self.tile_size(), strip = self.strip_size;
    T* points = self.memory(0, tiles + most(strip, self.product_size()));
    self.transform_tiles(block, points + tiles, points);
    for (Index group = 0; group < self.groups(); ++group)
      self.multiply_block(block, group, points, self.filter_points + group * self.filter_size(),
                          points + tiles);
  }

  static void compute_group(void* context, Index group) {
    const WinogradProduct& self = *static_cast<WinogradProduct*>(context);
    T* points = self.memory(0, self.filter_size() + self.product_size());
    self.transform_filters(group, 0, self.channels(), points);
    for (Index block = 0; block < self.blocks; ++block)
      self.multiply_block(block, group, self.tile_points + block * self.tile_size(), points,
                          points + self.filter_size());
  }

  Index product_size() const {  // the products of a block, and the results of a box
    return kPoints * product_plane() + tiles_each * kTile * kTile * kGroup;
  }

  void multiply_block(Index block, Index group, const T* tile_points, const T* filter_points,
                      T* products) const {
    const Index C = channels(), width = group_lanes(group);
    const Index first = block * boxes_each, last = least(boxes.count(), first + boxes_each);
    Index count = 0;
    for (Index b = first; b < last; ++b) count += tile_count(boxes.box(b));
    with_pitch<T>(pitch(), [&](auto constant) {
      for (Index point = 0; point < kPoints; ++point)
        for (Index c = 0; c < C; c += kDeep<T>)
          multiply<T, constant.value, 1>(
              tile_points + (c / kDeep<T> * kPoints + point) * tile_plane(), count,
              filter_points + point * filter_plane(), c, least(kDeep<T>, C - c), C,
              products + point * product_plane(), width, c == 0 ? Sum::fresh : Sum::onward);
    });
    T* results = products + kPoints * product_plane();
    for (Index b = first; b < last; ++b) {
      const Box box = boxes.box(b);
      transform_products(box, products, width, results);
      products += tile_count(box) * width;
      finish(to, moments, box, b,
             {results, width, group * kGroup, least(width, filters.lanes - group * kGroup)});
    }
  }

  // Transform the products back to the box's pixels.
  void transform_products(const Box& box, const T* products, Index width, T* results) const {
    constexpr int L = kLanes<T>;
    for (Index n = 0; n < box.images; ++n)
      for (Index p = 0; p < box.rows; p += kTile)
        for (Index q = 0; q < box.columns; q += kTile, products += width)
          for (Index c = 0; c < width; c += L) {
            Vector<T> y[kTile * kTile];
            transform_output(products + c, product_plane(), y);
            T* at = results + ((n * box.rows + p) * box.columns + q) * width + c;
            const Index rows = least(kTile, box.rows - p), columns = least(kTile, box.columns - q);
            for (Index i = 0; i < rows; ++i)
              for (Index j = 0; j < columns; ++j)
                store(at + (i * box.columns + j) * width, y[i * kTile + j]);
          }
  }
};

}  // namespace
}  // namespace clearconv::CLEARCONV_VARIANT
