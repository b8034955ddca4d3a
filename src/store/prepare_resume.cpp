// SPDX-License-Identifier: BSD-3-Clause
// What rank 0 does alone before an earlier start goes on: takes over shapes, and makes what is missing.
#include <mpipe/core/error.hpp>

#include "store/folder_files.hpp"
#include "store/output/chunking.hpp"
#include "store/output/element_files.hpp"
#include "store/output/input_variables.hpp"
#include "store/resume.hpp"
#include "store/rewrite.hpp"
#include "store/verify_extents.hpp"

#include <algorithm>
#include <limits>

namespace mpipe {
namespace {

/// The values of inputs that only earlier starts were given. They are in the results; those that are not there
/// any more are no variables any more.
void read_earlier_inputs(const fs::path& folder, RunLayout& layout) {
  const auto there = File::open_existing(results_path(folder), File::Mode::read);
  const auto is_missing = [](const InputLayout& input) { return !input.value.has_value(); };
  if (there && std::any_of(layout.inputs.begin(), layout.inputs.end(), is_missing)) {
    const H5Turn turn;
    const H5Handle file = h5_open_for_reading(results_path(folder));
    for (InputLayout& input : layout.inputs)
      if (is_missing(input) && h5_has_link(file.get(), input.name))
        input.value = read_input_variable(file.get(), input.name, there->size());
  }
  std::erase_if(layout.inputs, is_missing);
}

bool has_room(const DataMap& map, const ElementOrder& order, const RangeSet& selected) {
  // A contiguous dataset has room for all values, a chunked one for those whose chunks were made.
  if (map.contiguous()) return true;
  constexpr auto kNoLimit = std::numeric_limits<std::size_t>::max() / 8;
  const std::vector<Index> needed = chunks_of(order, map.chunk, selected, kNoLimit).value();
  return std::all_of(needed.begin(), needed.end(),
                     [&](Index chunk) { return map.address(chunk).has_value(); });
}

bool has_room(const DatasetLocation& location, const std::optional<RangeSet>& selected) {
  const ElementOrder outer(location.order.outer(), std::vector<bool>(location.order.outer().size(), true));
  const RangeSet elements = selected.value_or(RangeSet{{0, location.order.elements()}});
  const auto parts_have_room = [&] {
    return std::all_of(location.parts->begin(), location.parts->end(),
                       [&](const DataMap& part) { return has_room(part, location.order, elements); });
  };
  return has_room(location.values, location.order, elements) && has_room(location.status, outer, elements) &&
         (!location.parts || parts_have_room());
}

/// True when results.h5 or a segment was made for fewer elements than are selected now.
bool lacks_room(const FileTable& table, const RunLayout& layout) {
  for (std::size_t k = 0; k < layout.outputs.size(); ++k)
    if (table.outputs[k] && !has_room(table.outputs[k]->location, layout.outputs[k].selected)) return true;
  return false;
}

/// `layout` with room for what journals hold as well: it is moved into the files, whatever is selected now.
RunLayout with_journalled(RunLayout layout, const fs::path& folder) {
  const auto is_part = [](const OutputLayout& output) { return output.selected.has_value(); };
  if (std::none_of(layout.outputs.begin(), layout.outputs.end(), is_part)) return layout;
  std::vector<fs::path> journals = find_journals(folder);
  const std::vector<fs::path> kept = find_retained(folder);
  journals.insert(journals.end(), kept.begin(), kept.end());
  const JournalIndex index(journals, run_key(layout.run_id), layout);
  for (std::size_t k = 0; k < layout.outputs.size(); ++k)
    if (auto& selected = layout.outputs[k].selected)
      *selected = selected->united(index.values(k)).united(index.failed(k)).united(index.blocked(k));
  return layout;
}

}  // namespace

// The extents are compared with the bytes before anything is copied, so that only proven values get into the
// new file. A crash after its rename does no harm: extents name values and not places, so that the old ones
// are true of the new file as well.
void make_room(const fs::path& folder, const RunLayout& layout, const FileTable& table) {
  const RunKey key = run_key(layout.run_id);
  const std::vector<Extent> all = read_all_extents(folder, key);
  RunOutputs outputs(folder, layout, {}, false);
  outputs.locate(table);
  const std::vector<ElementStates> progress = states_of(matching_extents(all, outputs), layout);
  std::vector<RangeSet> in_results;
  for (const ElementStates& known : progress) in_results.push_back(known.done());
  write_extents(extents_path(folder), key, rewrite_results({folder, layout, progress, in_results}));
}

StoreStart prepare_resume(const fs::path& folder, const RunDescription& now,
                          const std::vector<std::string>& redo,
                          const decltype(StoreOptions::before_change)& before_change) {
  // Nothing in the folder changes before the comparison: a run that differs must not write a single byte.
  RunGrowth growth = grow(read_description(folder), now, redo);
  StoreStart start;
  start.layout = std::move(growth.run);
  start.not_kept.resize(start.layout.outputs.size());
  for (const std::size_t output : growth.dropped) start.not_kept[output].dropped = true;
  read_earlier_inputs(folder, start.layout);
  all_variable_names(start.layout);  // refuses names that collide
  if (before_change) {
    std::vector<std::string> forgotten;
    for (const std::size_t output : growth.dropped) forgotten.push_back(start.layout.outputs[output].name);
    before_change(forgotten);
  }
  // What a dead process left under temporary names goes first, as it takes room that the next steps may need.
  remove_folder_temporaries(folder, start.layout.outputs.size());
  // Before the description says that these values are of the code of now.
  if (!growth.dropped.empty()) forget_outputs(folder, start.layout, growth.dropped);
  make_folder(journal_folder(folder));
  // The number is new among all starts of the run: retained journals of earlier ones are read, and never
  // written.
  start.number = next_start(folder);
  // Journals and files of elements tell shapes that a killed run had no time to write down. The description
  // follows, so that it has them, and the files after it, which are made as it says.
  adopt_internal_shapes(JournalIndex(find_retained(folder), run_key(start.layout.run_id), start.layout),
                        start.layout);
  adopt_internal_shapes(ElementFiles(folder, start.layout), start.layout);
  write_description(folder, start.layout);
  if (!File::open_existing(results_path(folder), File::Mode::read)) make_results(folder, start.layout);
  start.table = read_file_table(folder, start.layout);
  const RunLayout roomy = with_journalled(start.layout, folder);
  // Damaged inputs are written again, too.
  if (lacks_room(start.table, roomy) || !inputs_match(folder, roomy)) {
    make_room(folder, roomy, start.table);
  } else {
    std::vector<std::size_t> missing;
    for (std::size_t k = 0; k < roomy.outputs.size(); ++k)
      if (!start.table.outputs[k] && has_location(roomy.outputs[k])) missing.push_back(k);
    make_segment_files(folder, roomy, missing);
  }
  // Read again, since files may have been replaced, and segments added.
  start.table = read_file_table(folder, start.layout);
  return start;
}

}  // namespace mpipe
