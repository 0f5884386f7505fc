// The chapters that have compiled kernels, and which instruction set's kernels each uses.
#pragma once

#include <nanobind/nanobind.h>

// CLEARCONV_CHAPTERS(CHAPTER), a line for each: the build writes it, from the chapters' folders.
#include "clearconv_chapters.h"

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
