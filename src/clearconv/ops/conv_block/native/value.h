// A value of _operands.py, or an ndarray, as the operand that kernels read.
#pragma once

#include <optional>

#include "native/arrays.h"
#include "native/tile/operand.h"

namespace clearconv::conv_block {

// An ndarray, or the `operand` of a value that is not computed yet: (kind, x, beside, winner,
// ceiling of the ReLU or None, numbers), see _operands.py.
class Value {
 public:
  // What a ReLU lets through at most; nothing where there is no ReLU.
  static std::optional<double> ceiling(nanobind::handle number) {
    if (number.is_none()) return std::nullopt;
    return nanobind::cast<double>(number);
  }

  explicit Value(nanobind::handle value) {
    if (PyObject_CheckBuffer(value.ptr())) {
      x_.emplace(value);
      need(x_->ndim() == 4);
      for (int axis = 0; axis < 4; ++axis) shape_[axis] = x_->shape(axis);
      return;
    }
    const nanobind::object parts = value.attr("operand");
    kind_ = nanobind::cast<int>(parts[0]);
    need(kind_ >= 1 && kind_ <= 4);
    x_.emplace(nanobind::object(parts[1]));
    need(x_->ndim() == 4);
    for (int axis = 0; axis < 4; ++axis) shape_[axis] = x_->shape(axis);
    if (nanobind::object beside = parts[2]; !beside.is_none()) beside_.emplace(beside);
    if (nanobind::object winner = parts[3]; !winner.is_none()) winner_.emplace(winner, "B");
    ceiling_ = ceiling(nanobind::object(parts[4]));
    if (kind_ == 4) {
      shape_[2] = nanobind::cast<Index>(parts[5][0]);
      shape_[3] = nanobind::cast<Index>(parts[5][1]);
    } else if (kind_ != 2) {
      numbers_.emplace(nanobind::object(parts[5]));
    }
    check();
  }

  const Input& array() const { return *x_; }
  Index shape(int axis) const { return shape_[axis]; }
  bool normalised() const { return kind_ == 1; }
  bool plain_or_normalised() const { return kind_ <= 1; }
  bool gradient() const { return kind_ == 3; }

  template <class T>
  Operand<T> operand() const {
    Operand<T> operand = plain(x_->tensor<T>());
    for (int axis = 0; axis < 4; ++axis) operand.x.shape[axis] = shape_[axis];
    operand.how = static_cast<typename Operand<T>::How>(kind_);
    operand.relu = ceiling_.has_value();
    operand.ceiling = T(ceiling_.value_or(0));
    if (beside_) operand.beside = beside_->tensor<T>();
    if (winner_) {
      operand.winner = winner_->tensor<std::uint8_t>();
      operand.pooled[0] = winner_->shape(2);
      operand.pooled[1] = winner_->shape(3);
    }
    if (numbers_) {
      const T** into[] = {&operand.centre, &operand.scale, &operand.shift,
                          &operand.a,      &operand.b,     &operand.d};
      const T* data = numbers_->tensor<T>().data;
      for (Index i = 0; i < numbers_->shape(0); ++i) *into[i] = data + i * shape_[1];
    }
    return operand;
  }

 private:
  // Values from _operands.py fit; anything else must not reach the kernels.
  void check() const {
    const auto like_x = [this](const Input& other, bool whole) {
      for (int axis = 0; axis < 4; ++axis)
        need(other.ndim() == 4 && other.shape(axis) == (whole ? shape_[axis] : x_->shape(axis)));
      need(other.channels_adjoin());
    };
    need(x_->channels_adjoin());
    need(beside_.has_value() == (kind_ == 2 || kind_ == 3));
    if (beside_) like_x(*beside_, true), same_dtype(*x_, *beside_);
    need(winner_.has_value() == (kind_ == 4));
    if (winner_) {
      like_x(*winner_, false);
      need(winner_->shape(2) == shape_[2] / 2 && winner_->shape(3) == shape_[3] / 2);
    }
    if (numbers_) {
      same_dtype(*x_, *numbers_);
      need(numbers_->ndim() == 2 && numbers_->shape(0) == (kind_ == 1 ? 3 : 6) &&
           numbers_->shape(1) == shape_[1] && numbers_->contiguous());
    }
  }

  int kind_ = 0;
  std::optional<Input> x_, beside_, winner_, numbers_;
  Index shape_[4];
  std::optional<double> ceiling_;
};

}  // namespace clearconv::conv_block
