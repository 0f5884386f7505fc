#pragma once

#include <nanobind/nanobind.h>

#include "native.h"

namespace clearconv::max_pool2d {

void bind(nanobind::module_& module, const Kernels& chosen);

}  // namespace clearconv::max_pool2d
