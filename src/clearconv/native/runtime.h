// What the compiled kernels and the rest of the module know about each other: plain data, no code.
//
// The kernels are compiled once per instruction set. A function both sides could emit (anything
// inline from the C++ library) might be kept in its AVX-512 form and then run on a CPU without it,
// so the kernels see only this header and its like.
#pragma once

#include <cstddef>

namespace clearconv {

using Index = std::ptrdiff_t;

// Four axes (N, C, H, W) of any strides, counted in elements; `data` is aligned for T.
template <class T>
struct Tensor {
  T* data;
  Index shape[4];
  Index stride[4];
};

// A sliding window along rows [0] and columns [1]: `Window.numbers` of ops/geometry/window.py, in
// its order.
struct Geometry {
  Index input[2], kernel[2], stride[2], dilation[2], before[2], after[2], output[2];
};

// The shards of a batch that the arrays at hand hold: ops/geometry/shards.py, worked out for one
// batch. native/passes/shards.h has what kernels ask of it.
struct Shards {
  Index images;  // of the whole batch
  Index all;     // shards of the whole batch, at most one for each image
  Index first;   // the first at hand
  Index here;    // number of those at hand
};

// What a kernel may request from the module around it.
struct Runtime {
  // Number of threads that `parallel` would use.
  Index (*threads)();
  // Call work(context, unit) once for each unit in [0, units), in any order, on any thread.
  void (*parallel)(Index units, void (*work)(void* context, Index unit), void* context);
  // Memory of the calling thread, aligned to a cache line, kept for its next call: slot 0 for what
  // one unit of work needs, the others for what all units of one call share: slot 2 for what each
  // unit yields, slot 3 for what batch norm's passes read, slot 1 for the rest.
  void* (*scratch)(int slot, std::size_t bytes);
};

// Declares a chapter's tables of kernels, one for each instruction set they are compiled for.
#define CLEARCONV_TABLES(chapter)                  \
  namespace clearconv::avx512 {                    \
  extern const chapter::Kernels chapter##_kernels; \
  }                                                \
  namespace clearconv::avx2 {                      \
  extern const chapter::Kernels chapter##_kernels; \
  }                                                \
  namespace clearconv::baseline {                  \
  extern const chapter::Kernels chapter##_kernels; \
  }

}  // namespace clearconv
