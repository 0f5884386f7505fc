#include "arrays.h"

#include <unistd.h>

#include <cstdint>
#include <cstring>
#include <new>

#include "native/machine/arena.h"

namespace nb = nanobind;

namespace clearconv {
namespace {

// The format's letter if it is a native one of `kinds`, else 0; big-endian ">" is none.
char kind_of(const char* format, const char* kinds) {
  if (!format) return 0;
  if (*format && std::strchr("@=^<", *format)) ++format;
  return *format && !format[1] && std::strchr(kinds, *format) ? *format : 0;
}

const char* needed(const char* kinds) {
  switch (*kinds) {
    case 'f':
      return kinds[1] ? "a float32 or float64 array is needed" : "a float32 array is needed";
    case '?': return "a bool array is needed";
    case 'B': return "a uint8 or int32 array is needed";
    case 'd': return "a float64 array is needed";
    default: return "a uint64 array is needed";
  }
}

// Copy `count` numbers that are `step` bytes apart.
template <class Number>
void gather(char* to, const char* from, Index count, Index step) {
  for (Index i = 0; i < count; ++i, to += sizeof(Number), from += step)
    std::memcpy(to, from, sizeof(Number));
}

}  // namespace

Input::Input(nb::handle array, const char* kinds, bool any_axis_empty) {
  if (PyObject_GetBuffer(array.ptr(), &buffer_, PyBUF_STRIDES | PyBUF_FORMAT) != 0)
    throw nb::python_error();
  try {
    look(kinds, any_axis_empty);
  } catch (...) {  // no destructor runs
    PyBuffer_Release(&buffer_);
    throw;
  }
}

void Input::look(const char* kinds, bool any_axis_empty) {
  kind_ = kind_of(buffer_.format, kinds);
  if (!kind_ || buffer_.ndim > kAxes) throw nb::type_error(needed(kinds));
  data_ = buffer_.buf;
  bool aligned = reinterpret_cast<std::size_t>(data_) % buffer_.itemsize == 0;
  for (int axis = 0; axis < ndim(); ++axis) {
    strides_[axis] = buffer_.strides[axis];
    aligned = aligned && strides_[axis] % buffer_.itemsize == 0;
    if (axis > 0 && buffer_.shape[axis] == 0 && !any_axis_empty)
      throw nb::value_error(
          "an array has an empty axis; only the first one, a batch, may be empty");
  }
  if (!aligned) copy(layout());
}

Input::~Input() {
  if (copied_) arena::give(copied_);
  PyBuffer_Release(&buffer_);
}

Index Input::size() const {
  Index count = 1;
  for (int axis = 0; axis < ndim(); ++axis) count *= shape(axis);
  return count;
}

bool Input::is_one_number() const {
  for (int axis = 0; axis < ndim(); ++axis)
    if (shape(axis) != 1 && (shape(axis) == 0 || strides_[axis] != 0)) return false;
  return true;
}

void Input::adjoin() {
  const int last = ndim() - 1;
  if (strides_[last] != buffer_.itemsize && shape(last) > 1 && size() > 0) copy();
}

void Input::four_axes() const {
  if (ndim() > 4) throw nb::type_error("an array of at most four axes is needed");
}

void Input::copy(const Layout& layout) {
  const Index itemsize = buffer_.itemsize;
  const auto row = itemsize == 8 ? gather<std::uint64_t>
                   : itemsize == 4 ? gather<std::uint32_t>
                                   : gather<std::uint8_t>;
  const int rows = ndim() - 1;  // axes that count rows; the fastest runs along one
  const Index count = rows < 0 ? 1 : layout.shape[layout.order[rows]];
  const Index step = rows < 0 ? 0 : strides_[layout.order[rows]];
  char* const memory = static_cast<char*>(arena::take(layout.size * itemsize));
  Index at[kAxes] = {};
  for (Index done = 0; done < layout.size; done += count) {
    const char* from = static_cast<const char*>(data_);
    for (int i = 0; i < rows; ++i) from += at[i] * strides_[layout.order[i]];
    row(memory + done * itemsize, from, count, step);
    for (int i = rows - 1; i >= 0 && ++at[i] == layout.shape[layout.order[i]]; --i) at[i] = 0;
  }
  if (copied_) arena::give(copied_);
  data_ = copied_ = memory;
  for (int axis = 0; axis < ndim(); ++axis) strides_[axis] = layout.strides[axis] * itemsize;
}

template <class T>
Output<T>::Output(const Layout& layout, nb::handle out, bool gaps)
    : tensor{}, layout_(layout), out_(out.is_none() ? nb::handle() : out) {
  for (int axis = 0; axis < layout.ndim && axis < 4; ++axis) {
    tensor.shape[axis] = layout.shape[axis];
    tensor.stride[axis] = layout.strides[axis];
  }
  if (out_.is_valid() && in_place(gaps)) return;
  Index bytes;
  if (__builtin_mul_overflow(layout.size, Index(sizeof(T)), &bytes)) throw std::bad_alloc();
  void* memory = arena::take(bytes);
  owner_ = nb::capsule(memory, [](void* taken) noexcept { arena::give(taken); });
  tensor.data = static_cast<T*>(memory);
}

template <class T>
Output<T>::Output(std::initializer_list<Index> shape, Order order, nb::handle out)
    : Output(order == Order::c ? Layout::c(shape.begin(), int(shape.size()))
                               : Layout::channels_last(shape.begin()),
             out, order == Order::pixels) {}

// Use `out` as the result's memory, if possible.
template <class T>
bool Output<T>::in_place(bool gaps) {
  given_ = std::make_unique<Input>(out_, sizeof(T) == sizeof(double) ? "d" : "f", true);
  need(given_->ndim() == layout_.ndim);
  for (int axis = 0; axis < layout_.ndim; ++axis) need(given_->shape(axis) == layout_.shape[axis]);
  if (given_->writable() && (given_->lies_in(layout_) || (gaps && given_->channels_adjoin()))) {
    if (gaps)
      for (int axis = 0; axis < 4; ++axis)
        tensor.stride[axis] = given_->template tensor<T>().stride[axis];
    tensor.data = const_cast<T*>(given_->template data<T>());
    return true;
  }
  given_.reset();
  return false;
}

template <class T>
nb::object Output<T>::numpy() {
  if (given_) return nb::borrow(out_);
  std::size_t shape[kAxes];
  for (int axis = 0; axis < layout_.ndim; ++axis) shape[axis] = layout_.shape[axis];
  nb::object made = nb::cast(
      nb::ndarray<nb::numpy, T>(tensor.data, layout_.ndim, shape, owner_, layout_.strides));
  if (!out_.is_valid()) return made;
  if (PyObject_SetItem(out_.ptr(), Py_Ellipsis, made.ptr()) != 0) throw nb::python_error();
  return nb::borrow(out_);
}

template class Output<float>;
template class Output<double>;
template class Output<bool>;
template class Output<std::uint8_t>;
template class Output<std::int32_t>;

// While the interpreter is going away, Python before 3.14 ends a daemon thread that asks for the
// GIL with pthread_exit. glibc unwinds the stack for it, which aborts the whole process as soon as
// it leaves a destructor or meets a catch (...) that does not rethrow, and nanobind has those. So
// the unwinding ends here and never goes on; Python 3.14 itself puts such a thread to sleep.
Unlocked::~Unlocked() {
  try {
    PyEval_RestoreThread(state_);
  } catch (...) {
    for (;;) pause();
  }
}

void need(bool fits) {
  if (!fits)
    throw nb::value_error("the arrays do not fit; call the functions of clearconv.ops");
}

void same_shape(const Input& first, const Input& other) {
  need(first.ndim() == other.ndim());
  for (int axis = 0; axis < first.ndim(); ++axis) need(first.shape(axis) == other.shape(axis));
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

// What Window of ops/geometry/window.py guarantees, and kernels rely on: no size overflows.
static bool sane(const Geometry& window, bool hangs_over) {
  constexpr Index kMostPixels = Index(1) << 40;
  Index padded[2];
  for (int axis = 0; axis < 2; ++axis) {
    for (const Index number : {window.input[axis], window.kernel[axis], window.stride[axis],
                               window.dilation[axis], window.output[axis]})
      if (number < 1 || number > kMostPixels) return false;
    for (const Index number : {window.before[axis], window.after[axis]})
      if (number < 0 || number > kMostPixels) return false;
    padded[axis] = window.input[axis] + window.before[axis] + window.after[axis];
    const Index room = padded[axis] + (hangs_over ? window.stride[axis] - 1 : 0);
    if (window.kernel[axis] - 1 > (room - 1) / window.dilation[axis]) return false;
    if (window.output[axis] - 1 > (padded[axis] - 1) / window.stride[axis]) return false;
  }
  return padded[0] <= kMostPixels / padded[1] &&
         window.stride[0] <= kMostPixels / window.stride[1];
}

// Read `object.numbers`, a tuple of a fixed number of integers.
static void read_numbers(nb::handle object, Index* values, int count) {
  const nb::object numbers = object.attr("numbers");
  need(PyTuple_Check(numbers.ptr()) && PyTuple_GET_SIZE(numbers.ptr()) == count);
  for (int i = 0; i < count; ++i) {
    values[i] = PyLong_AsSsize_t(PyTuple_GET_ITEM(numbers.ptr(), i));
    if (values[i] == -1 && PyErr_Occurred()) throw nb::python_error();
  }
}

Geometry geometry(nb::handle window, bool hangs_over) {
  constexpr int kNumbers = sizeof(Geometry) / sizeof(Index);
  Index values[kNumbers];
  read_numbers(window, values, kNumbers);
  Geometry result;
  std::memcpy(&result, values, sizeof result);
  need(sane(result, hangs_over));
  return result;
}

// The checks are those of Shards in ops/geometry/shards.py.
Shards shards_of(nb::handle shards, Index N) {
  constexpr Index kMostImages = Index(1) << 40;
  Index values[] = {8, 0, 8, -1};
  if (!shards.is_none()) read_numbers(shards, values, 4);
  const auto [total, first, count, given] = values;
  const auto is_power = [](Index number) { return number > 0 && (number & (number - 1)) == 0; };
  need(is_power(total) && total <= 64 && is_power(count) && first >= 0 && first % count == 0 &&
       first <= total - count && (given >= 0 || count == total));
  const Index images = given < 0 ? N : given;
  need(images <= kMostImages);
  const Index all = images < total ? images : total;
  const Index begin = first < all ? first : all;
  const Index end = first + count < all ? first + count : all;
  need(all == 0 ? N == 0 : images * end / all - images * begin / all == N);
  return {images, all, begin, end - begin};
}

}  // namespace clearconv
