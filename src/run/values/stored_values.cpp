// SPDX-License-Identifier: BSD-3-Clause
// Lets arrays look into the results file.
#include "run/values/stored_values.hpp"

#include <mpipe/core/error.hpp>

#include <linux/magic.h>
#include <sys/vfs.h>

#include <algorithm>
#include <array>
#include <limits>
#include <span>

namespace mpipe {
namespace {

/// What the memory of a mapping shows may differ from what was written by calls, on file systems that are served
/// by a program, or by another machine without a cache of pages in this one.
bool shows_what_was_written(const File& file) {
  constexpr std::array<std::uint32_t, 4> kOthers{0x65735546 /* FUSE */, V9FS_MAGIC, 0xFF534D42 /* CIFS */,
                                                 0xFE534D42 /* SMB 2 */};
  struct statfs about {};
  return ::fstatfs(file.descriptor(), &about) == 0 &&
         std::find(kOthers.begin(), kOthers.end(), static_cast<std::uint32_t>(about.f_type)) == kOthers.end();
}

bool may_look_into_files(const RunValues& values) {
  return values.store.keeps() && !values.setup.options.return_results && values.memory.is_one_node();
}

/// On each rank by itself. Returns the elements that are looked at in the file now and were not before.
RangeSet look_into_file(const RunValues& values, OutputId output) {
  PartialArray* const array = values.arrays.find(output);
  if (array == nullptr || !array->type().fixed_size() || !array->internal_known()) return {};
  const auto place = values.store.values_in_file(output);
  if (!place || array->worth_a_file(place->elements->difference(array->in_file())).empty()) return {};
  const File file(place->file, File::Mode::read);
  if (!shows_what_was_written(file)) return {};
  return array->look_into(file, place->offset, *place->elements);
}

/// Collective.
void look_into_files(const RunValues& values, std::span<const OutputId> outputs) {
  std::vector<RangeSet> seen;
  constexpr std::uint64_t kFailed = std::numeric_limits<std::uint64_t>::max();
  std::uint64_t count = 0;
  try {
    for (const OutputId output : outputs) {
      seen.push_back(look_into_file(values, output));
      count += static_cast<std::uint64_t>(seen.back().count());
    }
  } catch (const Error&) {
    // The values are in memory as well, so that a rank which cannot look into the file misses none of them.
    count = kFailed;
  }
  // All ranks try the same. Where one of them got less far, it needs the memory, and nobody gives any back.
  const bool agreed = values.comm.all_agree(count);
  if (!agreed || count == kFailed || !values.memory.is_first(values.comm.rank())) return;
  for (std::size_t k = 0; k < seen.size(); ++k)
    if (!seen[k].empty()) values.arrays.find(outputs[k])->give_back(seen[k]);
}

}  // namespace

void commit_values(const RunValues& values) {
  values.store.commit(values.arrays);
  if (!may_look_into_files(values)) return;
  std::vector<OutputId> outputs;
  for (std::uint32_t k = 0; k < values.setup.plan.outputs().size(); ++k)
    if (values.arrays.find({k}) != nullptr) outputs.push_back({k});
  look_into_files(values, outputs);
}

bool is_looked_at(const RunSetup& setup, const RunProgress& progress, OutputId output) {
  const Plan& plan = setup.plan;
  if (setup.options.return_results || !plan.output(output).layout.internal_known()) return true;
  const auto is_pending = [&](OutputId made) {
    return !plan.selected(plan.output(made).stage).difference(progress.of(made).done()).empty();
  };
  const auto& readers = plan.output(output).readers;
  return std::any_of(readers.begin(), readers.end(), [&](FunctionId id) {
    const auto& made = plan.function(id)->outputs;
    return !is_sized(plan, made.front()) || std::any_of(made.begin(), made.end(), is_pending);
  });
}

void drop_read(const RunValues& values, std::size_t wave) {
  if (values.setup.options.return_results) return;
  const Plan& plan = values.setup.plan;
  for (std::uint32_t k = 0; k < plan.outputs().size(); ++k)
    if (const OutputId output{k};
        values.arrays.find(output) != nullptr && last_reading_wave(plan, output) <= wave)
      values.arrays.drop(output, values.memory.is_first(values.comm.rank()));
}

/// Not sooner again than a part of the budget was used since, as a commit may have found little to store.
bool wants_room(const RunValues& values, std::uint64_t& until) {
  if (values.budget == 0 || !values.memory.pages() || !may_look_into_files(values)) return false;
  const std::uint64_t used = values.memory.pages()->bytes_in_use();
  if (used <= values.budget / 2) until = 0;
  if (used <= std::max(until, values.budget / 2)) return false;
  until = used + values.budget / 4;
  return true;
}

void load_values(const RunValues& values, OutputId output, const RangeSet& stored) {
  if (stored.empty()) return;
  PartialArray& array = *values.arrays.find(output);
  const bool filled_together = array.internal_known() && array.type().fixed_size();
  RangeSet wanted = stored;
  // Elements at the edges of pages are partly in memory, and written there first: what shows a file is not written.
  if (may_look_into_files(values) && filled_together)
    if (const auto place = values.store.values_in_file(output))
      wanted = stored.difference(array.worth_a_file(stored.intersection(*place->elements)));
  values.store.load(output, values.memory.part_of(values.comm.rank(), array, wanted), array);
  if (may_look_into_files(values)) look_into_files(values, {&output, 1});
  if (!filled_together) return;
  const RangeSet missing = stored.difference(wanted).difference(array.in_file());
  // A rank that could not look into the file, or may not trust what it shows there, reads from it.
  if (values.store.keeps() &&
      values.comm.all_reduce(static_cast<std::int64_t>(missing.count()), ReduceOp::max) > 0)
    values.store.load(output, missing, array);
  for (const IndexRange& range : stored.ranges()) array.mark(range);
}

}  // namespace mpipe
