// The weight gradient of a 3x3 convolution of stride 1 by Winograd's algorithm: see winograd.h.
//
// At each of the 36 points it is a sum over tiles, (channels, tiles) times (tiles, lanes), with the
// tiles of x and those of grad_y transformed; the sum is transformed back once, at the end. Shards
// are summed and combined as everywhere (shards.h), with boxes of tiles for chunks.
//
// Where the transformed tiles outweigh the sums of all shards, each unit of work is a shard: it
// transforms a box at a time and keeps its sums of all points. Else all tiles are transformed
// first, and each unit is a point, which keeps its sums in registers and the nearest cache.
#pragma once

#include "ops/conv2d/native/routes.h"
#include "tiles.h"

namespace clearconv::CLEARCONV_VARIANT {
namespace {

static_assert(kPoints == conv2d::kSumPoints);

constexpr Index kFew = 8;  // channels that are transformed back together

// Transform back the sums of `few` channels, whose points lie `plane` apart: of each output the
// taps of these channels adjoin, and outputs lie `depth` apart. `room` holds 9 taps of each.
template <class T>
void write_taps(const T* sums, Index plane, Index few, Index lanes, Index outputs, T* room,
                Index depth, T* to) {
  for (Index m = 0; m < few; ++m)
    for (Index n = 0; n < lanes; n += kLanes<T>)
      transform_taps(sums + m * lanes + n, plane, room + m * 9 * lanes + n, lanes);
  for (Index o = 0; o < outputs; ++o, to += depth)
    for (Index k = 0; k < few * 9; ++k) to[k] = room[k * lanes + o];
}

template <class T>
struct WinogradWeightGradient {
  static constexpr Index kLanesOfBlock = 512 / sizeof(T);
  static constexpr Index kRowsOfBlock = 4 * kRowsTwo;

  TileReader<T> x, grad_y;
  conv2d::Gradients<T> to;
  const Runtime& runtime;
  BatchChunks boxes;
  Index image_rows, image_columns;  // of tiles
  Index most_tiles, strip_size;     // of a box

  // The block of channels and lanes of this round, and what it shares.
  Index channel, channel_count, lane, lane_count;
  T *tile_points, *gradient_points, *sums;
  Index sums_to_add;

  WinogradWeightGradient(const Operand<T>& x, const Operand<T>& grad_y, const Geometry& window,
                         const conv2d::Gradients<T>& to, const Runtime& runtime)
      : x{x, -window.before[0], -window.before[1], kWindow},
        grad_y{grad_y, 0, 0, kTile},
        to(to),
        runtime(runtime),
        boxes(tile_boxes(to.shards, window.output[0], window.output[1])),
        image_rows(ceil_div(window.output[0], kTile)),
        image_columns(ceil_div(window.output[1], kTile)),
        most_tiles(0),
        strip_size(0) {
    over_largest(boxes, [&](const Box& box) {
      most_tiles = most(most_tiles, tile_count(box));
      strip_size = most(strip_size, most(block_of(this->x, 0, kDeep<T>).strip_size(box),
                                         this->grad_y.strip_size(box)));
    });
  }

  static TileReader<T> block_of(TileReader<T> reader, Index first, Index count) {
    reader.image = clearconv::CLEARCONV_VARIANT::channels(reader.image, first, count);
    return reader;
  }

  Index channels() const { return x.image.shape(1); }
  Index outputs() const { return grad_y.image.shape(1); }
  Index tiles() const { return x.image.shape(0) * image_rows * image_columns; }
  Index lanes() const { return lanes_for<T>(lane_count); }
  Index sum_plane() const { return kPitch<T> * lanes() + kLine<T>; }
  Index sum_size() const { return kPoints * sum_plane(); }
  Index pitch() const { return panel_pitch<T>(channels()); }
  Index tile_plane(Index tiles) const { return tiles * pitch() + kLine<T>; }
  Index gradient_plane(Index tiles) const { return tiles * lanes() + kLine<T>; }

  T* memory(int slot, Index numbers) const {
    return static_cast<T*>(runtime.scratch(slot, numbers * sizeof(T)));
  }

  void run() {
    ran(Route::winograd);
    const Index C = channels(), O = outputs();
    if (tiles() * (C + O) <= least(most(8, boxes.shards) * C * O,
                                   (Index(32) << 20) / (kPoints * Index(sizeof(T)))))
      by_point(C, O);
    else
      by_shard(C, O);
  }

  void by_shard(Index C, Index O) {
    for (lane = 0; lane < O; lane += kLanesOfBlock)
      for (channel = 0; channel < C; channel += kDeep<T>) {
        lane_count = least(kLanesOfBlock, O - lane);
        channel_count = least(kDeep<T>, C - channel);
        sums = memory(1, boxes.shards * sum_size());
        runtime.parallel(boxes.shards, sum_shard, this);
        sums_to_add = boxes.shards;
        runtime.parallel(ceil_div(channel_count, kFew), transform_back, this);
      }
  }

  void by_point(Index C, Index O) {
    lane = 0, lane_count = O;
    const Index blocks = ceil_div(C, kDeep<T>);
    const Index tile_size = kPoints * tile_plane(tiles());
    const Index gradient_size = kPoints * gradient_plane(tiles());
    tile_points = memory(1, blocks * tile_size + gradient_size + sum_size());
    gradient_points = tile_points + blocks * tile_size;
    sums = gradient_points + gradient_size;
    runtime.parallel(boxes.count(), transform_box, this);
    sums_to_add = 1;
    for (channel = 0; channel < C; channel += kDeep<T>, tile_points += tile_size) {
      channel_count = least(kDeep<T>, C - channel);
      runtime.parallel(kPoints, sum_point, this);
      runtime.parallel(ceil_div(channel_count, kFew), transform_back, this);
    }
  }

  // A box's tiles of x, for some channels, and of grad_y; the box's first is row `tile` of panels
  // of `tiles` rows.

  void transform_tiles(Index first, Index count, const Box& box, T* strip, Index tile, Index tiles,
                       T* points) const {
    const Index plane = tile_plane(tiles), pitch = this->pitch();
    block_of(x, first, count).each(box, strip, [&](const T* from, Index row, Index column) {
      for (Index c = 0; c < count; c += kLanes<T>)
        transform_input(from + c, row, column, points + tile * pitch + c, plane);
      ++tile;
    });
  }

  void transform_gradients(const Box& box, T* strip, Index tile, Index tiles, T* points) const {
    const Index plane = gradient_plane(tiles), width = lanes();
    const auto reader = block_of(grad_y, lane, lane_count);
    reader.each(box, strip, [&](const T* from, Index row, Index column) {
      for (Index n = 0; n < width; n += kLanes<T>)
        transform_gradient(from + n, row, column, points + block_offset<T>(n, tile, tiles, width),
                           plane);
      ++tile;
    });
  }

  // A unit of work: one shard, all points.
  static void sum_shard(void* context, Index shard) {
    const WinogradWeightGradient& self = *static_cast<WinogradWeightGradient*>(context);
    const Index tiles = self.most_tiles, tile_plane = self.tile_plane(tiles);
    const Index gradient_plane = self.gradient_plane(tiles);
    T* strip = self.memory(0, self.strip_size + kPoints * (tile_plane + gradient_plane));
    T* tile_points = strip + self.strip_size;
    T* gradient_points = tile_points + kPoints * tile_plane;
    T* sums = self.sums + shard * self.sum_size();
    for (Index b = self.boxes.first[shard]; b < self.boxes.first[shard + 1]; ++b) {
      const Box box = self.boxes.box(b);
      self.transform_tiles(self.channel, self.channel_count, box, strip, 0, tiles, tile_points);
      self.transform_gradients(box, strip, 0, tiles, gradient_points);
      with_pitch<T>(self.pitch(), [&](auto constant) {
        for (Index point = 0; point < kPoints; ++point)
          multiply<T, 1, constant.value>(
              tile_points + point * tile_plane, self.channel_count,
              gradient_points + point * gradient_plane, 0, tile_count(box), tiles,
              sums + point * self.sum_plane(), self.lanes(),
              b == self.boxes.first[shard] ? Sum::fresh : Sum::added);
      });
    }
  }

  // A unit of work: one box, all channels and lanes.
  static void transform_box(void* context, Index unit) {
    const WinogradWeightGradient& self = *static_cast<WinogradWeightGradient*>(context);
    const Box box = self.boxes.box(unit);
    const Index tiles = self.tiles(), first = self.first_tile(box), C = self.channels();
    T* strip = self.memory(0, self.strip_size);
    for (Index c = 0; c < C; c += kDeep<T>)
      self.transform_tiles(c, least(kDeep<T>, C - c), box, strip, first, tiles,
                           self.tile_points + c / kDeep<T> * kPoints * self.tile_plane(tiles));
    self.transform_gradients(box, strip, first, tiles, self.gradient_points);
  }

  Index first_tile(const Box& box) const {
    return (box.image * image_rows + box.row / kTile) * image_columns;
  }

  // A unit of work: one point, all shards, a block of the product at a time.
  static void sum_point(void* context, Index point) {
    const WinogradWeightGradient& self = *static_cast<WinogradWeightGradient*>(context);
    constexpr Index W = 2 * kLanes<T>;
    const Index lanes = self.lanes();
    T* sums = self.sums + point * self.sum_plane();
    Index step = 1, levels = 1;  // of the tree over the shards
    for (; step < self.boxes.shards; step *= 2) ++levels;
    T* part = self.memory(0, levels * kPartSize);
    for (Index n = 0; n < lanes; n += W)
      for (Index m = 0; m < self.channel_count; m += kRowsOfBlock) {
        const Index rows = least(kRowsOfBlock, self.channel_count - m);
        const Index width = least(W, lanes - n);
        self.sum_shards(point, m, rows, n, width, 0, step, part);
        for (Index r = 0; r < rows; ++r)
          std::memcpy(sums + (m + r) * lanes + n, part + r * width, width * sizeof(T));
      }
  }

  // Rows [m, m + rows) and lanes [n, n + width) of the product at a point, summed over a subtree of
  // `step` shards; `to` has room for a part on each level below.
  static constexpr Index kPartSize = (kRowsOfBlock + kRowsOne) * 2 * kLanes<T>;
  void sum_shards(Index point, Index m, Index rows, Index n, Index width, Index shard, Index step,
                  T* to) const {
    if (step > 1) {
      sum_shards(point, m, rows, n, width, shard, step / 2, to);
      if (shard + step / 2 >= boxes.shards) return;
      sum_shards(point, m, rows, n, width, shard + step / 2, step / 2, to + kPartSize);
      for (Index i = 0; i < rows * width; ++i) to[i] += to[kPartSize + i];
      return;
    }
    const T* a = tile_points + point * tile_plane(tiles()) + m;
    const T* b = gradient_points + point * gradient_plane(tiles()) +
                 block_offset<T>(n, 0, tiles(), lanes());
    with_pitch<T>(pitch(), [&](auto constant) {
      for (Index unit = boxes.first[shard]; unit < boxes.first[shard + 1]; ++unit) {
        const Box box = boxes.box(unit);
        const Index first = first_tile(box);
        multiply<T, 1, constant.value>(a + first * constant.value, rows, b, first, tile_count(box),
                                       tiles(), to, width,
                                       unit == boxes.first[shard] ? Sum::fresh : Sum::added);
      }
    });
  }

  // A unit of work: some channels, from the sums of all points to the gradient of the filters.
  static void transform_back(void* context, Index unit) {
    const WinogradWeightGradient& self = *static_cast<WinogradWeightGradient*>(context);
    const Index c = unit * kFew, few = least(kFew, self.channel_count - c);
    const Index lanes = self.lanes(), plane = self.sum_plane();
    for (Index point = 0; point < kPoints; ++point)
      add_shards(self.sums + point * plane + c * lanes, self.sums_to_add, self.sum_size(),
                 few * lanes);
    if (self.to.as_sums) return self.put_sums(c, few);
    write_taps(self.sums + c * lanes, plane, few, lanes, self.lane_count,
               self.memory(0, kFew * 9 * lanes), self.channels() * 9,
               self.to.weight + (self.lane * self.channels() + self.channel + c) * 9);
  }

  // The sums at all points of `few` channels from c on, as they are.
  void put_sums(Index c, Index few) const {
    for (Index point = 0; point < kPoints; ++point)
      for (Index m = c; m < c + few; ++m)
        std::memcpy(to.weight + ((point * channels() + channel + m) * outputs() + lane),
                    sums + point * sum_plane() + m * lanes(), lane_count * sizeof(T));
  }
};

// What remains to be done once all shards' sums are added.
template <class T>
struct WinogradTaps {
  const T* sum;  // (kPoints, C, O)
  Index C, O;
  T* grad_weight;  // (O, C, 3, 3)
  const Runtime& runtime;

  void run() { runtime.parallel(ceil_div(C, kFew), transform_back, this); }

  static void transform_back(void* context, Index unit) {
    const WinogradTaps& self = *static_cast<WinogradTaps*>(context);
    const Index C = self.C, O = self.O, lanes = lanes_for<T>(O);
    const Index c = unit * kFew, few = least(kFew, C - c), plane = few * lanes;
    const Index numbers = kPoints * plane;
    T* sums = static_cast<T*>(self.runtime.scratch(0, (numbers + kFew * 9 * lanes) * sizeof(T)));
    std::memset(sums, 0, numbers * sizeof(T));
    for (Index point = 0; point < kPoints; ++point)
      for (Index m = 0; m < few; ++m)
        std::memcpy(sums + point * plane + m * lanes, self.sum + (point * C + c + m) * O,
                    O * sizeof(T));
    write_taps(sums, plane, few, lanes, O, sums + numbers, C * 9, self.grad_weight + c * 9);
  }
};

}  // namespace
}  // namespace clearconv::CLEARCONV_VARIANT
