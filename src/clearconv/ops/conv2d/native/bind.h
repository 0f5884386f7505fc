// The functions of conv2d that Python calls, for chapters with the same sums under other names.
#pragma once

#include <nanobind/nanobind.h>

#include "native/runtime.h"

namespace clearconv::conv2d {

nanobind::object forward(nanobind::handle x, nanobind::handle weight, nanobind::handle bias,
                         nanobind::handle window, Index groups, bool exact, nanobind::handle out);

// With a bias, or None: what a transposed convolution gives.
nanobind::object backward_input(nanobind::handle grad_y, nanobind::handle weight,
                                nanobind::handle bias, nanobind::handle window, Index groups,
                                bool exact, nanobind::handle out);

nanobind::object backward_weight(nanobind::handle grad_y, nanobind::handle x,
                                 nanobind::handle window, Index groups, bool exact,
                                 nanobind::handle shards, nanobind::handle out);

// What other shards' sums can be added to: by Winograd's algorithm the sums at all points.
nanobind::object weight_sum(nanobind::handle grad_y, nanobind::handle x, nanobind::handle window,
                            Index groups, bool exact, nanobind::handle shards);

nanobind::object weight_from_sum(nanobind::handle sum, nanobind::handle out);

nanobind::object backward_bias(nanobind::handle grad_y, nanobind::handle shared,
                               nanobind::handle shards, nanobind::handle out);

}  // namespace clearconv::conv2d
