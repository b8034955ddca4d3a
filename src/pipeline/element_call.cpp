// SPDX-License-Identifier: BSD-3-Clause
// Cuts one element out of a block, so that it can be called by itself.
#include "pipeline/api/element_call.hpp"

#include <cstring>

namespace mpipe {
namespace {

/// Bytes of values that a view reaches, dense.
struct Gathered {
  Bytes bytes;
  std::vector<std::uint64_t> offsets;
};

Gathered gather(const ArgumentView& argument, Index at) {
  Gathered all;
  if (argument.offsets != nullptr) all.offsets.push_back(0);
  argument.for_each_in_slice(at, [&](Index position) {
    const std::span<const std::byte> value = argument.value(position);
    all.bytes.insert(all.bytes.end(), value.begin(), value.end());
    if (argument.offsets != nullptr) all.offsets.push_back(all.bytes.size());
  });
  return all;
}

}  // namespace

std::vector<ElementOutput> call_element(const FunctionBody& body, const BlockCall& call, Index element) {
  std::vector<OutputColumn> columns;
  std::vector<Bytes> fixed(call.outputs.size());
  for (std::size_t k = 0; k < call.outputs.size(); ++k) {
    const OutputColumn& output = call.outputs[k];
    OutputColumn& column = columns.emplace_back();
    column.type = output.type;
    column.collects_items = output.collects_items;
    column.item_rank = output.item_rank;
    column.declared = output.declared;
    column.name = output.name;
    if (output.fixed == nullptr) continue;
    fixed[k].resize(output.type->size);
    column.fixed = fixed[k].data();
  }
  tie_columns(columns);
  // The body sees a block of one element with columns of its own. What it writes reaches the columns of the
  // real call only by `put_element`, once the caller is content with it.
  BlockCall single = call;
  single.range = {element, element + 1};
  single.outputs = columns;
  single.completed = 0;
  if (element != call.range.begin) single.attempt = nullptr;
  body.call(single);
  std::vector<ElementOutput> outputs;
  for (std::size_t k = 0; k < columns.size(); ++k) {
    const bool in_place = columns[k].fixed != nullptr && !columns[k].internal;
    outputs.push_back({std::move(columns[k].internal),
                       in_place ? std::move(fixed[k]) : std::move(columns[k].bytes),
                       std::move(columns[k].offsets)});
  }
  return outputs;
}

void put_element(const std::vector<ElementOutput>& outputs, BlockCall& call, Index position) {
  for (std::size_t k = 0; k < outputs.size(); ++k) {
    const ElementOutput& output = outputs[k];
    OutputColumn& column = call.outputs[k];
    if (!output.shape && column.type->fixed_size()) {
      const std::size_t size = output.bytes.size();
      std::memcpy(column.fixed + static_cast<std::size_t>(position) * size, output.bytes.data(), size);
      continue;
    }
    if (column.type->fixed_size()) {
      column.push_items(*output.shape, output.bytes.data());
      continue;
    }
    // The shape is checked before the first item is pushed, so that a column never holds a part of an element
    // that was refused.
    if (output.shape) column.check_items(*output.shape);
    for (std::size_t value = 0; value + 1 < output.offsets.size(); ++value)
      column.push_encoded(
          std::span(output.bytes)
              .subspan(static_cast<std::size_t>(output.offsets[value]),
                       static_cast<std::size_t>(output.offsets[value + 1] - output.offsets[value])));
  }
}

Value argument_value(const ArgumentView& argument, const Shape& external, Index element) {
  const MultiIndex index = multi_index(element, external);
  Index at = argument.origin;
  for (std::size_t axis = 0; axis < index.size(); ++axis) at += index[axis] * argument.strides[axis];
  if (argument.slice_shape.empty() && argument.type->kind == Kind::array)
    return Value::open_array(*argument.type, argument.value(at));
  const Gathered values = gather(argument, at);
  return Value::copy_of(*argument.type, argument.slice_shape, values.bytes, values.offsets);
}

Value output_value(const ElementOutput& output, const OutputColumn& column) {
  if (!output.shape && column.type->kind == Kind::array)
    return Value::open_array(*column.type, std::span<const std::byte>(output.bytes));
  static constexpr std::uint64_t kNoValues[] = {0};
  std::span<const std::uint64_t> offsets = output.offsets;
  if (!column.type->fixed_size() && offsets.empty()) offsets = kNoValues;
  return Value::copy_of(*column.type, output.shape.value_or(Shape{}), output.bytes, offsets);
}

}  // namespace mpipe
