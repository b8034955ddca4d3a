// SPDX-License-Identifier: BSD-3-Clause
// Reads one argument of an expression with arrays, as a double or an array of doubles.
#include "document/expression/array_argument.hpp"

#include <mpipe/core/error.hpp>

#include <algorithm>

namespace mpipe::detail {
namespace {

const ElementType& number_type(const ArgumentView& view) {
  return view.type->kind == Kind::array ? *view.type->item : *view.type;
}

}  // namespace

ArrayArgument::ArrayArgument(const ArgumentView& view)
    : view_(view),
      read_(reader_for(number_type(view))),
      varies_(
          std::any_of(view.strides.begin(), view.strides.end(), [](Index stride) { return stride != 0; })),
      shape_(view.slice_shape),
      size_(element_count(view.slice_shape)) {
  in_place_ = view.type->kind == Kind::float64 && view.slice_is_dense();
  if (view.type->kind == Kind::array && !view.slice_shape.empty())
    throw Error(Category::type_mismatch,
                "an expression cannot compute with an array whose elements are arrays themselves. Give it "
                "one element.");
}

Quantity ArrayArgument::at(Index at) {
  if (view_.type->kind == Kind::array) {
    // The mark is set behind the copy: where that throws, the buffer is not taken for the value later.
    if (copied_ != at) decode(view_.value(at));
    copied_ = at;
    return array();
  }
  if (shape_.empty()) {
    Quantity scalar;
    read_(view_.data, at, 0, &scalar.number, 1);
    return scalar;
  }
  if (in_place_) {
    data_ = reinterpret_cast<const double*>(view_.data) + at;
  } else if (copied_ != at) {
    gather(at);
    copied_ = at;
  }
  return array();
}

Quantity ArrayArgument::array() const {
  return {.is_scalar = false, .number = 0, .data = data_, .shape = &shape_, .size = size_};
}

/// Copies a slice run by run along its last axis.
void ArrayArgument::gather(Index at) {
  double* out = buffer_.room(size_);
  data_ = out;
  if (size_ == 0) return;
  const std::size_t last = shape_.size() - 1;
  MultiIndex index(shape_.size(), 0);
  while (true) {
    read_(view_.data, at, view_.slice_strides[last], out, shape_[last]);
    out += shape_[last];
    std::size_t axis = last;
    while (true) {
      // The index counts like an odometer: an axis that comes to its end begins again, and the one before it
      // moves on. When the first one would, all has been copied.
      if (axis == 0) return;
      --axis;
      at += view_.slice_strides[axis];
      if (++index[axis] < shape_[axis]) break;
      at -= view_.slice_strides[axis] * shape_[axis];
      index[axis] = 0;
    }
  }
}

/// An element that is an array itself: encoded with its shape in front.
void ArrayArgument::decode(std::span<const std::byte> bytes) {
  const std::size_t item_bytes = number_type(view_).size;
  ByteReader reader = detail::element_reader(bytes, *view_.type);
  shape_ = read_shape(reader, item_bytes);
  size_ = element_count(shape_);
  const auto items = reader.take(static_cast<std::uint64_t>(size_) * item_bytes);
  // The items may lie anywhere in the bytes: move them to where they can be read.
  Bytes aligned(items.begin(), items.end());
  double* out = buffer_.room(size_);
  read_(aligned.data(), 0, 1, out, size_);
  data_ = out;
}

}  // namespace mpipe::detail
