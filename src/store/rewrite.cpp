// SPDX-License-Identifier: BSD-3-Clause
// Writes a complete new results.h5 beside the old one, checks it, and renames it into place.
#include "store/rewrite.hpp"

#include <mpipe/core/error.hpp>

#include "store/output/variable_source.hpp"
#include "store/output/variable_values.hpp"
#include "store/trusted_extents.hpp"

#include <fmt/format.h>

#include <unistd.h>

#include <algorithm>

namespace mpipe {
namespace {

/// Room is needed for what there is and for what will come.
RunLayout with_room(const Rewriting& rewriting) {
  RunLayout layout = rewriting.layout;
  for (std::size_t k = 0; k < layout.outputs.size(); ++k)
    if (auto& selected = layout.outputs[k].selected) selected = selected->united(rewriting.progress[k].done);
  return layout;
}

void copy_output(const Rewriting& rewriting, std::size_t output, RunFiles& from, RunFiles& to,
                 std::vector<Extent>& extents) {
  const OutputProgress& progress = rewriting.progress[output];
  const ElementOrder& order = to.place(output)->order;
  const std::size_t size = rewriting.layout.outputs[output].type->size;
  const Index longest = to.piece_values(output);
  std::vector<std::byte> buffer;
  for (const IndexRange& elements : progress.done.ranges()) {
    const IndexRange values = order.values_of(elements);
    if (values.empty()) extents.push_back({ExtentKind::done, output, elements, 0});
    for (Index begin = values.begin; begin < values.end; begin += longest) {
      const IndexRange part{begin, std::min(values.end, begin + longest)};
      buffer.resize(static_cast<std::size_t>(part.size()) * size);
      from.read(output, part, buffer.data());
      to.write(output, part, buffer.data(), true, extents);
    }
    to.write_status(output, elements, ElementStatus::done);
  }
  for (const IndexRange& range : progress.failed.ranges())
    to.write_status(output, range, ElementStatus::failed);
  for (const IndexRange& range : progress.blocked.ranges())
    to.write_status(output, range, ElementStatus::blocked);
}

/// What was copied was right when it was written first.
void check_copies(const Rewriting& rewriting, RunFiles& to) {
  const std::vector<Extent> old = read_all_extents(rewriting.folder, run_key(rewriting.layout.run_id));
  const std::vector<OutputProgress> right =
      progress_of(matching_extents(old, to, rewriting.layout), rewriting.layout);
  for (std::size_t k = 0; k < right.size(); ++k) {
    if (to.place(k) == nullptr) continue;
    const RangeSet wrong = rewriting.progress[k].done.difference(right[k].done);
    if (wrong.empty()) continue;
    throw Error(Category::storage_failed,
                fmt::format("element {} of '{}' has changed in its file since it was written (the disk or "
                            "the file system loses data). "
                            "Resume the run on another disk: it computes that again.",
                            wrong.ranges().front().begin, rewriting.layout.outputs[k].name));
  }
}

void add_variable_outputs(const Rewriting& rewriting, LabelledFile& file, std::vector<Extent>& extents) {
  JournalIndex journals(find_kept(rewriting.folder), run_key(rewriting.layout.run_id), rewriting.layout);
  for (std::size_t k = 0; k < rewriting.layout.outputs.size(); ++k) {
    const OutputLayout& output = rewriting.layout.outputs[k];
    if (output.type->fixed_size() || output.in_own_files() || !output.shape_known()) continue;
    const ElementOrder order = element_order(output);
    const OutputProgress& progress = rewriting.progress[k];
    const RangeSet old = rewriting.in_results[k].intersection(progress.done);
    const EncodedValues values = VariableSource(rewriting.folder, rewriting.layout, k, old, journals)
                                     .read_all(progress.done, order.elements());
    add_variable_output(file, rewriting.layout, k, values, progress);
    add_variable_extents(k, order, values, progress.done, extents);
  }
}

void fill_new_file(const Rewriting& rewriting, const fs::path& temporary, std::vector<Extent>& extents) {
  FileContents contents;
  const RunLayout layout = with_room(rewriting);
  contents.layout = &layout;
  contents.inputs = true;
  for (std::size_t k = 0; k < layout.outputs.size(); ++k)
    if (has_place(layout.outputs[k])) contents.outputs.push_back(k);
  contents.more = [&](LabelledFile& file) { add_variable_outputs(rewriting, file, extents); };
  make_result_file(temporary, contents);
  RunFiles from(rewriting.folder, layout, false);
  from.set_table(read_file_table(rewriting.folder, layout));
  RunFiles to(rewriting.folder, temporary, layout, true);
  to.set_table(read_table_of_file(temporary, layout));
  for (const std::size_t k : contents.outputs)
    if (from.place(k) != nullptr) copy_output(rewriting, k, from, to, extents);
  check_copies(rewriting, to);
  to.sync();
}

}  // namespace

std::vector<Extent> rewrite_results(const Rewriting& rewriting) {
  const fs::path results = results_path(rewriting.folder);
  const fs::path temporary = temporary_path(results);
  std::vector<Extent> extents;
  try {
    fill_new_file(rewriting, temporary, extents);
    rename_file(temporary, results);
  } catch (...) {
    ::unlink(temporary.c_str());
    throw;
  }
  sync_folder(rewriting.folder);
  add_mark_extents(rewriting.progress, extents);
  return extents;
}

}  // namespace mpipe
