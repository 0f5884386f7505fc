// Convolution as a register-tiled product of patches and filters, compiled per instruction set.
//
// Forward: rows = output pixels, k = (tap, input channel), lanes = output channels.
// Input gradient: rows = input pixels, k = (tap, output channel), lanes = input channels; a stride
// s splits it into s*s phases, each an ordinary convolution of grad_y with every s-th tap, so that
// no inserted zero is ever multiplied.
// Weight gradient: rows = (tap, input channel), k = pixels, lanes = output channels.
//
// Padding is a zero that takes part: a weight that is not finite shows at every border it reaches.
#include "native.h"

#include "../../native/patches.h"
#include "../../native/shards.h"

namespace clearconv::CLEARCONV_VARIANT {
namespace {

constexpr Index kChunk = kRowsOne * (112 / kRowsOne);  // pixels of one panel: whole tiles
constexpr Index kUnit = 4 * kChunk;                    // pixels of one unit of work, at most
constexpr Index kWorthAThread = 400000;                // multiply-adds that outweigh waking one

// Taps of one axis, in the order in which they are read: first, first + step, ...
struct Taps {
  Index first, step;
};

// Filters as the B of the tile: k = (row tap, column tap, channel), zeros in the unused lanes.
template <class T>
struct Filters {
  const T* data;  // weight of tap (0, 0), first channel, first lane
  Index lanes, lane_stride, channels, channel_stride, row_stride, column_stride;
  Taps rows, columns;

  Index blocks() const { return ceil_div(lanes, 2 * kLanes<T>); }

  // Pack one block of lanes. Channels go outermost: so every line of the weights is read once.
  void pack(Index block, Index row_taps, Index column_taps, T* to) const {
    const Index width = lanes_for<T>(lanes), depth = row_taps * column_taps * channels;
    const Index first = block * 2 * kLanes<T>;
    const Index padded = least(2 * kLanes<T>, width - first), count = least(padded, lanes - first);
    for (Index c = 0; c < channels; ++c)
      for (Index i = 0; i < row_taps; ++i)
        for (Index j = 0; j < column_taps; ++j) {
          const T* from = data + first * lane_stride + c * channel_stride +
                          (rows.first + i * rows.step) * row_stride +
                          (columns.first + j * columns.step) * column_stride;
          const Index k = (i * column_taps + j) * channels + c;
          T* row = to + block_offset<T>(first, k, depth, width);
          for (Index n = 0; n < count; ++n) row[n] = from[n * lane_stride];
          for (Index n = count; n < padded; ++n) row[n] = 0;
        }
  }
};

// One convolution: patches times filters, into (image, row, column, lane) of the result.
template <class T>
struct Pass {
  Patches<T> x;
  Filters<T> filters;
  T* packed;      // the filters, ready for the tile
  const T* bias;  // or null
  T* to;          // result of the first pixel
  Index to_image, to_row, to_column;
  Index unit_images, unit_rows, row_units, units;

  // Divide into units of about `pixels` each: whole rows of one image, or whole images.
  void divide(Index pixels) {
    const Index N = x.image.shape[0], P = x.h.output, Q = x.w.output;
    unit_rows = least(P, ceil_div(pixels, Q));
    unit_images = unit_rows < P ? 1 : least(most(N, 1), ceil_div(pixels, P * Q));
    row_units = ceil_div(P, unit_rows);
    units = ceil_div(N, unit_images) * row_units;
  }

  Box box(Index unit) const {
    const Index image = unit / row_units * unit_images, row = unit % row_units * unit_rows;
    return {image, least(unit_images, x.image.shape[0] - image),
            row, least(unit_rows, x.h.output - row), x.w.output};
  }

  Index lanes() const { return lanes_for<T>(filters.lanes); }

  Index scratch() const {  // numbers
    return kChunk * (kPanelStride<T> + lanes()) + strip_size(x, unit_images, unit_rows);
  }

  void compute(Index unit, const Runtime& runtime) const {
    T* panel = static_cast<T*>(runtime.scratch(0, scratch() * sizeof(T)));
    T* acc = panel + kChunk * kPanelStride<T>;  // (kChunk, lanes)
    const Box box = this->box(unit);
    const Index depth = x.depth(), blocks = ceil_div(depth, kDepth<T>);
    Source<T> source = {};
    if (depth > 0) source = open(x, box, acc + kChunk * lanes());
    for (Index first = 0; first < box.pixels(); first += kChunk) {
      const Index count = least(kChunk, box.pixels() - first);
      if (depth == 0) std::memset(acc, 0, count * lanes() * sizeof(T));
      for (Index b = 0; b < blocks; ++b) {
        const Index k0 = depth * b / blocks, k1 = depth * (b + 1) / blocks;
        gather(x, source, box, first, count, k0, k1, panel);
        for (Index m = count; m < kChunk && m % kRowsOne != 0; ++m)  // fill the last tile
          std::memset(panel + m * kPanelStride<T>, 0, (k1 - k0) * sizeof(T));
        multiply<T, kPanelStride<T>, 1>(panel, count, packed, k0, k1 - k0, depth, acc, lanes(),
                                        b == 0);
      }
      write(box, first, count, acc);
    }
  }

  void write(const Box& box, Index first, Index count, const T* acc) const {
    constexpr int L = kLanes<T>;
    Pixel at(box, first);
    for (Index m = 0; m < count; ++m, at.next(box), acc += lanes()) {
      T* y = to + (box.image + at.n) * to_image + (box.row + at.p) * to_row + at.q * to_column;
      Index o = 0;
      for (; o + L <= filters.lanes; o += L)
        store(y + o, bias ? load(acc + o) + load(bias + o) : load(acc + o));
      for (; o < filters.lanes; ++o) y[o] = bias ? acc[o] + bias[o] : acc[o];
    }
  }
};

// All passes of one call share its threads: their units form one list.
template <class T>
struct Passes {
  Pass<T>* pass;
  Index count;
  const Runtime& runtime;

  void run(T* packed) {
    Index work = 0;
    for (Index i = 0; i < count; ++i) {
      const Patches<T>& x = pass[i].x;
      work += x.image.shape[0] * x.h.output * x.w.output * x.depth() * pass[i].lanes();
    }
    const Index shares = most(1, least(4 * runtime.threads(), work / kWorthAThread));
    Index units = 0, blocks = 0, weights = 0;
    for (Index i = 0; i < count; ++i) {
      Pass<T>& one = pass[i];
      const Index pixels = one.x.image.shape[0] * one.x.h.output * one.x.w.output;
      one.divide(most(kRowsOne, least(kUnit, ceil_div(pixels * count, shares))));
      one.packed = packed + weights;
      weights += one.x.depth() * one.lanes();
      blocks += one.filters.blocks();
      units += one.units;
    }
    if (weights < kWorthAThread / 8)
      for (Index block = 0; block < blocks; ++block) pack(this, block);
    else
      runtime.parallel(blocks, pack, this);
    runtime.parallel(units, compute, this);
  }

  static void pack(void* context, Index block) {
    const Pass<T>* pass = static_cast<Passes*>(context)->pass;
    for (; block >= pass->filters.blocks(); ++pass) block -= pass->filters.blocks();
    pass->filters.pack(block, pass->x.h.taps, pass->x.w.taps, pass->packed);
  }

  static void compute(void* context, Index unit) {
    const Passes& passes = *static_cast<Passes*>(context);
    const Pass<T>* pass = passes.pass;
    for (; unit >= pass->units; ++pass) unit -= pass->units;
    pass->compute(unit, passes.runtime);
  }
};

// The slice of channels [first, first + count).
template <class T>
Tensor<T> channels(Tensor<T> image, Index first, Index count) {
  image.data += first * image.stride[1];
  image.shape[1] = count;
  return image;
}

template <class T>
Pass<T> make_pass(const Patches<T>& x, const Filters<T>& filters, const T* bias, T* to,
                  Index to_image, Index to_row, Index to_column) {
  return {x, filters, nullptr, bias, to, to_image, to_row, to_column, 0, 0, 0, 0};
}

// Memory for `count` passes and their packed filters.
template <class T>
struct Workspace {
  Pass<T>* pass;
  T* packed;
  Workspace(Index count, Index numbers, const Runtime& runtime) {
    const Index head = ceil_div(count * sizeof(Pass<T>), 64) * 64;
    char* memory = static_cast<char*>(runtime.scratch(1, head + numbers * sizeof(T)));
    pass = reinterpret_cast<Pass<T>*>(memory);
    packed = reinterpret_cast<T*>(memory + head);
  }
};

Axis forward_axis(const Geometry& window, int axis) {
  return {window.input[axis],  window.output[axis],   window.kernel[axis],
          window.stride[axis], window.dilation[axis], -window.before[axis]};
}

template <class T>
void forward(const Tensor<const T>& x, const Tensor<const T>& weight, const T* bias,
             const Geometry& window, Index groups, const Tensor<T>& y, const Runtime& runtime) {
  const Index O = weight.shape[0] / groups, I = weight.shape[1];
  const Index taps = window.kernel[0] * window.kernel[1];
  Workspace<T> space(groups, groups * taps * I * lanes_for<T>(O), runtime);
  for (Index g = 0; g < groups; ++g) {
    const Patches<T> patches = {channels(x, g * I, I), forward_axis(window, 0),
                                forward_axis(window, 1)};
    const Filters<T> filters = {weight.data + g * O * weight.stride[0],
                                O,
                                weight.stride[0],
                                I,
                                weight.stride[1],
                                weight.stride[2],
                                weight.stride[3],
                                {0, 1},
                                {0, 1}};
    space.pass[g] = make_pass(patches, filters, bias ? bias + g * O : nullptr, y.data + g * O,
                              y.stride[0], y.stride[2], y.stride[3]);
  }
  Passes<T>{space.pass, groups, runtime}.run(space.packed);
}

// One phase of the input gradient along one axis: every stride-th input, from the first on that
// lies `phase` behind a multiple of the stride (counted on the padded axis).
//
// Input r + before = u*stride + phase meets tap i of output u - (i*dilation - phase)/stride, if
// that is whole. The taps that do lie stride/gcd apart; read from the last to the first, they look
// at outputs in ascending order, as a forward window does.
struct Phase {
  Axis axis;     // a window that walks over grad_y
  Taps taps;     // which kernel elements it holds
  Index first;   // first input it gives; the next lies `stride` further
  Phase(const Geometry& window, int side, Index phase) {
    const Index stride = window.stride[side], dilation = window.dilation[side];
    const Index K = window.kernel[side], before = window.before[side];
    Index count = 0, lowest = 0, step = 1, highest = 0;
    for (Index i = 0; i < K; ++i)
      if (i * dilation % stride == phase) {
        if (count == 0) lowest = i;
        if (count == 1) step = i - lowest;
        highest = i;
        ++count;
      }
    const Index skipped = most(0, ceil_div(before - phase, stride));  // inputs in the padding
    first = skipped * stride + phase - before;
    const Index inputs = first < window.input[side]
                             ? ceil_div(window.input[side] - first, stride)
                             : 0;
    taps = {highest, -step};
    axis = {window.output[side], inputs, count, 1, step * dilation / stride,
            skipped - (highest * dilation - phase) / stride};
  }
};

template <class T>
void backward_input(const Tensor<const T>& grad_y, const Tensor<const T>& weight,
                    const Geometry& window, Index groups, const Tensor<T>& grad_x,
                    const Runtime& runtime) {
  const Index O = weight.shape[0] / groups, I = weight.shape[1];
  const Index taps = window.kernel[0] * window.kernel[1];
  const Index phases = window.stride[0] * window.stride[1];
  Workspace<T> space(groups * phases, groups * taps * O * lanes_for<T>(I), runtime);
  Index count = 0;
  for (Index a = 0; a < window.stride[0]; ++a)
    for (Index b = 0; b < window.stride[1]; ++b) {
      const Phase rows(window, 0, a), columns(window, 1, b);
      if (rows.axis.output == 0 || columns.axis.output == 0) continue;
      for (Index g = 0; g < groups; ++g) {
        const Patches<T> patches = {channels(grad_y, g * O, O), rows.axis, columns.axis};
        const Filters<T> filters = {weight.data + g * O * weight.stride[0],
                                    I,
                                    weight.stride[1],
                                    O,
                                    weight.stride[0],
                                    weight.stride[2],
                                    weight.stride[3],
                                    rows.taps,
                                    columns.taps};
        T* to = grad_x.data + g * I + rows.first * grad_x.stride[2] +
                columns.first * grad_x.stride[3];
        const T* none = nullptr;
        space.pass[count++] = make_pass(patches, filters, none, to, grad_x.stride[0],
                                        window.stride[0] * grad_x.stride[2],
                                        window.stride[1] * grad_x.stride[3]);
      }
    }
  Passes<T>{space.pass, count, runtime}.run(space.packed);
}

// Pixels of grad_y as the B of the tile: k = pixel, lanes = output channels.
template <class T>
void pack_pixels(const Tensor<const T>& grad_y, const Box& box, Index first, Index count,
                 Index depth, T* to) {
  constexpr int L = kLanes<T>;
  const Index O = grad_y.shape[1], lanes = lanes_for<T>(O), os = grad_y.stride[1];
  Pixel at(box, first);
  for (Index m = 0; m < count; ++m, at.next(box)) {
    const T* from = grad_y.data + (box.image + at.n) * grad_y.stride[0] +
                    (box.row + at.p) * grad_y.stride[2] + at.q * grad_y.stride[3];
    for (Index n = 0; n < lanes; n += L) {
      T* vector = to + block_offset<T>(n, m, depth, lanes);
      if (os == 1 && n + L <= O) {
        store(vector, load(from + n));
      } else {
        for (Index o = n; o < n + L; ++o) vector[o - n] = o < O ? from[o * os] : T(0);
      }
    }
  }
}

// The weight gradient, cut into blocks of rows = (tap, input channel) and shards of images.
template <class T>
struct WeightGradient {
  static constexpr Index kRows = kDepth<T> / kRowsOne * kRowsOne;  // of one block: whole tiles
  static constexpr Index kPixels = 128;                            // of one panel

  Tensor<const T> x, grad_y;
  Geometry window;
  Index groups;
  T* grad_weight;
  const Runtime& runtime;
  T* partial;  // (blocks of this round, shards, kRows, lanes)
  Index first_block;

  Index O() const { return grad_y.shape[1] / groups; }
  Index I() const { return x.shape[1] / groups; }
  Index lanes() const { return lanes_for<T>(O()); }
  Index depth() const { return window.kernel[0] * window.kernel[1] * I(); }
  Index blocks_per_group() const { return ceil_div(depth(), kRows); }
  Index shards() const { return shard_count(x.shape[0]); }
  Index partial_size() const { return kRows * lanes(); }
  T* partial_of(Index block, Index shard) const {
    return partial + ((block - first_block) * shards() + shard) * partial_size();
  }

  void run() {
    const Index blocks = groups * blocks_per_group();
    // Partial sums take 16 MB at most, or one block's: more blocks go in rounds.
    const Index each = shards() * partial_size() * Index(sizeof(T));
    const Index round = most(1, least(blocks, (Index(16) << 20) / most(each, 1)));
    partial = static_cast<T*>(runtime.scratch(1, round * each));
    for (first_block = 0; first_block < blocks; first_block += round) {
      const Index count = least(round, blocks - first_block);
      runtime.parallel(count * shards(), add_up, this);
      runtime.parallel(count, combine, this);
    }
  }

  static void add_up(void* context, Index unit) {
    const WeightGradient& self = *static_cast<WeightGradient*>(context);
    const Index shards = self.shards(), group_blocks = self.blocks_per_group();
    const Index block = self.first_block + unit / shards, shard = unit % shards;
    const Index g = block / group_blocks, k0 = block % group_blocks * kRows;
    self.add_shard(g, k0, least(self.depth(), k0 + kRows), shard, self.partial_of(block, shard));
  }

  void add_shard(Index g, Index k0, Index k1, Index shard, T* total) const {
    const Patches<T> patches = {channels(x, g * I(), I()), forward_axis(window, 0),
                                forward_axis(window, 1)};
    const Tensor<const T> grads = channels(grad_y, g * O(), O());
    const Shard images(x.shape[0], shard);
    const Chunks chunks(images, window.output[0], window.output[1]);
    const Index numbers = kPixels * (kPanelStride<T> + lanes()) + partial_size();
    const Index strip = strip_size(patches, chunks.images, chunks.rows);
    T* panel = static_cast<T*>(runtime.scratch(0, (numbers + strip + kDepth<T>) * sizeof(T)));
    T* pixels = panel + kPixels * kPanelStride<T> + kDepth<T>;  // (kPixels, lanes)
    T* acc = pixels + kPixels * lanes();                        // (kRows, lanes)
    std::memset(total, 0, partial_size() * sizeof(T));
    for (Index c = 0; c < chunks.count; ++c) {
      const Box box = chunks.box(c);
      const Source<T> source = open(patches, box, acc + partial_size());
      for (Index first = 0; first < box.pixels(); first += kPixels) {
        const Index count = least(kPixels, box.pixels() - first);
        gather(patches, source, box, first, count, k0, k1, panel);
        pack_pixels(grads, box, first, count, kPixels, pixels);
        multiply<T, 1, kPanelStride<T>>(panel, k1 - k0, pixels, 0, count, kPixels, acc, lanes(),
                                        first % kChunkPixels == 0);
        if ((first + count) % kChunkPixels == 0 || first + count == box.pixels())
          for (Index i = 0; i < (k1 - k0) * lanes(); ++i) total[i] += acc[i];
      }
    }
  }

  // Add the shards of one block, and write it as (O, I, KH, KW).
  static void combine(void* context, Index unit) {
    const WeightGradient& self = *static_cast<WeightGradient*>(context);
    const Index block = self.first_block + unit, group_blocks = self.blocks_per_group();
    const Index g = block / group_blocks, k0 = block % group_blocks * kRows;
    const Index k1 = least(self.depth(), k0 + kRows), lanes = self.lanes();
    const Index O = self.O(), I = self.I(), taps = self.window.kernel[0] * self.window.kernel[1];
    T* sum = self.partial_of(block, 0);
    add_shards(sum, self.shards(), self.partial_size(), (k1 - k0) * lanes);
    for (Index o = 0; o < O; ++o)
      for (Index k = k0; k < k1; ++k)
        self.grad_weight[((g * O + o) * I + k % I) * taps + k / I] = sum[(k - k0) * lanes + o];
  }
};

template <class T>
void backward_weight(const Tensor<const T>& grad_y, const Tensor<const T>& x,
                     const Geometry& window, Index groups, T* grad_weight,
                     const Runtime& runtime) {
  if (x.shape[0] == 0) {
    std::memset(grad_weight, 0, grad_y.shape[1] * x.shape[1] / groups * window.kernel[0] *
                                    window.kernel[1] * sizeof(T));
    return;
  }
  WeightGradient<T>{x, grad_y, window, groups, grad_weight, runtime, nullptr, 0}.run();
}

// The bias gradient: each shard adds up its pixels, four at a time.
template <class T>
struct BiasGradient {
  static constexpr Index kPixels = 128;

  Tensor<const T> grad_y;
  const Runtime& runtime;
  T* partial;  // (shards, lanes)

  static void add_up(void* context, Index shard) {
    const BiasGradient& self = *static_cast<BiasGradient*>(context);
    constexpr int L = kLanes<T>;
    const Index lanes = lanes_for<T>(self.grad_y.shape[1]);
    const Shard images(self.grad_y.shape[0], shard);
    const Chunks chunks(images, self.grad_y.shape[2], self.grad_y.shape[3]);
    T* pixels = static_cast<T*>(self.runtime.scratch(0, (kPixels + 1) * lanes * sizeof(T)));
    T* acc = pixels + kPixels * lanes;
    T* total = self.partial + shard * lanes;
    std::memset(total, 0, lanes * sizeof(T));
    for (Index c = 0; c < chunks.count; ++c) {
      const Box box = chunks.box(c);
      for (Index first = 0; first < box.pixels(); first += kPixels) {
        const Index count = least(kPixels, box.pixels() - first);
        pack_pixels(self.grad_y, box, first, count, kPixels, pixels);
        if (first % kChunkPixels == 0) std::memset(acc, 0, lanes * sizeof(T));
        for (Index n = 0; n < lanes; n += L) {
          Vector<T> sum[4] = {};
          for (Index k = 0; k < count; ++k)
            sum[k % 4] += load(pixels + block_offset<T>(n, k, kPixels, lanes));
          store(acc + n, load(acc + n) + ((sum[0] + sum[1]) + (sum[2] + sum[3])));
        }
        if ((first + count) % kChunkPixels == 0 || first + count == box.pixels())
          for (Index n = 0; n < lanes; ++n) total[n] += acc[n];
      }
    }
  }
};

template <class T>
void backward_bias(const Tensor<const T>& grad_y, T* grad_bias, const Runtime& runtime) {
  const Index O = grad_y.shape[1], lanes = lanes_for<T>(O), shards = shard_count(grad_y.shape[0]);
  T* partial = static_cast<T*>(runtime.scratch(1, most(1, shards) * lanes * sizeof(T)));
  if (shards == 0) std::memset(partial, 0, lanes * sizeof(T));
  BiasGradient<T> sums{grad_y, runtime, partial};
  runtime.parallel(shards, BiasGradient<T>::add_up, &sums);
  add_shards(partial, shards, lanes, lanes);
  std::memcpy(grad_bias, partial, O * sizeof(T));
}

}  // namespace

extern const conv2d::Kernels conv2d_kernels = {
    {forward<float>, backward_input<float>, backward_weight<float>, backward_bias<float>},
    {forward<double>, backward_input<double>, backward_weight<double>, backward_bias<double>},
};

}  // namespace clearconv::CLEARCONV_VARIANT
