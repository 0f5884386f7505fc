// Which outputs of a sliding window meet which inputs, along one axis.
#pragma once

#include "native/tile/tile.h"

namespace clearconv::CLEARCONV_VARIANT {

// Which window elements of output `u` lie inside the image, along one axis: [first, behind).
struct Reach {
  Index first, behind, start;  // element i looks at input start + i * dilation
  Reach(const Geometry& window, int axis, Index u) {
    const Index dilation = window.dilation[axis];
    start = u * window.stride[axis] - window.before[axis];
    first = start < 0 ? ceil_div(-start, dilation) : 0;
    behind = least(window.kernel[axis], ceil_div(window.input[axis] - start, dilation));
  }
};

// The outputs whose whole window lies inside the image, along one axis: [first, behind).
struct Whole {
  Index first, behind;
  Whole(const Geometry& window, int axis) {
    const Index reach = window.dilation[axis] * (window.kernel[axis] - 1) + 1;
    const Index last = window.input[axis] + window.before[axis] - reach;  // where one may start
    behind = last < 0 ? 0 : least(window.output[axis], last / window.stride[axis] + 1);
    first = least(behind, ceil_div(window.before[axis], window.stride[axis]));
  }
};

// The outputs for which window element `i` lies inside the image, along one axis: [first, behind).
struct Served {
  Index first, behind, start;  // output u looks at input start + u * stride
  Served(const Geometry& window, int axis, Index i) {
    const Index stride = window.stride[axis];
    start = i * window.dilation[axis] - window.before[axis];
    behind = least(window.output[axis], ceil_div(most(0, window.input[axis] - start), stride));
    first = least(behind, ceil_div(most(0, -start), stride));
  }
};

// For every input row or column, the outputs whose window holds it, and as which element.
struct Holders {
  Index* behind;  // entries of input r: [first(r), behind[r])
  Index* output;
  Index* element;
  bool single;  // no input has more than one

  static Index size(const Geometry& window, int axis) {
    return window.input[axis] + 2 * window.output[axis] * window.kernel[axis];
  }
  Holders(const Geometry& window, int axis, Index* memory)
      : behind(memory),
        output(behind + window.input[axis]),
        element(output + window.output[axis] * window.kernel[axis]),
        single(true) {
    const Index K = window.kernel[axis], stride = window.stride[axis];
    const Index dilation = window.dilation[axis];
    Index count = 0;
    for (Index r = 0; r < window.input[axis]; ++r) {
      const Index at = r + window.before[axis];  // u * stride + i * dilation = at
      const Index lowest = ceil_div(most(0, at - dilation * (K - 1)), stride);
      for (Index u = lowest; u < window.output[axis] && u * stride <= at; ++u)
        if ((at - u * stride) % dilation == 0) {
          output[count] = u;
          element[count++] = (at - u * stride) / dilation;
        }
      behind[r] = count;
      single = single && count - first(r) < 2;
    }
  }
  Index first(Index r) const { return r == 0 ? 0 : behind[r - 1]; }
};

}  // namespace clearconv::CLEARCONV_VARIANT
