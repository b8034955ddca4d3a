// SPDX-License-Identifier: BSD-3-Clause
// Walks through the rows of a block, and takes what a body returns into columns.
#include <mpipe/core/error.hpp>
#include <mpipe/pipeline/function_body.hpp>

#include <algorithm>
#include <cstring>

namespace mpipe {

std::string ValueType::to_string() const {
  const std::string name = element != nullptr ? element->name : any_element ? "any value" : "number";
  if (any_rank) return name + " (scalar or array)";
  if (rank && *rank == 0) return name;
  return "array of " + name + (rank ? " (rank " + std::to_string(*rank) + ")" : "");
}

/// An axis of one position may have any stride, as no step is ever made along it.
bool ArgumentView::slice_is_dense() const {
  Index step = 1;
  for (std::size_t axis = slice_shape.size(); axis-- > 0;) {
    if (slice_shape[axis] != 1 && slice_strides[axis] != step) return false;
    step *= slice_shape[axis];
  }
  return true;
}

void ArgumentView::copy_slice(Index at, std::byte* out) const {
  for_each_in_slice(at, [&](Index position) {
    std::memcpy(out, data + static_cast<std::size_t>(position) * type->size, type->size);
    out += type->size;
  });
}

void OutputColumn::clear() {
  internal.reset();
  bytes.clear();
  offsets.clear();
}

void OutputColumn::push_encoded(std::span<const std::byte> value) {
  if (offsets.empty()) offsets.push_back(0);
  bytes.insert(bytes.end(), value.begin(), value.end());
  offsets.push_back(bytes.size());
}

void OutputColumn::push_items(const Shape& shape, const std::byte* items) {
  check_items(shape);
  const auto size = static_cast<std::size_t>(element_count(shape)) * type->size;
  if (size != 0) bytes.insert(bytes.end(), items, items + size);
}

void OutputColumn::check_items(const Shape& shape) {
  if (item_rank && shape.size() != *item_rank)
    throw Error(Category::internal_shape_rank,
                "the function returned an array of shape " + to_string(shape) + " where the mapspec names " +
                    std::to_string(*item_rank) + (*item_rank == 1 ? " axis" : " axes") +
                    " of its own (its internal shape " +
                    (shape.size() < *item_rank ? "is too short" : "has too many axes") +
                    "). Return an array of that rank, or name its axes in the mapspec.");
  // This comes first: it is wrong within the call, whatever other elements have.
  check_same_axes(shape);
  bool fits = !internal || *internal == shape;
  for (std::size_t axis = 0; axis < declared.size() && axis < shape.size(); ++axis)
    fits = fits && (!declared[axis] || *declared[axis] == shape[axis]);
  if (!fits)
    throw Error(Category::internal_shape_mismatch,
                "the function returned an array of shape " + to_string(shape) +
                    ", which does not match the expected internal shape " +
                    (internal ? to_string(*internal) : to_string(declared)) +
                    " (all elements of an output have one shape). Return arrays of that shape, or correct "
                    "the declared "
                    "internal_shape.");
  // The first element decides for all that follow, but only after it was held against what the mapspec and
  // the declaration say.
  if (!internal) internal = shape;
}

void OutputColumn::check_same_axes(const Shape& shape) const {
  if (same_axes == nullptr || !same_axes->internal || *same_axes->internal == shape) return;
  throw Error(Category::dimension_mismatch,
              "the function returned arrays of the shapes " + mpipe::to_string(*same_axes->internal) +
                  " for '" + std::string(same_axes->name) + "' and " + mpipe::to_string(shape) + " for '" +
                  std::string(name) +
                  "', whose axes the mapspec makes the same (an axis has one length). Return arrays of equal "
                  "shapes, or make the outputs in functions of their own.");
}

void tie_columns(std::span<OutputColumn> columns) {
  for (OutputColumn& column : columns)
    column.same_axes = &column != &columns.front() && column.item_rank ? &columns.front() : nullptr;
}

RowWalker::RowWalker(const BlockCall& call)
    : call_(call),
      linear_(call.range.begin),
      positions_(call.arguments.size()),
      steps_(call.arguments.size(), 0) {
  const std::size_t rank = call.external->size();
  if (!call.range.empty()) index_ = multi_index(call.range.begin, *call.external);
  for (std::size_t a = 0; a < call.arguments.size(); ++a) {
    const ArgumentView& argument = call.arguments[a];
    positions_[a] = argument.origin;
    if (call.range.empty()) continue;
    for (std::size_t axis = 0; axis < rank; ++axis) positions_[a] += index_[axis] * argument.strides[axis];
    if (rank != 0) steps_[a] = argument.strides[rank - 1];
  }
}

bool RowWalker::next() {
  const std::size_t rank = call_.external->size();
  if (started_) {
    linear_ += length_;
    if (linear_ >= call_.range.end) return false;
    // A row that is not the last one ended at its axis' end: go to the start of the next row.
    std::size_t axis = rank - 1;
    for (std::size_t a = 0; a < positions_.size(); ++a)
      positions_[a] -= index_[axis] * call_.arguments[a].strides[axis];
    index_[axis] = 0;
    // This counts as an odometer does: an axis that has reached its end goes back to 0 and moves the one
    // before it. The positions are moved along, as computing them anew would cost a product per axis.
    while (axis-- > 0) {
      for (std::size_t a = 0; a < positions_.size(); ++a) positions_[a] += call_.arguments[a].strides[axis];
      if (++index_[axis] < (*call_.external)[axis]) break;
      for (std::size_t a = 0; a < positions_.size(); ++a)
        positions_[a] -= index_[axis] * call_.arguments[a].strides[axis];
      index_[axis] = 0;
    }
  } else {
    started_ = true;
    if (call_.range.empty()) return false;
  }
  const Index rest = call_.range.end - linear_;
  length_ = rank == 0 ? rest : std::min(rest, (*call_.external)[rank - 1] - index_[rank - 1]);
  return true;
}

}  // namespace mpipe
