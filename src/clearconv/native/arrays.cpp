#include "arrays.h"

#include <cstdint>
#include <cstring>
#include <new>

#include "arena.h"

namespace nb = nanobind;

namespace clearconv {
namespace {

// The format's letter if it is a native one of `kinds`, else 0; big-endian ">" is none.
char kind_of(const char* format, const char* kinds) {
  if (!format) return 0;
  if (*format && std::strchr("@=^<", *format)) ++format;
  return *format && !format[1] && std::strchr(kinds, *format) ? *format : 0;
}

}  // namespace

Input::Input(nb::handle array, const char* kinds) {
  if (PyObject_GetBuffer(array.ptr(), &buffer_, PyBUF_STRIDES | PyBUF_FORMAT) != 0)
    throw nb::python_error();
  try {
    look(kinds);
  } catch (...) {  // no destructor runs
    PyBuffer_Release(&buffer_);
    throw;
  }
}

void Input::look(const char* kinds) {
  kind_ = kind_of(buffer_.format, kinds);
  if (!kind_ || buffer_.ndim > 4)
    throw nb::type_error(std::strcmp(kinds, "fd") == 0
                             ? "a float32 or float64 array of at most four axes is needed"
                             : "a uint8 or int32 array of at most four axes is needed");
  data_ = buffer_.buf;
  bool aligned = reinterpret_cast<std::size_t>(data_) % buffer_.itemsize == 0;
  for (int axis = 0; axis < buffer_.ndim; ++axis) {
    strides_[axis] = buffer_.strides[axis];
    aligned = aligned && strides_[axis] % buffer_.itemsize == 0;
    if (axis > 0 && buffer_.shape[axis] == 0)
      throw nb::value_error("an array has an empty axis; only the first one, a batch, may be empty");
  }
  if (!aligned && size() > 0) copy();
}

Index Input::size() const {
  Index count = 1;
  for (int axis = 0; axis < ndim(); ++axis) count *= buffer_.shape[axis];
  return count;
}

bool Input::contiguous() const {
  Index stride = buffer_.itemsize;
  for (int axis = ndim() - 1; axis >= 0; stride *= buffer_.shape[axis--])
    if (strides_[axis] != stride && buffer_.shape[axis] > 1) return size() == 0;
  return true;
}

void Input::adjoin() {
  const int last = ndim() - 1;
  if (strides_[last] != buffer_.itemsize && shape(last) > 1 && size() > 0) copy();
}

void Input::copy() {
  const Index itemsize = buffer_.itemsize;
  copied_ = std::make_unique<char[]>(size() * itemsize);
  Index at[4] = {0, 0, 0, 0};
  for (char* to = copied_.get();; to += itemsize) {
    const char* from = static_cast<const char*>(buffer_.buf);
    for (int axis = 0; axis < ndim(); ++axis) from += at[axis] * buffer_.strides[axis];
    std::memcpy(to, from, itemsize);
    int axis = ndim() - 1;
    while (axis >= 0 && ++at[axis] == buffer_.shape[axis]) at[axis--] = 0;
    if (axis < 0) break;
  }
  data_ = copied_.get();
  Index stride = itemsize;
  for (int axis = ndim() - 1; axis >= 0; stride *= buffer_.shape[axis--]) strides_[axis] = stride;
}

template <class T>
Output<T>::Output(std::initializer_list<Index> shape, Order order)
    : tensor{}, ndim_(int(shape.size())) {
  Index bytes = sizeof(T);
  int axis = 0;
  for (const Index length : shape) {
    tensor.shape[axis++] = length;
    if (__builtin_mul_overflow(bytes, length, &bytes)) throw std::bad_alloc();
  }
  if (order == Order::channels_last) {
    const Index C = tensor.shape[1], H = tensor.shape[2], W = tensor.shape[3];
    const Index channels_last[] = {H * W * C, 1, W * C, C};
    std::memcpy(tensor.stride, channels_last, sizeof channels_last);
  } else {
    Index stride = 1;
    for (axis = ndim_ - 1; axis >= 0; stride *= tensor.shape[axis--]) tensor.stride[axis] = stride;
  }
  void* memory = arena::take(bytes);
  owner_ = nb::capsule(memory, [](void* taken) noexcept { arena::give(taken); });
  tensor.data = static_cast<T*>(memory);
}

template <class T>
nb::object Output<T>::numpy() {
  std::size_t shape[4];
  for (int axis = 0; axis < ndim_; ++axis) shape[axis] = tensor.shape[axis];
  return nb::cast(nb::ndarray<nb::numpy, T>(tensor.data, ndim_, shape, owner_, tensor.stride));
}

template class Output<float>;
template class Output<double>;
template class Output<std::uint8_t>;
template class Output<std::int32_t>;

void need(bool fits) {
  if (!fits)
    throw nb::value_error("the arrays do not fit the window; call the functions of clearconv.ops");
}

void same_dtype(const Input& first, const Input& other) {
  if (first.is_double() != other.is_double())
    throw nb::type_error("the arrays' dtypes differ; all must be float32, or all float64");
}

bool truth(nb::handle value) {
  const int truth = PyObject_IsTrue(value.ptr());
  if (truth < 0) throw nb::python_error();
  return truth == 1;
}

// What Window of ops/_window.py promises, and kernels rely on: no size overflows.
static bool sane(const Geometry& window) {
  constexpr Index kMostPixels = Index(1) << 40;
  Index padded[2];
  for (int axis = 0; axis < 2; ++axis) {
    for (const Index number : {window.input[axis], window.kernel[axis], window.stride[axis],
                               window.dilation[axis], window.output[axis]})
      if (number < 1 || number > kMostPixels) return false;
    for (const Index number : {window.before[axis], window.after[axis]})
      if (number < 0 || number > kMostPixels) return false;
    padded[axis] = window.input[axis] + window.before[axis] + window.after[axis];
    if (window.kernel[axis] - 1 > (padded[axis] - 1) / window.dilation[axis]) return false;
    if (window.output[axis] - 1 > (padded[axis] - 1) / window.stride[axis]) return false;
  }
  return padded[0] <= kMostPixels / padded[1] &&
         window.stride[0] <= kMostPixels / window.stride[1];
}

Geometry geometry(nb::handle window) {
  constexpr int kNumbers = sizeof(Geometry) / sizeof(Index);
  const nb::object numbers = window.attr("numbers");
  need(PyTuple_Check(numbers.ptr()) && PyTuple_GET_SIZE(numbers.ptr()) == kNumbers);
  Index values[kNumbers];
  for (int i = 0; i < kNumbers; ++i) {
    values[i] = PyLong_AsSsize_t(PyTuple_GET_ITEM(numbers.ptr(), i));
    if (values[i] == -1 && PyErr_Occurred()) throw nb::python_error();
  }
  Geometry result;
  std::memcpy(&result, values, sizeof result);
  need(sane(result));
  return result;
}

}  // namespace clearconv
