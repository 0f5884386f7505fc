// The module clearconv._native: picks the kernels for this CPU and hands them to each chapter.
#include <nanobind/nanobind.h>
#include <nanobind/stl/string.h>

#include <cstdlib>
#include <stdexcept>
#include <string>

#include "arrays.h"
#include "chapters.h"
#include "native/machine/memory.h"
#include "peak.h"
#include "native/machine/threads.h"
#include "transpose.h"

namespace nb = nanobind;

namespace clearconv {
namespace {

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

struct Candidate {
  const char* name;
  Variant variant;
  bool runs_here;
};

const Candidate& choose() {
  static const Candidate candidates[] = {  // fastest first
      {"avx512", Variant::avx512, has_avx512()},
      {"avx2", Variant::avx2, has_avx2()},
      {"baseline", Variant::baseline, true},
  };
  const char* wanted = std::getenv("CLEARCONV_VARIANT");
  std::string names;
  for (const Candidate& candidate : candidates) {
    if (!candidate.runs_here) continue;
    if (!wanted || !*wanted || std::string(wanted) == candidate.name) return candidate;
    names += (names.empty() ? "" : ", ") + std::string(candidate.name);
  }
  throw std::runtime_error("CLEARCONV_VARIANT is '" + std::string(wanted) +
                           "', but this CPU runs " + names +
                           ". Choose one of these, or unset it to get the fastest.");
}

template <class T>
nb::object swap_as(const Input& x, Variant variant) {
  Output<T> y({x.shape(0), x.shape(2), x.shape(1)}, Order::c);
  compute([&] {
    of<T>(*CLEARCONV_KERNELS(transpose, variant))(x.tensor<T>(), y.tensor.data, threads::runtime);
  });
  return y.numpy();
}

}  // namespace

NB_MODULE(_native, module) {
  const Candidate& chosen = choose();
  memory::mode();  // a setting that is not known shows at import
  module.doc() = "The compiled kernels of clearconv.";
  module.def("variant", [&chosen] { return std::string(chosen.name); },
             "Name the instruction set in use: avx512, avx2 or baseline.");
  module.def("system_allocations", &memory::large_allocations,
             "Number of times that kernels asked the system for more than 64 KiB.");
  module.def(
      "run_tile",
      [&chosen](Index times) {
        return CLEARCONV_KERNELS(peak, chosen.variant)->run_tile(times, threads::runtime);
      },
      nb::arg("times"), "Run the register tile by itself; return the multiply-adds done.");
  module.def(
      "swap_last_axes",
      [&chosen](nb::handle x) {
        Input xs(x);
        need(xs.ndim() == 3);
        xs.adjoin();
        return xs.is_double() ? swap_as<double>(xs, chosen.variant)
                              : swap_as<float>(xs, chosen.variant);
      },
      nb::arg("x"), "Copy (N, R, K) to (N, K, R), contiguous.");
  module.def("get_threads", &threads::get, "Number of threads that kernels use.");
  module.def(
      "set_threads",
      [](Index count) {
        if (count < 1) throw nb::value_error("set_threads: at least one thread is needed");
        threads::set(count);
      },
      nb::arg("count"), "Set the number of threads; no result depends on it.");
#define CLEARCONV_BIND(chapter) chapter::bind(module, chosen.variant);
  CLEARCONV_CHAPTERS(CLEARCONV_BIND)
#undef CLEARCONV_BIND
}

}  // namespace clearconv
