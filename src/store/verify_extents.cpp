// SPDX-License-Identifier: BSD-3-Clause
// Compares extents with the bytes in the files, and says which elements they prove to be done.
#include "store/verify_extents.hpp"

namespace mpipe {

bool is_mark(const Extent& extent) {
  return extent.kind == ExtentKind::failed || extent.kind == ExtentKind::blocked;
}

std::vector<Extent> read_all_extents(const fs::path& folder, const RunKey& key,
                                     std::vector<LogDamage>* damage) {
  std::vector<Extent> all = read_extents(extents_path(folder), key, damage);
  for (const fs::path& path : find_writer_extents(folder)) {
    const std::vector<Extent> more = read_extents(path, key, damage);
    all.insert(all.end(), more.begin(), more.end());
  }
  return all;
}

std::vector<Extent> matching_extents(std::span<const Extent> extents, const RunOutputs& outputs) {
  // Numbers of outputs come from a file and are checked before they are used. Marks have no bytes to compare.
  std::vector<Extent> matching;
  for (const Extent& extent : extents)
    if (extent.output < outputs.size() && (is_mark(extent) || outputs[extent.output].holds(extent)))
      matching.push_back(extent);
  return matching;
}

ElementStates states_of_marks(std::span<const std::uint8_t> marks, Index first) {
  ElementStates states;
  for (std::size_t k = 0; k < marks.size();) {
    std::size_t end = k + 1;
    while (end < marks.size() && marks[end] == marks[k]) ++end;
    const IndexRange range{first + static_cast<Index>(k), first + static_cast<Index>(end)};
    // The element of a byte that is no mark counts as pending; verification reports it.
    if (marks[k] <= static_cast<std::uint8_t>(ElementStatus::blocked))
      states.add(range, static_cast<ElementStatus>(marks[k]));
    k = end;
  }
  return states;
}

std::vector<ElementStates> states_of(std::span<const Extent> extents, const RunLayout& layout) {
  // Ranges are collected and united at the end, since extents come in any order and each insertion into the
  // middle of a set moves what lies behind it.
  struct Ranges {
    std::vector<IndexRange> values, done, failed, blocked;
  };
  std::vector<Ranges> found(layout.outputs.size());
  for (const Extent& extent : extents) {
    Ranges& of = found[extent.output];
    auto& of_kind = extent.kind == ExtentKind::values   ? of.values
                    : extent.kind == ExtentKind::done   ? of.done
                    : extent.kind == ExtentKind::failed ? of.failed
                                                        : of.blocked;
    of_kind.push_back(extent.range);
  }
  std::vector<ElementStates> states(found.size());
  for (std::size_t k = 0; k < found.size(); ++k) {
    states[k].add_done(RangeSet::of(std::move(found[k].done)));
    // Values can be told to be elements only when the shape says how many of them an element has.
    if (layout.outputs[k].shape_known())
      states[k].add_done(
          element_order(layout.outputs[k]).elements_in(RangeSet::of(std::move(found[k].values))));
    states[k].add_failed(RangeSet::of(std::move(found[k].failed)));
    states[k].add_blocked(RangeSet::of(std::move(found[k].blocked)));
  }
  return states;
}

void add_mark_extents(const std::vector<ElementStates>& states, std::vector<Extent>& extents) {
  for (std::size_t k = 0; k < states.size(); ++k) {
    for (const IndexRange& range : states[k].failed().ranges())
      extents.push_back({ExtentKind::failed, k, range, 0});
    for (const IndexRange& range : states[k].blocked().ranges())
      extents.push_back({ExtentKind::blocked, k, range, 0});
  }
}

}  // namespace mpipe
