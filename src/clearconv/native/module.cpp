// The module clearconv._native: picks the kernels for this CPU and hands them to each chapter.
#include <nanobind/nanobind.h>
#include <nanobind/stl/string.h>

#include <cstdlib>
#include <stdexcept>
#include <string>

#include "../ops/conv2d/bind.h"
#include "../ops/max_pool2d/bind.h"
#include "threads.h"

namespace nb = nanobind;

namespace clearconv {
namespace {

struct Variant {
  const char* name;
  bool runs_here;
  const conv2d::Kernels* conv2d;
  const max_pool2d::Kernels* max_pool2d;
};

bool has_avx2() {
#ifdef CLEARCONV_X86
  return __builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma");
#else
  return false;
#endif
}

bool has_avx512() {
#ifdef CLEARCONV_X86
  return has_avx2() && __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512vl") &&
         __builtin_cpu_supports("avx512dq") && __builtin_cpu_supports("avx512bw");
#else
  return false;
#endif
}

const Variant& choose() {
  static const Variant variants[] = {  // fastest first
#ifdef CLEARCONV_X86
      {"avx512", has_avx512(), &avx512::conv2d_kernels, &avx512::max_pool2d_kernels},
      {"avx2", has_avx2(), &avx2::conv2d_kernels, &avx2::max_pool2d_kernels},
#endif
      {"baseline", true, &baseline::conv2d_kernels, &baseline::max_pool2d_kernels},
  };
  const char* wanted = std::getenv("CLEARCONV_VARIANT");
  std::string names;
  for (const Variant& variant : variants) {
    if (!variant.runs_here) continue;
    if (!wanted || !*wanted || std::string(wanted) == variant.name) return variant;
    names += (names.empty() ? "" : ", ") + std::string(variant.name);
  }
  throw std::runtime_error("CLEARCONV_VARIANT is '" + std::string(wanted) +
                           "', but this CPU runs " + names +
                           ". Choose one of these, or unset it to get the fastest.");
}

}  // namespace

NB_MODULE(_native, module) {
  const Variant& variant = choose();
  module.doc() = "The compiled kernels of clearconv.";
  module.def("variant", [&variant] { return std::string(variant.name); },
             "Name the instruction set in use: avx512, avx2 or baseline.");
  module.def("get_threads", &threads::get, "Number of threads that kernels use.");
  module.def(
      "set_threads",
      [](Index count) {
        if (count < 1) throw nb::value_error("set_threads: at least one thread is needed");
        threads::set(count);
      },
      nb::arg("count"), "Set the number of threads; no result depends on it.");
  conv2d::bind(module, *variant.conv2d);
  max_pool2d::bind(module, *variant.max_pool2d);
}

}  // namespace clearconv
