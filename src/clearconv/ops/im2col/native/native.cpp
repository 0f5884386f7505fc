// im2col and col2im row by row, compiled per instruction set.
//
// A row of the matrix runs along the image's columns, so both directions work on planes: some
// channels of some image rows, each channel by itself.
#include "native.h"

#include "native/window.h"

namespace clearconv::CLEARCONV_VARIANT {
namespace {

constexpr Index kChannels = 16;           // whose planes are made at once: a cache line of floats
constexpr Index kPlaneNumbers = 1 << 15;  // room for them, unless a single row needs more

// Units of work: kChannels channels of some rows of an image.
struct Blocks {
  Index channels, rows, height, row_units, channel_units;
  Blocks(Index channels, Index rows, Index height)
      : channels(channels), rows(rows), height(height), row_units(ceil_div(height, rows)),
        channel_units(ceil_div(channels, kChannels)) {}

  // Call pass.block(n, c0, c1, r0, r1) for every block of every image.
  template <class Pass>
  static void each(const Pass& pass, Index images, const Runtime& runtime) {
    runtime.parallel(images * pass.blocks.channel_units * pass.blocks.row_units, work<Pass>,
                     const_cast<Pass*>(&pass));
  }
  template <class Pass>
  static void work(void* context, Index unit) {
    const Pass& pass = *static_cast<const Pass*>(context);
    const Blocks& b = pass.blocks;
    const Index r0 = unit % b.row_units * b.rows, c = unit / b.row_units;
    const Index c0 = c % b.channel_units * kChannels;
    pass.block(c / b.channel_units, c0, least(b.channels, c0 + kChannels), r0,
               least(b.height, r0 + b.rows));
  }
};

// Some channels of some rows of an image; the columns of a row adjoin.
template <class T>
struct Planes {
  T* data;  // of input row 0
  Index channel, row;
};

// im2col: blocks of output rows.
template <class T>
struct Columns {
  Tensor<const T> x;
  Geometry window;
  T* y;
  const Runtime& runtime;
  Blocks blocks;

  // As many output rows as the input rows fit into the planes.
  static Index rows(const Geometry& window) {
    const Index reach = window.dilation[0] * (window.kernel[0] - 1) + 1;
    const Index room = kPlaneNumbers / (kChannels * window.input[1]);
    return least(window.output[0], most(0, room - reach) / window.stride[0] + 1);
  }

  void block(Index n, Index c0, Index c1, Index p0, Index p1) const {
    const Planes<const T> planes = open(n, c0, c1, p0, p1);
    const Index KH = window.kernel[0], KW = window.kernel[1];
    T* to = y + (n * x.shape[1] + c0) * KH * KW * window.output[0] * window.output[1];
    for (Index c = 0; c < c1 - c0; ++c)
      for (Index i = 0; i < KH; ++i)
        for (Index j = 0; j < KW; ++j, to += window.output[0] * window.output[1])
          fill(planes.data + c * planes.channel, planes.row, i, j, p0, p1, to);
  }

  // The planes that output rows [p0, p1) look at: the image itself, or a copy.
  Planes<const T> open(Index n, Index c0, Index c1, Index p0, Index p1) const {
    const Index W = window.input[1], cs = x.stride[1], hs = x.stride[2], ws = x.stride[3];
    const T* image = x.data + n * x.stride[0] + c0 * cs;
    if (ws == 1) return {image, cs, hs};
    const Index reach = window.dilation[0] * (window.kernel[0] - 1) + 1;
    const Index top = most(0, p0 * window.stride[0] - window.before[0]);
    const Index bottom =
        least(window.input[0], (p1 - 1) * window.stride[0] - window.before[0] + reach);
    const Index height = most(0, bottom - top), channel = height * W;
    T* planes = static_cast<T*>(runtime.scratch(0, (c1 - c0) * channel * sizeof(T)));
    for (Index r = 0; r < height; ++r)
      for (Index t = 0; t < W; ++t)
        for (Index c = 0; c < c1 - c0; ++c)
          planes[c * channel + r * W + t] = image[(top + r) * hs + t * ws + c * cs];
    return {planes - top * W, channel, W};
  }

  // Output rows [p0, p1) of one row of the matrix.
  void fill(const T* plane, Index row, Index i, Index j, Index p0, Index p1, T* to) const {
    const Served columns(window, 1, j);
    const Index OW = window.output[1], stride = window.stride[1];
    const Index count = columns.behind - columns.first;
    for (Index p = p0; p < p1; ++p) {
      const Index r = p * window.stride[0] + i * window.dilation[0] - window.before[0];
      T* y = to + p * OW;
      if (r < 0 || r >= window.input[0] || count == 0) {
        std::memset(y, 0, OW * sizeof(T));
        continue;
      }
      const T* from = plane + r * row + columns.start + columns.first * stride;
      std::memset(y, 0, columns.first * sizeof(T));
      if (stride == 1)
        std::memcpy(y + columns.first, from, count * sizeof(T));
      else
        for (Index q = 0; q < count; ++q) y[columns.first + q] = from[q * stride];
      std::memset(y + columns.behind, 0, (OW - columns.behind) * sizeof(T));
    }
  }
};

// col2im: blocks of input rows. Every pixel adds up its copies, in the order of the elements.
template <class T>
struct Image {
  Tensor<const T> grad_y;
  Geometry window;
  Tensor<T> grad_x;
  const Runtime& runtime;
  Blocks blocks;

  static Index rows(const Geometry& window) {
    const Index room = kPlaneNumbers / (kChannels * window.input[1]);
    return least(window.input[0], most(1, room));
  }

  void block(Index n, Index c0, Index c1, Index r0, Index r1) const {
    const Index W = window.input[1], KH = window.kernel[0], KW = window.kernel[1];
    const Index channel = (r1 - r0) * W, size = (c1 - c0) * channel * sizeof(T);
    T* planes = static_cast<T*>(runtime.scratch(0, size));
    std::memset(planes, 0, size);
    const T* from = grad_y.data + n * grad_y.stride[0] + c0 * KH * KW * grad_y.stride[1];
    for (Index c = 0; c < c1 - c0; ++c)
      for (Index i = 0; i < KH; ++i)
        for (Index j = 0; j < KW; ++j, from += grad_y.stride[1])
          add(from, i, j, r0, r1, planes + c * channel);
    for (Index r = r0; r < r1; ++r)
      for (Index t = 0; t < W; ++t) {
        T* to = grad_x.data + n * grad_x.stride[0] + r * grad_x.stride[2] + t * grad_x.stride[3];
        const T* sum = planes + (r - r0) * W + t;
        for (Index c = c0; c < c1; ++c) to[c] = sum[(c - c0) * channel];
      }
  }

  // Add one row of the matrix to input rows [r0, r1), here at `plane`.
  void add(const T* from, Index i, Index j, Index r0, Index r1, T* plane) const {
    const Served served(window, 0, i), columns(window, 1, j);
    const Index step = window.stride[0], stride = window.stride[1], next = grad_y.stride[2];
    const Index count = columns.behind - columns.first;
    const Index first = most(served.first, ceil_div(most(0, r0 - served.start), step));
    for (Index p = first; p < served.behind && served.start + p * step < r1; ++p) {
      const T* y = from + (p * window.output[1] + columns.first) * next;
      T* to = plane + (served.start + p * step - r0) * window.input[1] + columns.start +
              columns.first * stride;
      if (stride == 1 && next == 1)
        for (Index q = 0; q < count; ++q) to[q] += y[q];
      else
        for (Index q = 0; q < count; ++q) to[q * stride] += y[q * next];
    }
  }
};

template <class T>
void forward(const Tensor<const T>& x, const Geometry& window, T* y, const Runtime& runtime) {
  const Blocks blocks(x.shape[1], Columns<T>::rows(window), window.output[0]);
  Blocks::each(Columns<T>{x, window, y, runtime, blocks}, x.shape[0], runtime);
}

template <class T>
void backward_input(const Tensor<const T>& grad_y, const Geometry& window,
                    const Tensor<T>& grad_x, const Runtime& runtime) {
  const Blocks blocks(grad_x.shape[1], Image<T>::rows(window), window.input[0]);
  Blocks::each(Image<T>{grad_y, window, grad_x, runtime, blocks}, grad_x.shape[0], runtime);
}

}  // namespace

extern const im2col::Kernels im2col_kernels = {{forward<float>, backward_input<float>},
                                               {forward<double>, backward_input<double>}};

}  // namespace clearconv::CLEARCONV_VARIANT
