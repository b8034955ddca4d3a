// SPDX-License-Identifier: BSD-3-Clause
// What all ranks do together: commits, late shapes, loading, the end.
#include <mpipe/core/error.hpp>

#include "store/file_store.hpp"
#include "store/folder_files.hpp"
#include "store/journal/journal_mover.hpp"
#include "store/output/load_elements.hpp"
#include "store/rewrite.hpp"
#include "store/verify_extents.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <utility>

namespace mpipe {
namespace {

std::vector<OutputGeometry> geometry_of(RunOutputs& outputs) {
  std::vector<OutputGeometry> geometry(outputs.size());
  for (std::size_t k = 0; k < geometry.size(); ++k) {
    const DatasetLocation* location = outputs[k].location();
    if (location == nullptr) continue;
    // Writers open results.h5 together, and no segment: slabs are for values that lie there in one stretch
    // and in element order.
    const bool in_results = !outputs.files().table().outputs[k]->in_segment;
    geometry[k] = {true, in_results && location->order.in_file_order() && location->values.contiguous(),
                   location->values.value_bytes, &location->order};
  }
  return geometry;
}

}  // namespace

void FileStore::commit(std::span<const PartialArray* const> arrays) {
  check_usable();
  usable_ = false;  // unless all goes well
  // The order of the steps is the promise of the store: each ends on all ranks before the next begins.
  CollectiveSteps agreement(comm_);
  CommitDelta mine(layout_.outputs.size());
  agreement.attempt([&] { mine = collect_delta(arrays); });
  agreement.agree();
  const CommitPlan plan = plan_together(mine);
  CommitMover mover({comm_, writers_, layout_, folder_, outputs_.files(), options_.read_back}, plan, mine,
                    arrays, buffers_);
  std::vector<Extent> written = mover.run(agreement);
  agreement.attempt([&] { keep_extents(plan, std::move(written)); });
  agreement.agree();
  // Values and checksums are safe on all writers: only now may marks say so.
  agreement.attempt([&] { write_marks_together(plan); });
  agreement.agree();
  // Marks say it on all writers: nobody needs the frames any more.
  agreement.attempt([&] { logs_->journal().restart(); });
  agreement.agree();
  forget_moved(plan);
  usable_ = true;
}

CommitDelta FileStore::collect_delta(std::span<const PartialArray* const> arrays) {
  CommitDelta delta(layout_.outputs.size());
  for (std::size_t k = 0; k < delta.size(); ++k) {
    const PartialArray* array = k < arrays.size() ? arrays[k] : nullptr;
    const RangeSet here = array != nullptr && array->internal_known() ? array->have() : RangeSet{};
    const UncommittedElements& mine = outputs_[k].uncommitted();
    delta[k] = {{}, mine.placed, mine.retained, mine.failed, mine.blocked};
    outputs_[k].collect(array, here, progress_[k].done(), *logs_, delta[k]);
  }
  // What is told to be in these files is not in memory only, also after a power failure.
  if (options_.sync) outputs_.elements().sync();
  if (options_.sync) logs_->sync_retained();
  return delta;
}

CommitPlan FileStore::plan_together(const CommitDelta& mine) {
  CollectiveSteps agreement(comm_);
  // Gathering and broadcasting stay outside of `attempt`: every rank takes part in them, whatever happened to
  // it. The agreement between the two ends the commit on all ranks when rank 0 has no plan to send.
  const std::vector<std::vector<std::byte>> packed = comm_.gather(pack_delta(mine));
  std::vector<std::byte> bytes;
  agreement.attempt([&] {
    if (!comm_.is_root()) return;
    std::vector<CommitDelta> by_rank;
    for (const auto& delta : packed) by_rank.push_back(unpack_delta(delta));
    bytes = pack_plan(
        plan_commit(by_rank, progress_, geometry_of(outputs_), writers_.ranks.size(), options_.round_bytes));
  });
  agreement.agree();
  return unpack_plan(comm_.broadcast(std::move(bytes)));
}

void FileStore::keep_extents(const CommitPlan& plan, std::vector<Extent> written) {
  // Marks, and elements without values, belong to no window and so to no writer: rank 0 writes their extents.
  if (comm_.is_root()) {
    for (std::size_t k = 0; k < plan.total.size(); ++k) {
      add_mark_extents(k, plan.total[k], written);
      const DatasetLocation* location = outputs_[k].location();
      if (location == nullptr || location->order.values_per_element() != 0) continue;
      for (const IndexRange& range : plan.total[k].to_move.ranges())
        written.push_back({ExtentKind::done, k, range, 0});
    }
  }
  // Values reach the disk before the checksums that vouch for them.
  if (options_.sync) outputs_.files().sync();
  if (!written.empty()) logs_->extents().append(written);
  if (options_.sync) logs_->sync_extents();
}

/// Each writer marks some of the elements: all writers count the same ranges of the same plan in the same
/// order, so that every range is marked by exactly one of them.
void FileStore::write_marks_together(const CommitPlan& plan) {
  if (!writers_.is_writer()) return;
  std::size_t turn = 0;
  const auto write = [&](std::size_t output, const RangeSet& elements, ElementStatus status) {
    for (const IndexRange& range : elements.ranges())
      if (turn++ % writers_.ranks.size() == *writers_.mine)
        outputs_.files().write_status(output, range, status);
  };
  for (std::size_t k = 0; k < plan.total.size(); ++k) {
    if (outputs_[k].location() == nullptr) continue;
    write(k, plan.total[k].to_move, ElementStatus::done);
    write(k, plan.total[k].placed, ElementStatus::done);
    write(k, plan.total[k].failed, ElementStatus::failed);
    write(k, plan.total[k].blocked, ElementStatus::blocked);
  }
  if (options_.sync) outputs_.files().sync();
}

void FileStore::forget_moved(const CommitPlan& plan) {
  apply_delta(plan.total, progress_);
  update_stored();
  for (std::size_t k = 0; k < outputs_.size(); ++k) {
    const RangeSet moved = plan.total[k].to_move.united(plan.total[k].placed);
    UncommittedElements& mine = outputs_[k].uncommitted();
    // All ranks have applied the plan, which has the marks and what was placed. Only elements in journals
    // that this commit could not move are kept for the next one.
    mine.unmoved.erase(moved);
    mine = {std::move(mine.unmoved), {}, {}, {}, {}};
    in_files_[k].insert(moved);
  }
}

// ---------------------------------------------------------------------------------------------------------

void FileStore::require_same_shape(std::size_t output, const Shape& shape) const {
  const OutputLayout& layout = layout_.outputs[output];
  bool contradicts = layout.rank_known && shape.size() != layout.shape.size();
  for (std::size_t axis = 0; !contradicts && axis < layout.shape.size(); ++axis)
    contradicts = layout.shape[axis] && *layout.shape[axis] != shape[axis];
  if (!contradicts) return;
  throw Error(Category::internal_shape_mismatch,
              fmt::format("'{}' has the shape {}, and {} was planned or stored before (one output is one "
                          "array). Return equal shapes, or start anew.",
                          layout.name, to_string(shape), to_string(layout.shape)));
}

void FileStore::resolve(const std::map<std::size_t, Shape>& shapes) {
  check_usable();
  for (const auto& [output, shape] : shapes) require_same_shape(output, shape);
  std::vector<std::size_t> located;
  bool news = false;
  for (const auto& [output, shape] : shapes) {
    OutputLayout& layout = layout_.outputs[output];
    if (layout.shape_known()) continue;
    news = true;
    if (!layout.rank_known) set_internal_shape(shape, layout);
    layout.shape = partial(shape);
    if (has_location(layout) && outputs_[output].location() == nullptr) located.push_back(output);
  }
  if (!news) return;
  usable_ = false;
  CollectiveSteps agreement(comm_);
  agreement.attempt([&] {
    if (!comm_.is_root()) return;
    write_description(folder_, layout_);  // first: a start after a crash makes what is missing
    make_segment_files(folder_, layout_, located);
  });
  agreement.agree();
  if (!located.empty()) share_places(located);
  for (const std::size_t output : located) move_earlier_journals(output);
  usable_ = true;
}

// One process asks HDF5 where datasets lie, and the others are told: thousands of processes that open one
// file at once would burden the file system for the same answer.
void FileStore::share_places(const std::vector<std::size_t>& outputs) {
  CollectiveSteps agreement(comm_);
  std::vector<std::byte> bytes;
  agreement.attempt([&] {
    if (!comm_.is_root()) return;
    FileTable found;
    found.outputs.resize(layout_.outputs.size());
    for (const std::size_t output : outputs) look_for_segment(folder_, layout_, output, found);
    bytes = pack_file_table(found);
  });
  agreement.agree();
  FileTable places = unpack_file_table(comm_.broadcast(std::move(bytes)), layout_);
  for (const std::size_t output : outputs) outputs_.locate(output, std::move(places.outputs[output].value()));
}

/// What earlier starts of the run left in journals because it had no place. What this start has there is
/// moved from memory.
void FileStore::move_earlier_journals(std::size_t output) {
  if (progress_[output].done().empty()) return;
  CollectiveSteps agreement(comm_);
  ByteWriter packer;
  agreement.attempt([&] {
    if (!comm_.is_root()) return;
    packer.put_ranges(outputs_[output].move_earlier(progress_[output].done(), *logs_));
  });
  agreement.agree();
  const std::vector<std::byte> bytes = comm_.broadcast(std::move(packer.bytes()));
  const RangeSet placed = ByteReader(bytes, "what a writer has placed").get_ranges();
  in_files_[output].insert(placed);
  progress_[output].add_done(placed);
  update_stored();
  outputs_[output].uncommitted().unmoved.erase(placed);
}

// ---------------------------------------------------------------------------------------------------------

void FileStore::load(std::size_t output, const RangeSet& wanted, PartialArray& array) {
  check_usable();
  CollectiveSteps agreement(comm_);
  agreement.attempt([&] {
    if (!wanted.difference(progress_[output].done()).empty())
      throw Bug("RunStore::load: elements that are not done");
    std::optional<JournalIndex> journals;
    load_elements(
        outputs_[output], layout_.outputs[output], wanted, in_files_[output],
        // The journals are read when the first element turns out to be there only: they may be long.
        [&]() -> JournalIndex& {
          if (!journals) journals.emplace(find_retained(folder_), key_, layout_);
          return *journals;
        },
        array);
    outputs_[output].forget();
  });
  agreement.agree();
}

// ---------------------------------------------------------------------------------------------------------

void FileStore::finish(std::span<const PartialArray* const> arrays, bool complete) {
  commit(arrays);
  usable_ = false;
  CollectiveSteps agreement(comm_);
  agreement.attempt([&] {
    if (options_.sync) sync_all();
    // Files are closed before rank 0 removes them, as some file systems keep open ones under other names.
    logs_.reset();
    served_.clear();
    outputs_.files().close();
  });
  agreement.agree();
  // A run that is not complete keeps its journals and segments, from which a later start goes on.
  if (!complete) return;
  agreement.attempt([&] {
    if (comm_.is_root()) finish_folder();
  });
  agreement.agree();
}

/// Elements that were reported done and have no place in the file would be lost with the journals.
void FileStore::require_places() const {
  for (std::size_t k = 0; k < outputs_.size(); ++k) {
    const Index stored = progress_[k].done().count();
    if (layout_.outputs[k].shape_known() || stored == 0) continue;
    throw Error(
        Category::storage_failed,
        fmt::format("{} elements of '{}' are stored in journals, and its shape is not known, so that they "
                    "have no place in the results (the journals stay, and the run is not complete). "
                    "Resume the run.",
                    stored, layout_.outputs[k].name),
        {Subject::Kind::output, layout_.outputs[k].name});
  }
}

/// Leaves one complete file, with the checksums and the description beside it, and removes all working files.
void FileStore::finish_folder() {
  require_places();
  std::vector<Extent> extents;
  bool in_place = true;
  for (std::size_t k = 0; k < outputs_.size(); ++k) in_place = in_place && outputs_[k].complete_in_place();
  if (!in_place) {
    extents = rewrite_results({folder_, layout_, progress_, in_files_});
  } else {
    extents = read_all_extents(folder_, key_);
    // Marks of old extents may be outdated, as an element that failed may have been computed since.
    std::erase_if(extents, is_mark);
    add_mark_extents(progress_, extents);
  }
  // A run is complete only where readers find all datasets. Somebody who cut the file while it was written has cost it
  // what describes them, and later writes do not bring that back.
  static_cast<void>(read_table_of_file(results_path(folder_), layout_));
  // The checksums are under their final name before the folder of the others is removed. A crash in between
  // leaves files to clean up, and never values without a checksum.
  write_extents(extents_path(folder_), key_, extents, options_.sync);
  remove_working_files(folder_);
}

}  // namespace mpipe
