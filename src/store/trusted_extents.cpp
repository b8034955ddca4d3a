// SPDX-License-Identifier: BSD-3-Clause
// Compares extents with the bytes in the files, and says which elements they prove to be done.
#include "store/trusted_extents.hpp"

#include "store/output/variable_values.hpp"

namespace mpipe {
namespace {

bool is_mark(const Extent& extent) {
  return extent.kind == ExtentKind::failed || extent.kind == ExtentKind::blocked;
}

/// Whether the extent can be true of values in this place.
bool fits_place(const Extent& extent, const OutputPlace& place, Index longest) {
  if (extent.kind == ExtentKind::done)
    return place.order.values_per_element() == 0 && extent.range.end <= place.order.elements();
  return extent.range.end <= place.order.values() && extent.range.size() <= longest;
}

}  // namespace

std::vector<Extent> read_all_extents(const fs::path& folder, const RunKey& key) {
  std::vector<Extent> all = read_extents(extents_path(folder), key);
  for (const fs::path& path : find_writer_extents(folder)) {
    const std::vector<Extent> more = read_extents(path, key);
    all.insert(all.end(), more.begin(), more.end());
  }
  return all;
}

std::vector<Extent> matching_extents(std::span<const Extent> extents, RunFiles& files,
                                     const RunLayout& layout) {
  std::vector<Extent> matching;
  for (const Extent& extent : extents) {
    if (extent.output >= layout.outputs.size()) continue;
    if (is_mark(extent)) {
      matching.push_back(extent);
      continue;
    }
    const OutputPlace* place = files.place(extent.output);
    if (place == nullptr || !fits_place(extent, *place, files.piece_values(extent.output))) continue;
    if (extent.kind == ExtentKind::done || (files.hash(extent.output, extent.range) == extent.hash &&
                                            files.parts_match(extent.output, extent.range)))
      matching.push_back(extent);
  }
  return matching;
}

std::vector<Extent> matching_variable_extents(std::span<const Extent> extents, const fs::path& folder,
                                              const RunLayout& layout) {
  std::vector<Extent> matching;
  const auto there = PosixFile::open_existing(results_path(folder), PosixFile::Mode::read);
  if (!there) return matching;
  const H5Quiet quiet;
  const H5Handle file = h5_open_for_reading(results_path(folder));
  for (std::size_t k = 0; k < layout.outputs.size(); ++k) {
    const OutputLayout& output = layout.outputs[k];
    if (!has_variable_output(file.get(), output)) continue;
    const ElementOrder order = element_order(output);
    const RangeSet done = progress_of_marks(read_variable_status(file.get(), output, there->size()), 0).done;
    const EncodedValues values = read_variable_output(file.get(), output, done, there->size());
    for (const Extent& extent : extents) {
      if (extent.output != k || is_mark(extent)) continue;
      const bool true_of_nothing = extent.kind == ExtentKind::done && order.values_per_element() == 0;
      if (true_of_nothing ? extent.range.end <= order.elements()
                          : extent.kind == ExtentKind::values && extent.range.end <= order.values() &&
                                hash_of(values, extent.range) == extent.hash)
        matching.push_back(extent);
    }
  }
  return matching;
}

OutputProgress progress_of_marks(std::span<const std::uint8_t> marks, Index first) {
  OutputProgress progress;
  for (std::size_t k = 0; k < marks.size();) {
    std::size_t end = k + 1;
    while (end < marks.size() && marks[end] == marks[k]) ++end;
    const IndexRange range{first + static_cast<Index>(k), first + static_cast<Index>(end)};
    if (marks[k] == static_cast<std::uint8_t>(ElementStatus::done)) progress.done.insert(range);
    if (marks[k] == static_cast<std::uint8_t>(ElementStatus::failed)) progress.failed.insert(range);
    if (marks[k] == static_cast<std::uint8_t>(ElementStatus::blocked)) progress.blocked.insert(range);
    k = end;
  }
  return progress;
}

std::vector<OutputProgress> progress_of(std::span<const Extent> extents, const RunLayout& layout) {
  const std::size_t outputs = layout.outputs.size();
  std::vector<std::vector<IndexRange>> values(outputs);
  std::vector<std::vector<IndexRange>> done(outputs);
  std::vector<std::vector<IndexRange>> failed(outputs);
  std::vector<std::vector<IndexRange>> blocked(outputs);
  for (const Extent& extent : extents) {
    auto& of_kind = extent.kind == ExtentKind::values   ? values
                    : extent.kind == ExtentKind::done   ? done
                    : extent.kind == ExtentKind::failed ? failed
                                                        : blocked;
    of_kind[extent.output].push_back(extent.range);
  }
  std::vector<OutputProgress> progress(outputs);
  for (std::size_t k = 0; k < outputs; ++k) {
    OutputProgress& known = progress[k];
    known.done = union_of(std::move(done[k]));
    if (layout.outputs[k].shape_known())
      known.done =
          known.done.united(element_order(layout.outputs[k]).elements_in(union_of(std::move(values[k]))));
    known.failed = union_of(std::move(failed[k])).difference(known.done);
    known.blocked = union_of(std::move(blocked[k])).difference(known.done).difference(known.failed);
  }
  return progress;
}

void add_mark_extents(const std::vector<OutputProgress>& progress, std::vector<Extent>& extents) {
  for (std::size_t k = 0; k < progress.size(); ++k) {
    for (const IndexRange& range : progress[k].failed.ranges())
      extents.push_back({ExtentKind::failed, k, range, 0});
    for (const IndexRange& range : progress[k].blocked.ranges())
      extents.push_back({ExtentKind::blocked, k, range, 0});
  }
}

}  // namespace mpipe
