// The chapters that have compiled kernels, and which instruction set's kernels each uses.
#pragma once

#include <nanobind/nanobind.h>

// One line a chapter: adds `clearconv._native.<chapter>`.
#define CLEARCONV_CHAPTERS(CHAPTER) \
  CHAPTER(activation)               \
  CHAPTER(adaptive_avg_pool2d)      \
  CHAPTER(avg_pool2d)               \
  CHAPTER(batch_norm2d)             \
  CHAPTER(conv2d)                   \
  CHAPTER(conv_block)               \
  CHAPTER(conv_transpose2d)         \
  CHAPTER(cross_entropy)            \
  CHAPTER(dropout)                  \
  CHAPTER(global_avg_pool2d)        \
  CHAPTER(group_norm)               \
  CHAPTER(im2col)                   \
  CHAPTER(linear)                   \
  CHAPTER(max_pool2d)               \
  CHAPTER(softmax)                  \
  CHAPTER(squared_error)            \
  CHAPTER(update)                   \
  CHAPTER(upsample2d)

namespace clearconv {

enum class Variant { baseline, avx2, avx512 };

// The table of a chapter's kernels that was compiled for `variant`.
#ifdef CLEARCONV_X86
#define CLEARCONV_KERNELS(chapter, variant)                                  \
  ((variant) == Variant::avx512 ? &::clearconv::avx512::chapter##_kernels    \
   : (variant) == Variant::avx2 ? &::clearconv::avx2::chapter##_kernels      \
                                : &::clearconv::baseline::chapter##_kernels)
#else
#define CLEARCONV_KERNELS(chapter, variant) \
  ((void)(variant), &::clearconv::baseline::chapter##_kernels)
#endif

#define CLEARCONV_DECLARE_BIND(chapter)                         \
  namespace chapter {                                           \
  void bind(nanobind::module_& module, Variant variant);        \
  }
CLEARCONV_CHAPTERS(CLEARCONV_DECLARE_BIND)
#undef CLEARCONV_DECLARE_BIND

}  // namespace clearconv
