// NumPy arrays and window dataclasses as the plain data that kernels take.
#pragma once

#include <nanobind/nanobind.h>
#include <nanobind/ndarray.h>

#include <memory>

#include "layout.h"
#include "native/machine/threads.h"

namespace clearconv {

// An input array (buffer protocol) of any strides, alignment and writability. `kinds` lists the
// formats allowed, as in Python's struct module.
class Input {
 public:
  explicit Input(nanobind::handle array, const char* kinds = "fd", bool any_axis_empty = false);
  ~Input();
  Input(const Input&) = delete;
  Input& operator=(const Input&) = delete;

  char kind() const { return kind_; }
  bool is_double() const { return kind_ == 'd'; }
  Index itemsize() const { return buffer_.itemsize; }
  int ndim() const { return buffer_.ndim; }
  Index shape(int axis) const { return buffer_.shape[axis]; }
  Index size() const;
  bool writable() const { return !buffer_.readonly && !copied_; }
  bool contiguous() const { return lies_in(c_layout()); }
  // True if the numbers are contiguous in this order, which has the array's shape.
  bool lies_in(const Layout& layout) const {
    return layout.size == 0 || layout.fits(strides_, itemsize());
  }
  bool channels_adjoin() const {
    return ndim() == 4 && (shape(1) == 1 || strides_[1] == buffer_.itemsize);
  }
  void copy() { copy(c_layout()); }  // into contiguous memory
  void adjoin();  // the same, unless the numbers of the last axis adjoin as they are
  // If the array was not aligned: those of the copy.
  Layout layout() const { return Layout::like(buffer_.shape, strides_, ndim()); }
  Layout c_layout() const { return Layout::c(buffer_.shape, ndim()); }

  // An array of up to four axes as T; one that is not aligned for T was copied.
  template <class T>
  Tensor<const T> tensor() const {
    four_axes();
    Tensor<const T> view = {static_cast<const T*>(data_), {1, 1, 1, 1}, {0, 0, 0, 0}};
    for (int axis = 0; axis < ndim(); ++axis) {
      view.shape[axis] = buffer_.shape[axis];
      view.stride[axis] = strides_[axis] / Index(sizeof(T));
    }
    return view;
  }

  // True if all elements are one number, as np.broadcast_to makes them.
  bool is_one_number() const;
  template <class T>
  const T* data() const {
    return static_cast<const T*>(data_);
  }
  template <class T>
  T number() const {
    return *data<T>();
  }

  // The numbers one after the other in this order, which has the array's shape; they are copied
  // unless they lie so.
  template <class T>
  const T* in(const Layout& layout) {
    if (!lies_in(layout)) copy(layout);
    return static_cast<const T*>(data_);
  }

 private:
  void look(const char* kinds, bool any_axis_empty);
  void four_axes() const;
  void copy(const Layout& layout);

  Py_buffer buffer_;
  char kind_;
  const void* data_;
  Index strides_[kAxes];  // bytes
  void* copied_ = nullptr;
};

enum class Order {
  channels_last,
  c,
  pixels  // channels last; in `out` there may be gaps between pixels, but not between channels
};

// Where a result is written: in `out` itself, if Python gave one whose numbers lie in the order
// asked for, else in memory from the arena; then an `out` receives a copy at the end.
template <class T>
class Output {
 public:
  Output(std::initializer_list<Index> shape, Order order, nanobind::handle out = {});
  explicit Output(const Layout& layout, nanobind::handle out = {}, bool gaps = false);
  const Layout& layout() const { return layout_; }
  Tensor<T> tensor;  // for more than four axes, its data alone
  // `out` with the result in it; without one, the NumPy array that owns the memory from now on.
  nanobind::object numpy();

 private:
  bool in_place(bool gaps);

  Layout layout_;
  nanobind::handle out_;
  std::unique_ptr<Input> given_;  // out's memory, if it is written in place
  nanobind::capsule owner_;
};

// While it lives, this thread does not hold the GIL. A daemon thread that asks for it back while
// the interpreter is going away sleeps until the process has ended; see arrays.cpp.
class Unlocked {
 public:
  Unlocked() : state_(PyEval_SaveThread()) {}
  ~Unlocked();
  Unlocked(const Unlocked&) = delete;
  Unlocked& operator=(const Unlocked&) = delete;

 private:
  PyThreadState* state_;
};

// Run `call` without the GIL.
template <class Call>
void compute(const Call& call) {
  const Unlocked unlocked;
  const threads::FlushSubnormals flush;
  call();
}

// A chapter's kernels for T.
template <class T, class Kernels>
const auto& of(const Kernels& kernels) {
  if constexpr (sizeof(T) == sizeof(float))
    return kernels.float32;
  else
    return kernels.float64;
}

// Raises ValueError unless `fits`: the Python side has checked, so only a direct call gets here.
void need(bool fits);

// Whether this number of channels, at least one, divides into groups.
inline bool divides(Index groups, Index channels) {
  return groups > 0 && channels > 0 && channels % groups == 0;
}

// Whether a map may have this many rows or columns: at least one, and no product of two overflows.
inline bool is_size(Index length) { return length > 0 && length <= Index(1) << 31; }

void same_shape(const Input& first, const Input& other);

// Raises TypeError unless `other` has the dtype of `first`.
void same_dtype(const Input& first, const Input& other);

// Whether `value` is true in Python.
bool truth(nanobind::handle value);

// Read a clearconv.ops.geometry.window.Window, which `hangs_over` the end of the image only in a
// pooling.
Geometry geometry(nanobind::handle window, bool hangs_over = false);

// Read a clearconv.ops.geometry.shards.Shards, or None for all shards, which holds N images.
Shards shards_of(nanobind::handle shards, Index N);

}  // namespace clearconv
