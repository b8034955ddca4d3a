// SPDX-License-Identifier: BSD-3-Clause
// The arrays of a run on this rank, by output, and their values in the order of the mapspec.
#include "exec/api/run_arrays.hpp"

#include <mpipe/core/error.hpp>

#include <cstring>

namespace mpipe {

void RunArrays::prepare(OutputId output) {
  const ArrayLayout& layout = plan_.output(output).layout;
  auto& array = arrays_[output.value];
  std::optional<Shape> internal;
  if (layout.rank_known && is_known(layout.internal_shape())) internal = known_shape(layout.internal_shape());
  // An array that is there already stays, as it may hold values that will not be computed again.
  if (!array)
    array = std::make_unique<PartialArray>(*layout.type, known_shape(layout.external_shape()), internal,
                                           PagesSlot{pages_, kSlotsOfAnOutput * output.value});
  else if (internal)
    array->set_internal(*internal);
}

void RunArrays::adopt(OutputId output) {
  const ArrayLayout& layout = plan_.output(output).layout;
  auto& array = arrays_[output.value];
  const bool known = layout.rank_known && is_known(layout.internal_shape());
  if (array && known && array->internal_known() && array->internal() != known_shape(layout.internal_shape()))
    // Values of another shape than the plan's cannot be used, so `prepare` makes an empty array in their
    // place.
    array.reset();
  prepare(output);
}

void RunArrays::drop(OutputId output, bool is_first) {
  auto& array = arrays_[output.value];
  if (array && pages_ && is_first)
    for (std::size_t slot = 0; slot < kSlotsOfAnOutput; ++slot)
      pages_->clear(kSlotsOfAnOutput * output.value + slot);
  array.reset();
}

std::vector<const PartialArray*> RunArrays::all() const {
  std::vector<const PartialArray*> all;
  for (const auto& array : arrays_) all.push_back(array.get());
  return all;
}

namespace {

bool internal_axes_are_last(const std::vector<bool>& external) {
  for (std::size_t axis = 1; axis < external.size(); ++axis)
    if (external[axis] && !external[axis - 1]) return false;
  return true;
}

}  // namespace

Value in_mapspec_order(const PartialArray& array, const std::vector<bool>& external) {
  const Value stored = array.to_value();
  // With the internal axes last, the order of elements is that of the mapspec, and nothing is copied again.
  if (internal_axes_are_last(external) || external.size() != stored.rank()) return stored;
  // Shape and strides per axis in mapspec order, of values that lie in element-major order.
  const Strides strides = c_strides(stored.shape());
  Shape shape;
  ArgumentView view;
  std::size_t next_external = 0;
  std::size_t next_internal = array.external().size();
  for (const bool is_external : external) {
    const std::size_t axis = is_external ? next_external++ : next_internal++;
    shape.push_back(stored.shape()[axis]);
    view.slice_strides.push_back(strides[axis]);
  }
  view.type = &stored.type();
  view.data = stored.data();
  view.offsets = stored.offsets();
  view.slice_shape = shape;
  if (stored.type().fixed_size()) {
    auto bytes = std::make_shared_for_overwrite<std::byte[]>(stored.byte_size());
    view.copy_slice(0, bytes.get());
    return Value::from_bytes(stored.type(), std::move(shape), std::move(bytes));
  }
  Bytes bytes;
  std::vector<std::uint64_t> offsets{0};
  view.for_each_in_slice(0, [&](Index position) {
    const auto value = view.value(position);
    bytes.insert(bytes.end(), value.begin(), value.end());
    offsets.push_back(bytes.size());
  });
  return Value::copy_of(stored.type(), std::move(shape), bytes, offsets);
}

}  // namespace mpipe
