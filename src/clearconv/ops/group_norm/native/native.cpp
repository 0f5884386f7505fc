// Group normalisation, compiled per instruction set. Forward takes image after image: what its
// statistics were taken from is still in cache when it is normalised. Backward takes shard after
// shard of the batch, since the parameters' gradients are sums over it.
//
// What batch norm's passes do to a batch is done here to one image: moments of the lanes of wide
// rows, sums over each channel, and a map of each channel with numbers of its own.
//
// A group's sums have products in them. These are written down first and then only added: where
// both happened in one loop, compilers would round the products for one instruction set and not
// for another.
#include "native.h"

#include "native/passes/flat.h"
#include "ops/batch_norm2d/native/gradients.h"

namespace clearconv::CLEARCONV_VARIANT {
namespace {

// Shape of an image, and of the wide rows it is read in.
struct Image {
  Index channels, pixels, wide, per_row, block;
  template <class T>
  explicit Image(const Tensor<const T>& x)
      : channels(x.shape[1]),
        pixels(x.shape[2] * x.shape[3]),
        wide(wide_pixels(channels) * channels),
        per_row(wide_pixels(channels)),
        block(least(pixels, kBlockRows * per_row)) {}
  Index numbers() const { return channels * pixels; }
};

// Memory of one unit of work, allocated piece by piece: float64 first.
struct Memory {
  char* free;
  template <class Number>
  Number* take(Index count) {
    Number* memory = reinterpret_cast<Number*>(free);
    free += count * sizeof(Number);
    return memory;
  }
};

// Call work(first pixel, pixels, address of these in each array) for the blocks of image n. What
// does not lie channels last is copied into `room`, of `arrays` blocks.
template <class T, int ARRAYS, class Work>
inline void over_image(const Tensor<const T>* const (&arrays)[ARRAYS], Index n, const Image& image,
                       T* room, const Work& work) {
  const Box box = {n, 1, 0, arrays[0]->shape[2], arrays[0]->shape[3]};
  for (Index first = 0; first < image.pixels; first += image.block) {
    const Index count = least(image.block, image.pixels - first);
    const T* at[ARRAYS];
    for (int a = 0; a < ARRAYS; ++a) {
      at[a] = arrays[a]->data + n * image.numbers() + first * image.channels;
      if (channels_last(*arrays[a])) continue;
      T* copy = room + a * image.block * image.channels;
      copy_pixels(*arrays[a], box, first, count, copy);
      at[a] = copy;
    }
    work(first, count, at);
  }
}

// Repeat the first `channels` numbers of a wide row across it.
template <class T>
inline void widen(const Image& image, T* row) {
  for (Index p = 1; p < image.per_row; ++p)
    std::memcpy(row + p * image.channels, row, image.channels * sizeof(T));
}

// The moments of each lane of an image's wide rows. The last row may be shorter: its lanes have
// met one number more than the others.
struct Lanes {
  const Image& image;
  double *mean, *deviation, *terms;  // (wide)

  template <class T>
  void add(Index first, Index count, const T* from) const {
    const Index rows = count / image.per_row, before = first / image.per_row;
    const Index rest = count % image.per_row * image.channels;
    join_rows(before, mean, deviation, from, image.wide, rows, image.wide, image.wide);
    if (rest == 0) return;
    join_rows(before + rows, mean, deviation, from + rows * image.wide, image.wide, 1, rest, rest);
  }

  // Call work(lane, numbers that it met) for the lanes of channels [first, end).
  template <class Work>
  void each(Index first, Index end, const Work& work) const {
    const Index rows = image.pixels / image.per_row, further = image.pixels % image.per_row;
    for (Index p = 0; p < (rows > 0 ? image.per_row : further); ++p)
      for (Index c = first; c < end; ++c)
        work(p * image.channels + c, double(rows + (p < further ? 1 : 0)));
  }

  // Mean and biased variance of the group of these channels: the lanes' means differ from the
  // group's, and their deviations are from the lanes' own means.
  void group(Index first, Index end, double* group_mean, double* group_var) const {
    const double total = double((end - first) * image.pixels);
    double sum = 0, squares = 0;
    each(first, end, [&](Index l, double count) { terms[l] = count * mean[l]; });
    each(first, end, [&](Index l, double) { sum += terms[l]; });
    const double middle = sum / total;
    each(first, end, [&](Index l, double count) {
      const double away = mean[l] - middle;
      terms[l] = deviation[l] + count * (away * away);
    });
    each(first, end, [&](Index l, double) { squares += terms[l]; });
    *group_mean = middle;
    *group_var = squares < 0 ? 0 : squares / total;
  }
};

template <class T>
void forward(const Tensor<const T>& x, const group_norm::Norm<T>& norm, const T* bias, T* y,
             double* mean, double* var, const Runtime& runtime) {
  const Image image(x);
  const Index C = image.channels, size = C / norm.groups;
  const std::size_t bytes =
      3 * image.wide * sizeof(double) + (3 * image.wide + image.block * C) * sizeof(T);
  over_ranges(x.shape[0], 1, runtime, [&](Index n, Index) {
    Memory memory = {static_cast<char*>(runtime.scratch(0, bytes))};
    const Lanes lanes = {image, memory.take<double>(image.wide), memory.take<double>(image.wide),
                         memory.take<double>(image.wide)};
    T *centre = memory.take<T>(image.wide), *scale = memory.take<T>(image.wide),
      *shift = memory.take<T>(image.wide), *room = memory.take<T>(image.block * C);
    const Tensor<const T>* const arrays[] = {&x};
    over_image<T>(arrays, n, image, room, [&](Index first, Index count, const T* const* from) {
      lanes.add(first, count, from[0]);
    });
    for (Index g = 0; g < norm.groups; ++g) {
      double *mu = mean + n * norm.groups + g, *sigma2 = var + n * norm.groups + g;
      lanes.group(g * size, (g + 1) * size, mu, sigma2);
      const T near = T(*mu);
      const double rest = *mu - double(near), root = 1 / __builtin_sqrt(*sigma2 + norm.eps);
      for (Index c = g * size; c < (g + 1) * size; ++c) {
        const double factor = double(norm.weight[c]) * root;
        centre[c] = near;
        scale[c] = T(factor);
        shift[c] = T(double(bias[c]) - rest * factor);
      }
    }
    widen(image, centre), widen(image, scale), widen(image, shift);
    over_image<T>(arrays, n, image, room, [&](Index first, Index count, const T* const* from) {
      T* to = y + n * image.numbers() + first * C;
      over_block<T>(count * C, image.wide, [=](Index l, Index i, auto lane) {
        using V = decltype(lane);
        const V away = get<V>(from[0] + i) - get<V>(centre + l);
        put(to + i, away * get<V>(scale + l) + get<V>(shift + l));
      });
    });
  });
}

// One image's part in backward. Its channels' sums of g and of g (x - centre) are in `sums`.
template <class T>
struct Back {
  const Image& image;
  const group_norm::Norm<T>& norm;
  const double *mean, *var;  // of this image: (groups)
  double* sums;              // (2, C)

  Index size() const { return image.channels / norm.groups; }
  double root(Index g) const { return 1 / __builtin_sqrt(var[g] + norm.eps); }
  double rest(Index g) const { return mean[g] - double(T(mean[g])); }
  // The sum of g x̂ over the channel.
  double product(Index c, double root, double rest) const {
    return root * (sums[image.channels + c] - rest * sums[c]);
  }

  // Add to the sums over the batch that the parameters' gradients are.
  void add_to(double* grad_weight, double* grad_bias) const {
    for (Index c = 0; c < image.channels; ++c) {
      const Index g = c / size();
      grad_weight[c] += product(c, root(g), rest(g));
      grad_bias[c] += sums[c];
    }
  }

  // grad_x = r (w g - mean(w g) - x̂ mean(w g x̂)) as a g + (b (x - centre) + d). Uses the sums up.
  void factors(T* a, T* b, T* d) const {
    double* products_of = sums + image.channels;
    const double count = double(size() * image.pixels);
    for (Index g = 0; g < norm.groups; ++g) {
      const Index first = g * size(), end = first + size();
      const double r = root(g), off = rest(g);
      for (Index c = first; c < end; ++c) {
        products_of[c] = double(norm.weight[c]) * product(c, r, off);
        sums[c] = double(norm.weight[c]) * sums[c];
      }
      double sum = 0, products = 0;
      for (Index c = first; c < end; ++c) sum += sums[c], products += products_of[c];
      const double slope = r * (products / count);
      for (Index c = first; c < end; ++c) {
        a[c] = T(r * double(norm.weight[c]));
        b[c] = T(-r * slope);
        d[c] = T(r * (off * slope - sum / count));
      }
    }
  }
};

template <class T>
void backward(const Tensor<const T>& grad_y, const Tensor<const T>& x,
              const group_norm::Norm<T>& norm, const double* mean, const double* var,
              const group_norm::Gradients<T>& to, const Runtime& runtime) {
  const Image image(x);
  const Index C = image.channels, here = to.shards.here;
  const std::size_t totals = most(1, here) * 2 * C * sizeof(double);
  double* total = static_cast<double*>(runtime.scratch(2, totals));  // (shards, 2, C)
  std::memset(total, 0, totals);
  using Sums = SumBlocks<T, false>;
  const std::size_t state_bytes =
      Sums{{}, C, image.per_row, image.wide, nullptr}.state_bytes();
  const std::size_t bytes = 2 * C * sizeof(double) + state_bytes +
                            (4 * image.wide + 2 * image.block * C) * sizeof(T);
  over_ranges(here, 1, runtime, [&](Index s, Index) {
    const Shard shard(to.shards, s);
    Memory memory = {static_cast<char*>(runtime.scratch(0, bytes))};
    double* sums = memory.take<double>(2 * C);
    char* state = memory.take<char>(state_bytes);
    T *centre = memory.take<T>(image.wide), *a = memory.take<T>(image.wide),
      *b = memory.take<T>(image.wide), *d = memory.take<T>(image.wide),
      *room = memory.take<T>(2 * image.block * C);
    const Tensor<const T>* const arrays[] = {&grad_y, &x};
    for (Index n = shard.first; n < shard.first + shard.images; ++n) {
      const Back<T> back = {image, norm, mean + n * norm.groups, var + n * norm.groups, sums};
      for (Index c = 0; c < C; ++c) centre[c] = T(back.mean[c / back.size()]);
      widen(image, centre);
      const Sums blocks = {{centre, nullptr, nullptr}, C, image.per_row, image.wide, sums};
      blocks.start(state);
      over_image<T>(arrays, n, image, room, [&](Index, Index count, const T* const* from) {
        blocks.block(state, count, from, nullptr);
      });
      blocks.finish(state, 0);
      back.add_to(total + s * 2 * C, total + (s * 2 + 1) * C);
      if (!to.x) continue;
      back.factors(a, b, d);
      widen(image, a), widen(image, b), widen(image, d);
      const GradientBlocks<T> gradient = {{centre, a, b, d}, C, image.wide};
      over_image<T>(arrays, n, image, room, [&](Index first, Index count, const T* const* from) {
        gradient.block(nullptr, count, from, to.x + (n * image.pixels + first) * C);
      });
    }
  });
  add_shards(total, here, 2 * C, 2 * C);
  std::memcpy(to.sums, total, 2 * C * sizeof(double));
}

}  // namespace

extern const group_norm::Kernels group_norm_kernels = {
    {forward<float>, backward<float>},
    {forward<double>, backward<double>},
};

}  // namespace clearconv::CLEARCONV_VARIANT
