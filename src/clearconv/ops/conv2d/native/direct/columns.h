// The input gradient by columns: each output pixel, times all filters, is what it gives back to the
// pixels under its window; where windows overlap, these columns are added (col2im).
//
// The phases of product.h read grad_y once for each, and multiply zeros of the padding and of
// unused lanes; columns do not, and pay with additions: many for each multiply-add where channels
// are few.
#pragma once

#include "native/tile/finish.h"
#include "native/passes/shards.h"
#include "ops/conv2d/native/routes.h"
#include "patch_product.h"

namespace clearconv::CLEARCONV_VARIANT {
namespace {

template <class T>
struct ColumnsPass {
  static constexpr Index kBoxNumbers = 1 << 15;     // of grad_x in a unit of work, about
  static constexpr Index kColumnNumbers = 1 << 15;  // of columns at a time

  Operand<T> grad_y;
  Tensor<const T> weight;  // (O groups, I, KH, KW)
  Geometry window;
  Index groups;
  Epilogue<T> to;
  const Runtime& runtime;
  T* packed;  // (groups, filters as the tile's B: k = output channel, lanes = (tap, input channel))

  Index O() const { return weight.shape[0] / groups; }
  Index I() const { return weight.shape[1]; }
  Index column() const { return window.kernel[0] * window.kernel[1] * I(); }
  Index lanes() const { return lanes_for<T>(column()); }
  Index width() const {  // of the padded input, as far as windows or results reach
    const Index reach = (window.output[1] - 1) * window.stride[1] +
                        (window.kernel[1] - 1) * window.dilation[1] + 1;
    return most(reach, window.before[1] + window.input[1]);
  }
  BatchChunks boxes() const {
    return BatchChunks(whole_batch(grad_y.shape(0)), window.input[0], window.input[1],
                       kBoxNumbers / I());
  }
  Index rows_at_a_time() const {
    return most(1, least(window.output[0], kColumnNumbers / (lanes() * window.output[1])));
  }

  void run() {
    ran(Route::columns);
    packed = static_cast<T*>(runtime.scratch(1, groups * O() * lanes() * sizeof(T)));
    for (Index g = 0; g < groups; ++g) pack(g);
    runtime.parallel(groups * boxes().count(), compute, this);
  }

  // Lanes of a block are neighbours, so the channels of a tap are copied in a few runs.
  void pack(Index group) {
    constexpr Index W = 2 * kLanes<T>;
    const Index depth = O(), width = lanes(), channels = I(), step = weight.stride[1];
    T* to = packed + group * depth * width;
    std::memset(to, 0, depth * width * sizeof(T));
    for (Index o = 0; o < depth; ++o) {
      const T* filter = weight.data + (group * depth + o) * weight.stride[0];
      Index lane = 0;
      for (Index i = 0; i < window.kernel[0]; ++i)
        for (Index j = 0; j < window.kernel[1]; ++j) {
          const T* from = filter + i * weight.stride[2] + j * weight.stride[3];
          for (const Index stop = lane + channels; lane < stop;) {
            const Index run = least(W - lane % W, stop - lane);
            T* row = to + block_offset<T>(lane, o, depth, width);
            for (Index m = 0; m < run; ++m) row[m] = from[m * step];
            lane += run, from += run * step;
          }
        }
    }
  }

  static void compute(void* context, Index unit) {
    const ColumnsPass& self = *static_cast<ColumnsPass*>(context);
    const Index boxes = self.boxes().count();
    self.give_back(unit / boxes, self.boxes().box(unit % boxes));
  }

  // What a box of grad_x gets, of one group's channels.
  void give_back(Index group, const Box& box) const {
    const Index H = window.output[0], W = window.output[1], rows = rows_at_a_time();
    const Patches<T> pixels = pixels_of(grad_y, group * O(), O());
    const Index most_groups = ceil_div(rows * W + kTallest, 8) * 8;
    const Index columns = (rows * W + 4) * lanes();
    const Index sums = box.rows * width() * I() + kLanes<T>;
    const T** starts = static_cast<const T**>(runtime.scratch(
        0, 2 * most_groups * sizeof(Index) +
               (columns + sums + strip_size(pixels, 1, rows, kGroupBeyond)) * sizeof(T)));
    const RowGroups<T> groups = {starts, reinterpret_cast<Index*>(starts + most_groups), 0};
    T* column = reinterpret_cast<T*>(groups.acc + most_groups);  // (pixels and a group more, lanes)
    T* sum = column + columns;                                   // (rows, width, channels)
    // The windows that reach into the box.
    const Index reach = (window.kernel[0] - 1) * window.dilation[0], stride = window.stride[0];
    const Index first = most(0, ceil_div(box.row + window.before[0] - reach, stride));
    const Index stop = least(H, (box.row + box.rows - 1 + window.before[0]) / stride + 1);
    for (Index n = box.image; n < box.image + box.images; ++n) {
      std::memset(sum, 0, sums * sizeof(T));
      for (Index p = first; p < stop; p += rows) {
        const Box some = {n, 1, p, least(rows, stop - p), W};
        const Source<T> source = open(pixels, some, kGroupBeyond, false, sum + sums);
        multiply_patches(pixels, source, some, groups, packed + group * O() * lanes(), lanes(), 0,
                         lanes(), column, lanes());
        add(column, some, box, sum);
      }
      for (Index r = 0; r < box.rows; ++r)
        finish(to, nullptr, {n, 1, box.row + r, 1, box.columns}, 0,
               {sum + (r * width() + window.before[1]) * I(), I(), group * I(), I()});
    }
  }

  // Add the columns of some rows of windows to the rows of the box below them.
  void add(const T* column, const Box& windows, const Box& box, T* sum) const {
    const bool adjoin = window.dilation[1] == 1;  // a kernel row is one run
    const Index length = adjoin ? window.kernel[1] * I() : I();
    const Index runs = adjoin ? 1 : window.kernel[1], step = window.stride[1] * I();
    for (Index p = 0; p < windows.rows; ++p)
      for (Index i = 0; i < window.kernel[0]; ++i) {
        const Index r = (windows.row + p) * window.stride[0] + i * window.dilation[0] -
                        window.before[0] - box.row;
        if (r < 0 || r >= box.rows) continue;
        for (Index j = 0; j < runs; ++j)
          add_runs(column + p * windows.columns * lanes() + (i * runs + j) * length, lanes(),
                   sum + (r * width() + j * window.dilation[1]) * I(), step, windows.columns,
                   length);
      }
  }

  // A run of numbers for each window of a row. Behind its end, zeros are added.
  static void add_runs(const T* from, Index from_step, T* to, Index to_step, Index count,
                       Index length) {
    constexpr int L = kLanes<T>;
    const Index whole = length / L * L, rest = length - whole;
    Mask<T> inside;
    for (int l = 0; l < L; ++l) inside[l] = l < rest ? -1 : 0;
    for (Index q = 0; q < count; ++q, from += from_step, to += to_step) {
      for (Index k = 0; k < whole; k += L) store(to + k, load(to + k) + load(from + k));
      if (rest == 0) continue;
      const Vector<T> last = load(from + whole);
      store(to + whole, load(to + whole) + (inside ? last : Vector<T>{}));
    }
  }
};

}  // namespace
}  // namespace clearconv::CLEARCONV_VARIANT
