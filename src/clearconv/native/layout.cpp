#include "layout.h"

#include <new>

namespace clearconv {

Layout Layout::c(const Index* shape, int ndim) {
  Layout layout;
  layout.ndim = ndim;
  for (int axis = 0; axis < ndim; ++axis) {
    layout.shape[axis] = shape[axis];
    layout.order[axis] = axis;
  }
  layout.number();
  return layout;
}

Layout Layout::channels_last(const Index* shape) {
  Layout layout = c(shape, 4);
  layout.order[1] = 2, layout.order[2] = 3, layout.order[3] = 1;
  layout.number();
  return layout;
}

Layout Layout::like(const Index* shape, const Index* strides, int ndim) {
  Layout layout = c(shape, ndim);
  const auto length = [&](int axis) { return strides[axis] < 0 ? -strides[axis] : strides[axis]; };
  for (int placed = 1; placed < ndim; ++placed) {  // sort by insertion; equal ones keep their order
    const int axis = layout.order[placed];
    int at = placed;
    for (; at > 0 && length(layout.order[at - 1]) < length(axis); --at)
      layout.order[at] = layout.order[at - 1];
    layout.order[at] = axis;
  }
  layout.number();
  return layout;
}

bool Layout::fits(const Index* bytes, Index itemsize) const {
  for (int axis = 0; axis < ndim; ++axis)
    if (shape[axis] != 1 && bytes[axis] != strides[axis] * itemsize) return false;
  return true;
}

// Set the size and the strides that the order of the axes gives.
void Layout::number() {
  size = 1;
  for (int i = ndim - 1; i >= 0; --i) {
    strides[order[i]] = size;
    if (__builtin_mul_overflow(size, shape[order[i]], &size)) throw std::bad_alloc();
  }
}

}  // namespace clearconv
