// What a fused block does besides its convolution: the end of a residual block, and the sums over
// the batch that batch norm's gradients are made of.
#include "native.h"

#include "../../native/reader.h"
#include "../../native/shards.h"

namespace clearconv::CLEARCONV_VARIANT {
namespace {

constexpr Index kRowsTogether = 8;  // pixels added in registers before they meet memory

// The end of a residual block: a row of pixels at a time.
template <class T>
struct Sum {
  const Operand<T>&x, &other;
  bool relu;
  const Tensor<T>& y;
  const Runtime& runtime;

  static void rows(void* context, Index unit) {
    const Sum& self = *static_cast<Sum*>(context);
    const Index C = self.x.shape(1), H = self.x.shape(2), W = self.x.shape(3);
    T* beside = static_cast<T*>(self.runtime.scratch(0, W * C * sizeof(T)));
    const Index n = unit / H, h = unit % H;
    T* y = self.y.data + n * self.y.stride[0] + h * self.y.stride[2];
    read_pixels(self.x, n, h, 0, W, y, C);
    const bool two = self.other.x.data != nullptr;
    if (two) read_pixels(self.other, n, h, 0, W, beside, C);
    for (Index i = 0; i < W * C; ++i) {
      const T sum = two ? y[i] + beside[i] : y[i];
      y[i] = self.relu && sum < 0 ? T(0) : sum;
    }
  }
};

template <class T>
void add(const Operand<T>& x, const Operand<T>& other, bool relu, const Tensor<T>& y,
         const Runtime& runtime) {
  Sum<T> sum{x, other, relu, y, runtime};
  runtime.parallel(x.shape(0) * x.shape(2), Sum<T>::rows, &sum);
}

// Sums of g and of g (z - centre) over the pixels of each chunk, in T for a few pixels, then in
// float64.
template <class T>
struct GradientSums {
  const Operand<T>& gradient;
  double* parts;  // (chunks, 2, C)
  const Index* first;

  Chunks chunks(Index shard) const {
    return Chunks(Shard(gradient.shape(0), shard), gradient.shape(2), gradient.shape(3));
  }

  static void add_up(void* context, Index unit) {
    const GradientSums& self = *static_cast<GradientSums*>(context);
    const Operand<T>& o = self.gradient;
    Index shard = 0;
    while (unit >= self.first[shard + 1]) ++shard;
    const Box box = self.chunks(shard).box(unit - self.first[shard]);
    double* sum = self.parts + unit * 2 * o.shape(1);
    std::memset(sum, 0, 2 * o.shape(1) * sizeof(double));
    for (Index n = box.image; n < box.image + box.images; ++n)
      for (Index h = box.row; h < box.row + box.rows; ++h)
        for (Index w = 0; w < box.columns; w += kRowsTogether)
          self.add_pixels(n, h, w, least(kRowsTogether, box.columns - w), sum);
  }

  void add_pixels(Index n, Index h, Index w, Index count, double* sum) const {
    constexpr int L = kLanes<T>;
    const Operand<T>& o = gradient;
    const Index C = o.shape(1);
    const RowOf<T> x(o.x, n, h, w), z(o.beside, n, h, w);
    for (Index c = 0; c < C; c += L) {
      const Index lanes = least(L, C - c);
      const Vector<T> centre = load_part(o.centre + c, lanes),
                      scale = load_part(o.scale + c, lanes), shift = load_part(o.shift + c, lanes);
      Vector<T> total = {}, product = {};
      for (Index i = 0; i < count; ++i) {
        const Vector<T> away = load_part(z.data + i * z.step + c, lanes) - centre;
        Vector<T> g = load_part(x.data + i * x.step + c, lanes);
        if (o.relu) g = away * scale + shift > Vector<T>{} ? g : Vector<T>{};
        total += g;
        product += g * away;
      }
      for (Index l = 0; l < lanes; ++l) {
        sum[c + l] += double(total[l]);
        sum[C + c + l] += double(product[l]);
      }
    }
  }
};

template <class T>
void gradient_sums(const Operand<T>& gradient, double* sums, const Runtime& runtime) {
  const Index N = gradient.shape(0), width = 2 * gradient.shape(1), shards = shard_count(N);
  Index first[9] = {};
  GradientSums<T> all{gradient, nullptr, first};
  for (Index s = 0; s < shards; ++s) first[s + 1] = first[s] + all.chunks(s).count;
  all.parts = static_cast<double*>(
      runtime.scratch(1, most(1, first[shards]) * width * sizeof(double)));
  runtime.parallel(first[shards], GradientSums<T>::add_up, &all);
  if (shards == 0) std::memset(all.parts, 0, width * sizeof(double));
  for (Index s = 0; s < shards; ++s)
    for (Index part = first[s] + 1; part < first[s + 1]; ++part)
      for (Index c = 0; c < width; ++c)
        all.parts[first[s] * width + c] += all.parts[part * width + c];
  for (Index step = 1; step < shards; step *= 2)
    for (Index s = 0; s + step < shards; s += 2 * step)
      for (Index c = 0; c < width; ++c)
        all.parts[first[s] * width + c] += all.parts[first[s + step] * width + c];
  std::memcpy(sums, all.parts, width * sizeof(double));
}

}  // namespace

extern const conv_block::Kernels conv_block_kernels = {
    {add<float>, gradient_sums<float>},
    {add<double>, gradient_sums<double>},
};

}  // namespace clearconv::CLEARCONV_VARIANT
