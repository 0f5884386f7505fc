// NumPy arrays and window dataclasses as the plain data that kernels take.
#pragma once

#include <nanobind/nanobind.h>
#include <nanobind/ndarray.h>

#include <memory>

#include "threads.h"

namespace clearconv {

// An input array (buffer protocol) with up to four axes, of any strides, alignment and writability.
// `kinds` lists the formats allowed, as in Python's struct module.
class Input {
 public:
  explicit Input(nanobind::handle array, const char* kinds = "fd");
  ~Input() { PyBuffer_Release(&buffer_); }
  Input(const Input&) = delete;
  Input& operator=(const Input&) = delete;

  char kind() const { return kind_; }
  bool is_double() const { return kind_ == 'd'; }
  int ndim() const { return buffer_.ndim; }
  Index shape(int axis) const { return buffer_.shape[axis]; }
  Index size() const;
  bool writable() const { return !buffer_.readonly && !copied_; }
  bool contiguous() const;
  bool channels_adjoin() const {
    return ndim() == 4 && (shape(1) == 1 || strides_[1] == buffer_.itemsize);
  }
  void copy();    // into contiguous memory
  void adjoin();  // the same, unless the numbers of the last axis adjoin as they are

  // The array seen as T; one that is not aligned for T was copied.
  template <class T>
  Tensor<const T> tensor() const {
    Tensor<const T> view = {static_cast<const T*>(data_), {1, 1, 1, 1}, {0, 0, 0, 0}};
    for (int axis = 0; axis < ndim(); ++axis) {
      view.shape[axis] = buffer_.shape[axis];
      view.stride[axis] = strides_[axis] / Index(sizeof(T));
    }
    return view;
  }

 private:
  void look(const char* kinds);

  Py_buffer buffer_;
  char kind_;
  const void* data_;
  Index strides_[4];  // bytes
  std::unique_ptr<char[]> copied_;
};

enum class Order { channels_last, c };

// An array for a result, with its memory from the arena.
template <class T>
class Output {
 public:
  Output(std::initializer_list<Index> shape, Order order);
  Tensor<T> tensor;
  // The NumPy array that owns the memory from now on.
  nanobind::object numpy();

 private:
  int ndim_;
  nanobind::capsule owner_;
};

// Run `call` without the GIL.
template <class Call>
void compute(const Call& call) {
  const nanobind::gil_scoped_release unlocked;
  const threads::FlushSubnormals flush;
  call();
}

// Of a chapter's kernels, those for T.
template <class T, class Kernels>
const auto& of(const Kernels& kernels) {
  if constexpr (sizeof(T) == sizeof(float))
    return kernels.float32;
  else
    return kernels.float64;
}

// Raises ValueError unless `fits`: the Python side has checked, so only a direct call gets here.
void need(bool fits);

// Whether so many channels, at least one, fall into groups.
inline bool divides(Index groups, Index channels) {
  return groups > 0 && channels > 0 && channels % groups == 0;
}

// Raises TypeError unless `other` has the dtype of `first`.
void same_dtype(const Input& first, const Input& other);

// Whether Python holds `value` for true.
bool truth(nanobind::handle value);

// Read a clearconv.ops._window.Window.
Geometry geometry(nanobind::handle window);

}  // namespace clearconv
