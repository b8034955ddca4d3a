// SPDX-License-Identifier: BSD-3-Clause
// Copies slices of neighbouring elements, whose values lie far apart, into dense memory, and calls a body for them.
#include "exec/slice_panels.hpp"

#include <algorithm>
#include <cstdlib>
#include <cstring>

namespace mpipe {
namespace {

/// Of all slices of a panel together: as much as a core's own cache holds.
constexpr Index kBytes = Index{1} << 21;
/// Fewer elements would leave a part of each cache line unread.
constexpr Index kFewestElements = 8;
/// As much memory as these may take where their slices are long.
constexpr Index kMostBytes = Index{1} << 24;
/// Shorter slices stay in the caches by themselves from one element to the next.
constexpr Index kFewestValues = 64;
/// Values of a slice that are written at a time, for each element of the panel: a cache line of doubles.
constexpr std::size_t kWrittenTogether = 8;

Index bytes_of_slice(const ArgumentView& view) {
  return element_count(view.slice_shape) * static_cast<Index>(view.type->size);
}

/// Whether the values of a slice lie far apart, and those of the next elements between them.
bool lies_across(const ArgumentView& view) {
  if (view.slice_shape.empty() || view.strides.empty() || view.offsets != nullptr || !view.type->fixed_size())
    return false;
  const Index to_next_element = std::abs(view.strides.back());
  const Index to_next_value = std::abs(view.slice_strides.back());
  return to_next_element > 0 && to_next_element * kFewestElements <= to_next_value &&
         element_count(view.slice_shape) >= kFewestValues;
}

/// Copies the slices of `elements` elements, which are `step` values apart, to `out`, one dense slice behind the other.
/// `first` points to the first value of the first one, `offsets` are those of the values of a slice.
template <class Copy>
void gather_slices(const std::byte* first, std::span<const Index> offsets, Index elements, Index step,
                   std::size_t size, std::byte* out, Copy&& copy) {
  for (std::size_t k = 0; k < offsets.size(); k += kWrittenTogether) {
    const auto together = offsets.subspan(k, std::min(kWrittenTogether, offsets.size() - k));
    for (Index element = 0; element < elements; ++element) {
      std::byte* to = out + (static_cast<std::size_t>(element) * offsets.size() + k) * size;
      for (const Index offset : together) {
        copy(to, first + (offset + element * step) * static_cast<Index>(size));
        to += size;
      }
    }
  }
}

}  // namespace

Index SlicePanels::cheaper_together(std::span<const ArgumentView> arguments) {
  Index bytes = 0;
  for (const ArgumentView& view : arguments)
    if (lies_across(view)) bytes += bytes_of_slice(view);
  if (bytes == 0 || bytes * kFewestElements > kMostBytes) return 1;
  const Index elements = std::max(kFewestElements, kBytes / bytes);
  // What is the same for all elements is looked at anew with each panel: that must not cost more than the panel.
  const bool one_is_larger = std::any_of(arguments.begin(), arguments.end(), [&](const ArgumentView& view) {
    return !view.slice_shape.empty() && view.strides.back() == 0 && bytes_of_slice(view) > elements * bytes;
  });
  return one_is_larger ? 1 : elements;
}

/// Finds the arguments to gather, and the offsets of their values.
void SlicePanels::choose(const BlockCall& call) {
  std::size_t used = 0;
  for (std::size_t k = 0; k < call.arguments.size(); ++k) {
    if (!lies_across(call.arguments[k])) continue;
    if (used == gathered_.size()) gathered_.emplace_back();
    Gathered& gathered = gathered_[used++];
    gathered.argument = k;
    gathered.offsets.clear();
    call.arguments[k].for_each_in_slice(0, [&](Index at) { gathered.offsets.push_back(at); });
  }
  gathered_.resize(used);
}

/// `panel` lies within one row, a run of elements along the last external axis.
void SlicePanels::gather(const BlockCall& call, IndexRange panel) {
  const MultiIndex index = multi_index(panel.begin, *call.external);
  views_.assign(call.arguments.begin(), call.arguments.end());
  for (Gathered& gathered : gathered_) {
    const ArgumentView& view = call.arguments[gathered.argument];
    const Index step = view.strides.back();
    Index at = view.origin;
    for (std::size_t axis = 0; axis < index.size(); ++axis) at += index[axis] * view.strides[axis];
    const std::size_t size = view.type->size;
    const std::byte* const first = view.data + at * static_cast<Index>(size);
    gathered.values.resize(static_cast<std::size_t>(panel.size()) * gathered.offsets.size() * size);
    std::byte* const out = gathered.values.data();
    if (size == sizeof(double))
      gather_slices(first, gathered.offsets, panel.size(), step, size, out,
                    [](std::byte* to, const std::byte* from) { std::memcpy(to, from, sizeof(double)); });
    else
      gather_slices(first, gathered.offsets, panel.size(), step, size, out,
                    [size](std::byte* to, const std::byte* from) { std::memcpy(to, from, size); });
    ArgumentView& dense = views_[gathered.argument];
    const auto values = static_cast<Index>(gathered.offsets.size());
    dense.data = out;
    dense.strides.assign(view.strides.size(), 0);
    dense.strides.back() = values;
    dense.origin = -index.back() * values;
    dense.slice_strides = c_strides(view.slice_shape);
  }
}

void SlicePanels::call(const FunctionBody& body, BlockCall& call) {
  const Index elements = call.range.size() < kFewestElements ? 1 : cheaper_together(call.arguments);
  if (elements == 1) return body.call(call);
  choose(call);
  call.completed = 0;
  while (call.completed < call.range.size()) {
    BlockCall part = call;
    part.range.begin += call.completed;
    const Index row = call.external->back();
    const Index to_row_end = row - part.range.begin % row;
    part.range.end = std::min(call.range.end, part.range.begin + std::min(elements, to_row_end));
    gather(call, part.range);
    part.arguments = views_;
    part.completed = 0;
    const auto count = [&] { call.completed += part.completed; };
    try {
      body.call(part);
    } catch (...) {
      count();
      throw;
    }
    count();
    if (part.completed < part.range.size()) return;  // the caller takes that for an error of the body
    for (OutputColumn& output : call.outputs)
      if (output.fixed != nullptr)
        output.fixed += static_cast<std::size_t>(part.completed) * output.type->size;
  }
}

}  // namespace mpipe
