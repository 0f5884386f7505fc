#pragma once

#include <nanobind/nanobind.h>

#include "native.h"

namespace clearconv::conv2d {

void bind(nanobind::module_& module, const Kernels& chosen);

}  // namespace clearconv::conv2d
