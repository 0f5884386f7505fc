// An order of an array's numbers in memory, without gaps; any number of axes.
#pragma once

#include "runtime.h"

namespace clearconv {

constexpr int kAxes = 64;  // as many as NumPy allows

struct Layout {
  int ndim;
  Index size;  // numbers
  Index shape[kAxes], strides[kAxes];
  int order[kAxes];  // the axes, from the slowest to the fastest

  // The last axis fastest.
  static Layout c(const Index* shape, int ndim);
  // (N, C, H, W) with C fastest.
  static Layout channels_last(const Index* shape);
  // The order of memory that these strides, gaps or not, have; for equal ones the last axis is the
  // fastest. NumPy's elementwise functions keep this order, too.
  static Layout like(const Index* shape, const Index* strides, int ndim);

  // True if an array with these strides, of `itemsize` bytes per number, has this layout.
  bool fits(const Index* bytes, Index itemsize) const;

 private:
  void number();
};

}  // namespace clearconv
