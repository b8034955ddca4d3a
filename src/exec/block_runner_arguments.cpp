// SPDX-License-Identifier: BSD-3-Clause
// Where the arguments of a function are, for a wave and for a block of it.
#include "exec/block_runner_parts.hpp"

namespace mpipe {
namespace {

/// Strides per axis in mapspec order, in values, of an array in element-major layout.
Strides element_major_strides(const PartialArray& array, const std::vector<bool>& external) {
  const Strides outer = c_strides(array.external());
  const Strides inner = c_strides(array.internal());
  Strides strides;
  std::size_t next_outer = 0;
  std::size_t next_inner = 0;
  for (const bool is_external : external)
    strides.push_back(is_external ? outer[next_outer++] * array.values_per_element() : inner[next_inner++]);
  return strides;
}

/// Extents per axis in mapspec order.
Shape mapspec_shape(const PartialArray& array, const std::vector<bool>& external) {
  Shape shape;
  std::size_t next_outer = 0;
  std::size_t next_inner = 0;
  for (const bool is_external : external)
    shape.push_back(is_external ? array.external()[next_outer++] : array.internal()[next_inner++]);
  return shape;
}

/// Which axes are external, also of a single value whose rank showed within the block.
std::vector<bool> external_axes(const PlannedOutput& output, const PartialArray& array) {
  return output.layout.rank_known ? output.layout.external
                                  : std::vector<bool>(array.internal().size(), false);
}

/// Sorts the axes of an array into those that number elements and those that the function takes as a slice.
/// The plan knows nothing of axes whose number shows while running: they are taken.
void sort_axes(ArgumentView& view, const PlannedArgument& argument, std::size_t function_rank,
               const Shape& shape, const Strides& strides) {
  view.strides.assign(function_rank, 0);
  view.slice_shape.clear();
  view.slice_strides.clear();
  for (std::size_t axis = 0; axis < shape.size(); ++axis) {
    const auto position = axis < argument.indexed_by.size() ? argument.indexed_by[axis] : std::nullopt;
    if (position) {
      view.strides[*position] += strides[axis];
    } else {
      view.slice_shape.push_back(shape[axis]);
      view.slice_strides.push_back(strides[axis]);
    }
  }
}

/// The values that a block of elements of shape `external` looks at lie in this range.
IndexRange reach(const ArgumentView& view, const Shape& external, IndexRange block) {
  const IndexBox box = bounding_box(block, external);
  IndexRange range{view.origin, view.origin + 1};
  for (std::size_t axis = 0; axis < view.strides.size(); ++axis) {
    range.begin += box.begin[axis] * view.strides[axis];
    range.end += (box.end[axis] - 1) * view.strides[axis];
  }
  for (std::size_t axis = 0; axis < view.slice_shape.size(); ++axis)
    range.end += (view.slice_shape[axis] - 1) * view.slice_strides[axis];
  return range;
}

}  // namespace

void BlockRunner::prepare_argument(const PlannedFunction& function, std::size_t position,
                                   PreparedArgument& argument) {
  const PlannedArgument& planned = function.arguments[position];
  const ElementType* wanted =
      plan_.pipeline().function(function.id).function.body().parameters()[position].element;
  argument.planned = &planned;
  if (!planned.output) {
    argument.owner = plan_.constant(planned.constant);
    sort_axes(argument.view, planned, function.axes.size(), argument.owner.shape(),
              argument.owner.is_scalar() ? Strides{} : c_strides(argument.owner.shape()));
    argument.view.type = &argument.owner.type();
    argument.view.data = argument.owner.address();
    argument.view.offsets = argument.owner.offsets();
    return;
  }
  const PartialArray& array = *arrays_.find(*planned.output);
  const std::vector<bool>& external = plan_.output(*planned.output).layout.external;
  const bool convert = wanted != nullptr && array.type() != *wanted && array.type().kind != Kind::array;
  if (convert) argument.wanted = wanted;
  // Values of the same block are made only while it is computed. They can be looked at in place if they
  // need no conversion and have a fixed size and a known shape; otherwise each block looks for them anew.
  if (planned.same_block && (convert || !array.type().fixed_size() || !array.internal_known())) {
    argument.per_block = true;
    return;
  }
  argument.view.type = &array.type();
  argument.view.data = array.data(0);
  // An array of an earlier wave is complete, so it is converted, or its pieces are joined, once for all
  // blocks.
  if (const JoinedValues* joined = array.joined(); joined != nullptr && !convert) {
    argument.view.data = joined->bytes();
    argument.view.offsets = joined->offsets();
  } else if (!planned.same_block && (convert || !array.type().fixed_size())) {
    argument.owner = convert ? array.to_value().converted(*wanted) : array.to_value();
    argument.view.type = &argument.owner.type();
    argument.view.data = argument.owner.data();
    argument.view.offsets = argument.owner.offsets();
  }
  sort_axes(argument.view, planned, function.axes.size(), mapspec_shape(array, external),
            element_major_strides(array, external));
}

void BlockRunner::PreparedArgument::fetch(const Shape& external, IndexRange block) const {
  if (owner.source() != nullptr) owner.fetch(reach(view, external, block));
}

void BlockRunner::bind_arguments(const PreparedFunction& function, IndexRange range, Scratch& scratch) const {
  // Sources are read before the lock is taken: reading may be slow, and other threads would wait for it.
  for (const PreparedArgument& argument : function.arguments) argument.fetch(function.external, range);
  if (!function.per_block) {
    scratch.bound = function.views;
    return;
  }
  const auto guard = lock();  // other threads add blocks to the same arrays
  scratch.views = function.views;
  scratch.pieces.clear();
  scratch.converted.clear();
  // The views below point into these two lists, which therefore must not grow beyond their capacity.
  scratch.converted.reserve(function.arguments.size());
  scratch.pieces.reserve(function.arguments.size());
  for (std::size_t k = 0; k < function.arguments.size(); ++k) {
    const PreparedArgument& argument = function.arguments[k];
    if (!argument.per_block) continue;
    const PartialArray& array = *arrays_.find(*argument.planned->output);
    const std::vector<bool> external = external_axes(plan_.output(*argument.planned->output), array);
    const PartialArray::Piece& piece = scratch.pieces.emplace_back(array.piece(range));
    ArgumentView& view = scratch.views[k];
    sort_axes(view, *argument.planned, function.external.size(), mapspec_shape(array, external),
              element_major_strides(array, external));
    view.type = &array.type();
    view.data = piece.bytes.data();
    view.offsets = piece.offsets.empty() ? nullptr : piece.offsets.data();
    // Elements keep their numbers, while the piece begins with the first element of the block.
    view.origin = -range.begin * array.values_per_element();
    if (argument.wanted != nullptr) {
      const Shape flat{range.size() * array.values_per_element()};
      const Value& value = scratch.converted.emplace_back(
          Value::copy_of(array.type(), flat, piece.bytes, piece.offsets).converted(*argument.wanted));
      view.type = &value.type();
      view.data = value.data();
    }
  }
  scratch.bound = scratch.views;
}

}  // namespace mpipe
