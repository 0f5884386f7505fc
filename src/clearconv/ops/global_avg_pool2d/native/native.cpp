// Global average pooling with a vector of neighbouring channels at a time, compiled per
// instruction set.
#include "native.h"

#include "native/passes/channels.h"
#include "native/tile/rows.h"
#include "native/passes/shards.h"

namespace clearconv::CLEARCONV_VARIANT {
namespace {

// Forward: chunks of pixels are summed from zero and then added; within a chunk, every fourth
// pixel goes to the same sum. Rounding stays small, and the order is the same in any memory.
template <class T>
struct Mean {
  Tensor<const T> x;
  const T* end;
  Tensor<T> y;

  void row(Index n, Index) const {
    const Index C = x.shape[1], cs = x.stride[1];
    const T* image = x.data + n * x.stride[0];
    const T pixels = T(x.shape[2] * x.shape[3]);
    T* to = y.data + n * y.stride[0];
    if (cs == 1)
      each_vector<T>(C, [&](Index c, Index count) {
        const auto from = [=](const T* pixel) { return read<T>(pixel, 1, count, end); };
        write(to + c, sum<Vector<T>>(image + c, from) / pixels, count, to + C);
      });
    else
      for (Index c = 0; c < C; ++c)
        to[c] = sum<T>(image + c * cs, [](const T* pixel) { return *pixel; }) / pixels;
  }

  // The sum over all pixels of what `from` reads at each; V is a vector of channels, or one.
  template <class V, class From>
  V sum(const T* pixel, const From& from) const {
    const Index W = x.shape[3], next = x.stride[3], next_row = x.stride[2] - W * next;
    const Index pixels = x.shape[2] * W;
    Index column = 0;
    const auto take = [&]() __attribute__((always_inline)) {
      const V v = from(pixel);
      pixel += next;
      if (++column == W) column = 0, pixel += next_row;
      return v;
    };
    V total = {};
    for (Index first = 0; first < pixels; first += kChunkPixels) {
      V a = {}, b = {}, c = {}, d = {};
      Index left = least(kChunkPixels, pixels - first);
      for (; left >= 4; left -= 4) a += take(), b += take(), c += take(), d += take();
      if (left > 0) a += take();
      if (left > 1) b += take();
      if (left > 2) c += take();
      total += (a + b) + (c + d);
    }
    return total;
  }
};

// Backward: every pixel gets the same share.
template <class T>
struct Spread {
  Tensor<const T> grad_y;
  const T* end;
  Tensor<T> grad_x;

  void row(Index n, Index r) const {
    const Index C = grad_x.shape[1], W = grad_x.shape[3], cs = grad_y.stride[1];
    const T pixels = T(grad_x.shape[2] * W);
    const T* grad = grad_y.data + n * grad_y.stride[0];
    T* const first = grad_x.data + n * grad_x.stride[0] + r * grad_x.stride[2];
    T* const behind = first + W * C;
    each_vector<T>(C, [&](Index c, Index count) {
      write(first + c, read<T>(grad + c * cs, cs, count, end) / pixels, count, behind);
    });
    for (T* to = first + C; to < behind; to += C)
      each_vector<T>(C, [&](Index c, Index count) {
        write(to + c, read<T>(first + c, 1, count, behind), count, behind);
      });
  }
};

template <class T>
void forward(const Tensor<const T>& x, const Tensor<T>& y, const Runtime& runtime) {
  const Index numbers = x.shape[1] * x.shape[2] * x.shape[3];
  each_row(Mean<T>{x, end_of(x), y}, x.shape[0], 1, numbers, runtime);
}

template <class T>
void backward_input(const Tensor<const T>& grad_y, const Tensor<T>& grad_x,
                    const Runtime& runtime) {
  each_row(Spread<T>{grad_y, end_of(grad_y), grad_x}, grad_x.shape[0], grad_x.shape[2],
           grad_x.shape[3] * grad_x.shape[1], runtime);
}

}  // namespace

extern const global_avg_pool2d::Kernels global_avg_pool2d_kernels = {
    {forward<float>, backward_input<float>}, {forward<double>, backward_input<double>}};

}  // namespace clearconv::CLEARCONV_VARIANT
