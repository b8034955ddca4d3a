// SPDX-License-Identifier: BSD-3-Clause
// Reads values that vary in size from a complete results.h5, from journals, or from both.
#include "store/output/variable_source.hpp"

#include <mpipe/core/error.hpp>

#include "store/output/variable_values.hpp"

#include <fmt/format.h>

#include <utility>

namespace mpipe {
namespace {

Index values_per_element(const OutputLayout& output) {
  Index count = 1;
  for (std::size_t axis = 0; axis < output.shape.size(); ++axis)
    if (!output.external[axis]) count *= output.shape[axis].value_or(1);
  return count;
}

}  // namespace

VariableSource::VariableSource(const fs::path& folder, const RunLayout& layout, std::size_t output,
                               RangeSet in_results, JournalIndex& journals)
    : layout_(layout.outputs[output]),
      output_(output),
      in_results_(std::move(in_results)),
      journals_(journals),
      per_element_(values_per_element(layout_)) {
  if (in_results_.empty()) return;
  const H5Quiet quiet;
  const PosixFile there(results_path(folder), PosixFile::Mode::read);
  const H5Handle file = h5_open_for_reading(results_path(folder));
  results_ = read_variable_output(file.get(), layout_, in_results_, there.size());
}

void VariableSource::read(IndexRange elements, const Visit& visit) {
  const RangeSet there = in_results_.intersection(elements);
  const RangeSet elsewhere = RangeSet{elements}.difference(there);
  auto next = elsewhere.ranges().begin();
  const auto read_before = [&](Index end) {
    for (; next != elsewhere.ranges().end() && next->begin < end; ++next)
      journals_.read(output_, *next, visit);
  };
  for (const IndexRange& range : there.ranges()) {
    read_before(range.begin);
    const auto first = static_cast<std::size_t>(range.begin * per_element_);
    const auto count = static_cast<std::size_t>(range.size() * per_element_) + 1;
    visit(range, results_.bytes, std::span(results_.offsets).subspan(first, count));
  }
  read_before(elements.end);
}

EncodedValues VariableSource::read_all(const RangeSet& wanted, Index end) {
  EncodedValues all;
  all.offsets.push_back(0);
  Index at = 0;
  const auto missing = [&] {
    throw Error(Category::storage_failed,
                fmt::format("values of '{}' that were stored are not in the journals any more (element {}: "
                            "somebody removed or "
                            "damaged files of the run folder). Resume the run to compute them again.",
                            layout_.name, at));
  };
  for (const IndexRange& range : wanted.ranges()) {
    append_nothing(all, (range.begin - at) * per_element_);
    at = range.begin;
    read(range,
         [&](IndexRange part, std::span<const std::byte> bytes, std::span<const std::uint64_t> offsets) {
           if (part.begin != at) missing();
           append_values(all, bytes, offsets);
           at = part.end;
         });
    if (at != range.end) missing();
  }
  append_nothing(all, (end - at) * per_element_);
  return all;
}

}  // namespace mpipe
