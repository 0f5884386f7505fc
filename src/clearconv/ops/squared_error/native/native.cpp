// Squared error on vectors of neighbours in memory, compiled per instruction set.
#include "native.h"

#include "native/passes/flat.h"
#include "native/passes/shards.h"

namespace clearconv::CLEARCONV_VARIANT {
namespace {

template <class T>
void difference(const T* x, const T* target, Index count, T* away, const Runtime& runtime) {
  using V = Vector<T>;
  each(away, count, runtime, [](V a, V t) { return a - t; }, x, target);
}

template <class T>
void squares(const T* difference, Index count, T* squared, const Runtime& runtime) {
  each(squared, count, runtime, [](Vector<T> v) { return v * v; }, difference);
}

template <class T>
void backward_input(const T* difference, const T* factors, Index count, T* grad_x,
                    const Runtime& runtime) {
  using V = Vector<T>;
  each(grad_x, count, runtime, [](V d, V f) { return d * f; }, difference, factors);
}

template <class T>
void backward_input_by(const T* difference, T factor, Index count, T* grad_x,
                       const Runtime& runtime) {
  each(grad_x, count, runtime, [=](Vector<T> d) { return d * factor; }, difference);
}

// Sum of squares in float64: 16 lanes, whatever the width of a vector, then a balanced tree.
template <class T>
double sum_of_squares(const T* from, Index count) {
  constexpr int kSums = 16;
  double sum[kSums] = {};
  Index i = 0;
  for (; i + kSums <= count; i += kSums)
    for (int lane = 0; lane < kSums; ++lane)
      sum[lane] += double(from[i + lane]) * double(from[i + lane]);
  for (int lane = 0; i + lane < count; ++lane)
    sum[lane] += double(from[i + lane]) * double(from[i + lane]);
  add_shards(sum, kSums, 1, 1);
  return sum[0];
}

template <class T>
double total(const T* difference, const Shards& shards, Index each, const Runtime& runtime) {
  struct Call {
    const T* difference;
    const Shards& shards;
    Index each;
    double sums[kMostShards];
  } call = {difference, shards, each, {}};
  const auto unit = [](void* context, Index unit) {
    Call& call = *static_cast<Call*>(context);
    const Shard shard(call.shards, unit);
    const T* from = call.difference + shard.first * call.each;
    const Index count = shard.images * call.each;
    for (Index i = 0; i < count; i += kChunkPixels)
      call.sums[unit] += sum_of_squares(from + i, least(kChunkPixels, count - i));
  };
  runtime.parallel(shards.here, unit, &call);
  add_shards(call.sums, shards.here, 1, 1);
  return call.sums[0];
}

}  // namespace

extern const squared_error::Kernels squared_error_kernels = {
    {difference<float>, squares<float>, total<float>, backward_input<float>,
     backward_input_by<float>},
    {difference<double>, squares<double>, total<double>, backward_input<double>,
     backward_input_by<double>},
};

}  // namespace clearconv::CLEARCONV_VARIANT
