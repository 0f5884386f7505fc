// How fast the register tile can be: what the benchmark holds the kernels against.
#pragma once

#include "runtime.h"

namespace clearconv::peak {

struct Kernels {
  // Run the float32 tile so many times on data in the nearest cache; return the multiply-adds done.
  Index (*run_tile)(Index times, const Runtime& runtime);
};

}  // namespace clearconv::peak

CLEARCONV_TABLES(peak)
