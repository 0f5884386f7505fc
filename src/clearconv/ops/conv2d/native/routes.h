// The route of a convolution: decided here, for every task, from shapes alone.
//
//   route      what it is                                        forward  input  weight  both
//   direct     patches or pixels read where they lie                x       x      x
//   columns    col2im: each output gives back to its window                 x
//   packed     many channels: both factors packed first                            x       x
//   winograd   3x3 of stride 1 with a fourth of the products        x       x      x
//   depthwise  each channel by itself                               x       x      x       x
//   apart      input and weight gradient one after the other                               x
//
// "Both" are the two gradients in one call, which may read grad_y once. The number of images does
// not matter, so that no result depends on an image's neighbours. docs/performance.md has the
// measurements behind the limits.
#pragma once

#include "native/tile/tile.h"
#include "native.h"
#include "winograd/winograd.h"

namespace clearconv::CLEARCONV_VARIANT {
namespace {

using conv2d::Task;
using conv2d::Route;

// Every channel is its own group.
inline bool is_depthwise(Index C, Index O, Index groups) { return groups == C && O == C && C > 1; }

inline bool keeps_size(const Geometry& window) {
  for (int axis = 0; axis < 2; ++axis)
    if (window.stride[axis] > 1 || window.output[axis] != window.input[axis]) return false;
  return true;
}

inline bool is_pointwise(const Geometry& window) {
  for (int axis = 0; axis < 2; ++axis)
    if (window.kernel[axis] > 1 || window.stride[axis] > 1 ||
        window.before[axis] + window.after[axis] > 0)
      return false;
  return true;
}

// Whether Winograd's tiles of a result of `size` are worth it. Fewer channels leave lanes or the
// products too short; maps of 1 or 2 pixels leave the tiles empty.
inline bool fills_tiles(const Geometry& window, Index C, Index O, Index groups,
                        const Index* size) {
  for (int axis = 0; axis < 2; ++axis)
    if (window.kernel[axis] != 3 || window.stride[axis] != 1 || window.dilation[axis] != 1)
      return false;
  const Index tiles = ceil_div(size[0], kTile) * ceil_div(size[1], kTile);
  return groups == 1 && C >= 16 && O >= 16 && size[0] * size[1] >= 6 * tiles;
}

// Whether columns cost less than phases, in multiply-adds of whole vectors for each image.
inline bool columns_cost_less(const Geometry& window, Index C, Index O, Index groups) {
  const Index I = C / groups, share = O / groups;  // channels of a group
  const Index taps = window.kernel[0] * window.kernel[1];
  const Index inputs = window.input[0] * window.input[1];
  const Index outputs = window.output[0] * window.output[1];
  const Index strides = window.stride[0] * window.stride[1];
  constexpr Index kAddition = 8;  // an addition of a vector in memory, as multiply-adds
  const Index runs = window.kernel[0] * ceil_div(window.kernel[1] * I, 16);
  const Index columns = outputs * (share * common_lanes(taps * I) / 16 + kAddition * runs);
  const Index phases = inputs * taps * share * common_lanes(I) / 16 / strides;
  return columns < (strides > 1 ? phases + phases / 2 : phases);
}

// Whether packing pays for a weight gradient: else it, or keeping sums of all weights, costs more
// than it gives.
inline bool packing_pays(const Geometry& window, Index C, Index O, Index groups) {
  const Index taps = window.kernel[0] * window.kernel[1];
  return groups == 1 && C % 16 == 0 && O >= 128 && (taps == 1 || C * O * taps >= 1 << 18);
}

// The route of a convolution of C into O channels; `exact` keeps to direct sums.
inline Route route(Task task, const Geometry& window, Index C, Index O, Index groups, bool exact) {
  const bool depthwise = is_depthwise(C, O, groups);
  switch (task) {
    case Task::forward:
      if (depthwise) return Route::depthwise;
      if (!exact && fills_tiles(window, C, O, groups, window.output)) return Route::winograd;
      return Route::direct;
    case Task::backward_input:
      if (depthwise) return Route::depthwise;
      if (!exact && fills_tiles(window, C, O, groups, window.input)) return Route::winograd;
      if (columns_cost_less(window, C, O, groups)) return Route::columns;
      return Route::direct;
    case Task::backward_weight:
      if (depthwise) return Route::depthwise;
      if (!exact && fills_tiles(window, C, O, groups, window.output)) return Route::winograd;
      if (packing_pays(window, C, O, groups)) return Route::packed;
      return Route::direct;
    case Task::backward:
      if (depthwise && keeps_size(window)) return Route::depthwise;
      if (is_pointwise(window) && groups == 1 && C % 16 == 0 && O >= 64) return Route::packed;
      return Route::apart;
  }
  return Route::direct;
}

// How often the kernels of each route ran: lets a test check that a shape takes its `route`.
Index runs[conv2d::kRoutes] = {};

inline void ran(Route route) { __atomic_fetch_add(&runs[int(route)], 1, __ATOMIC_RELAXED); }

}  // namespace
}  // namespace clearconv::CLEARCONV_VARIANT
