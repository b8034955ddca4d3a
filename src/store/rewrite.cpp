// SPDX-License-Identifier: BSD-3-Clause
// Writes a complete new results.h5 beside the old one, checks it, and renames it into place.
#include "store/rewrite.hpp"

#include <mpipe/core/error.hpp>

#include "store/output/output_store.hpp"
#include "store/verify_extents.hpp"

#include <fmt/format.h>

#include <algorithm>

namespace mpipe {
namespace {

/// Room is needed for what there is and for what will come.
RunLayout with_room(const Rewriting& rewriting) {
  RunLayout layout = rewriting.layout;
  for (std::size_t k = 0; k < layout.outputs.size(); ++k)
    if (auto& selected = layout.outputs[k].selected)
      selected = selected->united(rewriting.progress[k].done());
  return layout;
}

/// Copies values that are neighbours in element order.
void copy_ranges(const Rewriting& rewriting, std::size_t output, RunFiles& from, RunFiles& to,
                 std::vector<Extent>& extents) {
  const ElementOrder& order = to.location(output)->order;
  const std::size_t size = rewriting.layout.outputs[output].type->size;
  const Index longest = to.piece_values(output);
  std::vector<std::byte> buffer;
  for (const IndexRange& elements : rewriting.progress[output].done().ranges()) {
    const IndexRange values = order.values_of(elements);
    if (values.empty()) extents.push_back({ExtentKind::done, output, elements, 0});
    for (Index begin = values.begin; begin < values.end; begin += longest) {
      const IndexRange part{begin, std::min(values.end, begin + longest)};
      buffer.resize(static_cast<std::size_t>(part.size()) * size);
      from.read(output, part, buffer.data());
      // Copies are read back (`true`) whatever the options say, as this file is about to replace the old one.
      to.write(output, part, buffer.data(), true, extents);
    }
  }
}

/// Copies values that lie all over the file, those of many elements together.
void copy_panels(const Rewriting& rewriting, std::size_t output, RunFiles& from, RunFiles& to,
                 std::vector<Extent>& extents) {
  const RangeSet done = to.location(output)->order.values_of(rewriting.progress[output].done());
  if (done.empty()) {  // an axis of no length: the elements are there all the same
    for (const IndexRange& elements : rewriting.progress[output].done().ranges())
      extents.push_back({ExtentKind::done, output, elements, 0});
    return;
  }
  const std::size_t size = rewriting.layout.outputs[output].type->size;
  const auto longest = static_cast<Index>(kPanelBytes / size);
  std::vector<std::byte> buffer;
  for (Index begin = done.ranges().front().begin; begin < done.ranges().back().end; begin += longest) {
    const RangeSet here = done.intersection(IndexRange{begin, begin + longest});
    if (here.empty()) continue;
    const IndexRange panel{here.ranges().front().begin, here.ranges().back().end};
    buffer.resize(static_cast<std::size_t>(panel.size()) * size);
    from.read(output, panel, buffer.data());
    to.write_between(output, panel, here, buffer.data(), true, extents);
  }
}

void copy_output(const Rewriting& rewriting, std::size_t output, RunFiles& from, RunFiles& to,
                 std::vector<Extent>& extents) {
  const DatasetLocation& location = *to.location(output);
  const bool panels = !location.order.in_file_order() && location.values.contiguous();
  (panels ? copy_panels : copy_ranges)(rewriting, output, from, to, extents);
  const ElementStates& progress = rewriting.progress[output];
  for (const IndexRange& range : progress.done().ranges())
    to.write_status(output, range, ElementStatus::done);
  for (const IndexRange& range : progress.failed().ranges())
    to.write_status(output, range, ElementStatus::failed);
  for (const IndexRange& range : progress.blocked().ranges())
    to.write_status(output, range, ElementStatus::blocked);
}

/// Compares the copies with the checksums that were taken when the values were first written: a value that
/// has changed on the disk since must not get a new checksum that vouches for it.
void check_copies(const Rewriting& rewriting, const RunOutputs& to) {
  std::vector<Extent> old = read_all_extents(rewriting.folder, run_key(rewriting.layout.run_id));
  std::erase_if(old, [&](const Extent& extent) {
    return extent.output >= to.size() || to[extent.output].location() == nullptr;
  });
  const std::vector<ElementStates> right = states_of(matching_extents(old, to), rewriting.layout);
  for (std::size_t k = 0; k < right.size(); ++k) {
    if (to[k].location() == nullptr) continue;
    const RangeSet wrong = rewriting.progress[k].done().difference(right[k].done());
    if (wrong.empty()) continue;
    throw Error(
        Category::storage_failed,
        fmt::format("element {} of '{}' has changed in its file since it was written (the disk or the "
                    "file system loses data). Resume the run on another disk: it computes that again.",
                    wrong.ranges().front().begin, rewriting.layout.outputs[k].name));
  }
}

void fill_new_file(const Rewriting& rewriting, const fs::path& temporary, std::vector<Extent>& extents) {
  FileContents contents;
  const RunLayout layout = with_room(rewriting);
  contents.layout = &layout;
  contents.inputs = true;
  for (std::size_t k = 0; k < layout.outputs.size(); ++k)
    if (has_location(layout.outputs[k])) contents.outputs.push_back(k);
  RunOutputs from(rewriting.folder, layout, {}, false);
  from.locate(read_file_table(rewriting.folder, layout));
  std::optional<JournalIndex> journals;
  const JournalSource retained = [&]() -> JournalIndex& {
    if (!journals) journals.emplace(find_retained(rewriting.folder), run_key(layout.run_id), layout);
    return *journals;
  };
  contents.more = [&](LabelledFile& file) {
    for (std::size_t k = 0; k < from.size(); ++k)
      from[k].finish(file, rewriting.progress[k], rewriting.in_results[k], retained, extents);
  };
  // HDF5 makes the file with all its room and closes it. Values follow by plain writes, since two ways of
  // writing at the same time would not know of each other.
  make_result_file(temporary, contents);
  RunOutputs to(rewriting.folder, temporary, layout, {}, true);
  to.locate(read_table_of_file(temporary, layout));
  for (const std::size_t k : contents.outputs)
    if (from[k].location() != nullptr) copy_output(rewriting, k, from.files(), to.files(), extents);
  // The check comes before the sync, and both before the rename: until then the old file is the truth.
  check_copies(rewriting, to);
  to.files().sync();
}

}  // namespace

std::vector<Extent> rewrite_results(const Rewriting& rewriting) {
  TemporaryFile temporary(results_path(rewriting.folder));
  std::vector<Extent> extents;
  // Whatever is thrown here leaves the old file in its place, and the destructor removes the new one.
  fill_new_file(rewriting, temporary.path(), extents);
  temporary.keep(true);
  add_mark_extents(rewriting.progress, extents);
  return extents;
}

}  // namespace mpipe
