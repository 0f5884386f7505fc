// How fast the register tile can be: what the benchmark compares the kernels with.
#pragma once

#include "runtime.h"

namespace clearconv::peak {

struct Kernels {
  // Run the float32 tile this many times on data in the nearest cache; return the multiply-adds.
  Index (*run_tile)(Index times, const Runtime& runtime);
};

}  // namespace clearconv::peak

CLEARCONV_TABLES(peak)
