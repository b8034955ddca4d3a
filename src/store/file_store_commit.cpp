// SPDX-License-Identifier: BSD-3-Clause
// What all ranks do together while the run goes on: commits, late shapes, loading.
#include <mpipe/core/error.hpp>

#include "store/file_store.hpp"
#include "store/folder_files.hpp"
#include "store/journal/journal_mover.hpp"
#include "store/manifest.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <utility>

namespace mpipe {
namespace {

std::vector<OutputGeometry> geometry_of(const RunLayout& layout, const RunFiles& files) {
  std::vector<OutputGeometry> geometry(layout.outputs.size());
  for (std::size_t k = 0; k < geometry.size(); ++k) {
    const OutputPlace* place = files.place(k);
    if (place == nullptr) continue;
    const bool in_results = !files.table().outputs[k]->in_segment;
    geometry[k] = {true, in_results && place->order.in_file_order() && place->values.contiguous(),
                   place->values.value_bytes, &place->order};
  }
  return geometry;
}

}  // namespace

void FileStore::commit(std::span<const PartialArray* const> arrays) {
  check_usable();
  usable_ = false;  // unless all goes well
  CollectiveSteps agreement(comm_);
  News mine(layout_.outputs.size());
  agreement.attempt([&] { mine = collect_news(arrays); });
  agreement.agree();
  const CommitPlan plan = plan_together(mine);
  CommitMover mover({comm_, writers_, layout_, folder_, files_, options_.read_back}, plan, mine, arrays,
                    buffers_);
  std::vector<Extent> written = mover.run(agreement);
  agreement.attempt([&] { keep_extents(plan, std::move(written)); });
  agreement.agree();
  // Values and checksums are safe on all writers: only now may marks say so.
  agreement.attempt([&] { write_marks_together(plan); });
  agreement.agree();
  agreement.attempt([&] { journal_->restart(); });
  agreement.agree();
  forget_moved(plan);
  usable_ = true;
}

/// News of outputs that have no place goes into the journal that stays.
void FileStore::take_unplaced(std::size_t output, const PartialArray& array) {
  const RangeSet fresh = array.have().difference(progress_[output].done);
  for (const IndexRange& range : fresh.ranges()) {
    append_frame(kept_journal(), output, range, array);
    mine_[output].kept.insert(range);
    if (layout_.outputs[output].type->fixed_size()) mine_[output].unmoved.insert(range);
  }
}

News FileStore::collect_news(std::span<const PartialArray* const> arrays) {
  News news(layout_.outputs.size());
  for (std::size_t k = 0; k < news.size(); ++k) {
    const OutputLayout& output = layout_.outputs[k];
    const PartialArray* array = k < arrays.size() ? arrays[k] : nullptr;
    const RangeSet here = array != nullptr && array->internal_known() ? array->have() : RangeSet{};
    const bool has_place = files_.place(k) != nullptr;
    if (!output.durable() && !has_place && !here.empty()) take_unplaced(k, *array);
    const Mine& mine = mine_[k];
    news[k] = {{}, mine.placed, mine.kept, mine.failed, mine.blocked};
    if (!has_place) continue;
    RangeSet wanted = mine.unmoved.difference(mine.placed);
    if (!output.durable()) wanted = wanted.united(here.difference(progress_[k].done));
    // Only marks of elements with files of their own: no matter whether values are in memory, too.
    news[k].to_move = output.in_own_files() ? wanted : wanted.intersection(here);
    if (news[k].to_move != wanted) move_from_own_journals(k, news[k]);
  }
  if (options_.sync) elements_.sync();
  if (options_.sync && kept_) kept_->sync();
  return news;
}

/// Elements that are in journals only: they came before there was a place, and memory was given up since.
void FileStore::move_from_own_journals(std::size_t output, OutputNews& news) {
  JournalMover mover(layout_, files_, options_.read_back);
  mover.only(output);
  mover.ignore_marks();
  for (const fs::path& path : {journal_path(folder_, comm_.rank()), kept_path(folder_, comm_.rank(), start_)})
    if (std::optional<JournalReader> reader = JournalReader::open(path, key_)) mover.take(*reader);
  const News moved = mover.finish(extents());
  news.placed = news.placed.united(moved[output].placed);
  news.to_move = news.to_move.difference(moved[output].placed);
}

CommitPlan FileStore::plan_together(const News& mine) {
  CollectiveSteps agreement(comm_);
  const std::vector<std::vector<std::byte>> packed = comm_.gather(pack_news(mine));
  std::vector<std::byte> bytes;
  agreement.attempt([&] {
    if (!comm_.is_root()) return;
    std::vector<News> by_rank;
    for (const auto& news : packed) by_rank.push_back(unpack_news(news));
    bytes = pack_plan(plan_commit(by_rank, progress_, geometry_of(layout_, files_), writers_.ranks.size(),
                                  options_.round_bytes));
  });
  agreement.agree();
  return unpack_plan(comm_.broadcast(std::move(bytes)));
}

void FileStore::keep_extents(const CommitPlan& plan, std::vector<Extent> written) {
  if (comm_.is_root()) {
    for (std::size_t k = 0; k < plan.sums.size(); ++k) {
      add_mark_extents(k, plan.sums[k], written);
      const OutputPlace* place = files_.place(k);
      if (place == nullptr || place->order.values_per_element() != 0) continue;
      for (const IndexRange& range : plan.sums[k].to_move.ranges())
        written.push_back({ExtentKind::done, k, range, 0});
    }
  }
  if (options_.sync) files_.sync();
  if (!written.empty()) extents().append(written);
  if (options_.sync && extents_) extents_->sync();
}

/// Each writer marks some of the elements.
void FileStore::write_marks_together(const CommitPlan& plan) {
  if (!writers_.is_writer()) return;
  std::size_t turn = 0;
  const auto write = [&](std::size_t output, const RangeSet& elements, ElementStatus status) {
    for (const IndexRange& range : elements.ranges())
      if (turn++ % writers_.ranks.size() == *writers_.mine) files_.write_status(output, range, status);
  };
  for (std::size_t k = 0; k < plan.sums.size(); ++k) {
    if (files_.place(k) == nullptr) continue;
    write(k, plan.sums[k].to_move, ElementStatus::done);
    write(k, plan.sums[k].placed, ElementStatus::done);
    write(k, plan.sums[k].failed, ElementStatus::failed);
    write(k, plan.sums[k].blocked, ElementStatus::blocked);
  }
  if (options_.sync) files_.sync();
}

void FileStore::forget_moved(const CommitPlan& plan) {
  add_news(plan.sums, progress_);
  update_stored();
  for (std::size_t k = 0; k < mine_.size(); ++k) {
    const RangeSet moved = plan.sums[k].to_move.united(plan.sums[k].placed);
    mine_[k] = {mine_[k].unmoved.difference(moved), {}, {}, {}, {}};
    in_files_[k] = in_files_[k].united(moved);
  }
}

// ---------------------------------------------------------------------------------------------------------------

void FileStore::resolve(std::size_t output, const Shape& shape) {
  check_usable();
  OutputLayout& layout = layout_.outputs[output];
  bool contradicts = layout.rank_known && shape.size() != layout.shape.size();
  for (std::size_t axis = 0; !contradicts && axis < layout.shape.size(); ++axis)
    contradicts = layout.shape[axis] && *layout.shape[axis] != shape[axis];
  if (contradicts)
    throw Error(Category::internal_shape_mismatch,
                fmt::format("'{}' has the shape {}, and {} was planned or stored before (one output is one "
                            "array). Return equal "
                            "shapes, or start anew.",
                            layout.name, to_string(shape), to_string(layout.shape)));
  if (layout.shape_known()) return;
  usable_ = false;
  if (!layout.rank_known) set_internal_shape(shape, layout);
  layout.shape = partial(shape);
  const bool gets_place = has_place(layout) && files_.place(output) == nullptr;
  CollectiveSteps agreement(comm_);
  agreement.attempt([&] {
    if (!comm_.is_root()) return;
    write_manifest(folder_, layout_);  // first: a start after a crash makes what is missing
    if (gets_place) make_segment_file(folder_, layout_, output);
  });
  agreement.agree();
  if (gets_place) {
    share_table();
    move_earlier_journals(output);
  }
  usable_ = true;
}

void FileStore::share_table() {
  CollectiveSteps agreement(comm_);
  std::vector<std::byte> bytes;
  agreement.attempt([&] {
    if (comm_.is_root()) bytes = pack_file_table(read_file_table(folder_, layout_));
  });
  agreement.agree();
  files_.set_table(unpack_file_table(comm_.broadcast(std::move(bytes)), layout_));
}

/// Marks and extents of elements that have files of their own, and were done before there was a place for
/// marks.
RangeSet FileStore::place_marks(std::size_t output) {
  const RangeSet& done = progress_[output].done;
  std::vector<Extent> written;
  for (const IndexRange& range : done.ranges()) written.push_back({ExtentKind::done, output, range, 0});
  extents().append(written);
  for (const IndexRange& range : done.ranges()) files_.write_status(output, range, ElementStatus::done);
  return done;
}

/// What earlier starts of the run left in journals because it had no place. What this start has there is
/// moved from memory.
void FileStore::move_earlier_journals(std::size_t output) {
  if (progress_[output].done.empty()) return;
  CollectiveSteps agreement(comm_);
  ByteWriter packer;
  agreement.attempt([&] {
    if (!comm_.is_root()) return;
    if (layout_.outputs[output].in_own_files()) return packer.put_ranges(place_marks(output));
    JournalMover mover(layout_, files_, options_.read_back);
    mover.only(output);
    mover.ignore_marks();
    for (const fs::path& path : find_kept(folder_))
      if (std::optional<JournalReader> reader = JournalReader::open(path, key_)) mover.take(*reader);
    packer.put_ranges(mover.finish(extents())[output].placed);
  });
  agreement.agree();
  const std::vector<std::byte> bytes = comm_.broadcast(std::move(packer.bytes()));
  const RangeSet placed = ByteReader(bytes, "what a writer has placed").get_ranges();
  in_files_[output] = in_files_[output].united(placed);
  progress_[output].done = progress_[output].done.united(placed);
  update_stored();
  mine_[output].unmoved = mine_[output].unmoved.difference(placed);
}

// ---------------------------------------------------------------------------------------------------------------

void FileStore::load(std::size_t output, const RangeSet& wanted, PartialArray& array) {
  check_usable();
  CollectiveSteps agreement(comm_);
  agreement.attempt([&] {
    if (!wanted.difference(progress_[output].done).empty())
      throw Bug("RunStore::load: elements that are not done");
    const RangeSet fresh = wanted.difference(array.have());
    if (fresh.empty()) return;
    if (layout_.outputs[output].in_own_files()) return load_elements(output, fresh, array);
    const bool placed = files_.place(output) != nullptr;
    const RangeSet there = placed ? fresh.intersection(in_files_[output]) : RangeSet{};
    load_from_file(output, there, array);
    load_from_elsewhere(output, fresh.difference(there), array);
  });
  agreement.agree();
}

void FileStore::load_from_file(std::size_t output, const RangeSet& wanted, PartialArray& array) {
  if (wanted.empty()) return;
  const ElementOrder& order = files_.place(output)->order;
  array.set_internal(order.inner());
  for (const IndexRange& range : wanted.ranges()) {
    files_.read(output, order.values_of(range), array.destination(range.begin));
    array.mark(range);
  }
}

void FileStore::load_elements(std::size_t output, const RangeSet& wanted, PartialArray& array) {
  if (const auto internal = internal_shape(layout_.outputs[output])) array.set_internal(*internal);
  elements_.read(output, wanted, [&](IndexRange element, const StoredElement& found) {
    array.set_internal(found.internal);
    if (!array.type().fixed_size()) return array.put(element, found.bytes, found.offsets);
    if (!found.bytes.empty())
      std::memcpy(array.destination(element.begin), found.bytes.data(), found.bytes.size());
    array.mark(element);
  });
}

void FileStore::load_from_elsewhere(std::size_t output, const RangeSet& wanted, PartialArray& array) {
  if (wanted.empty()) return;
  const ElementType& type = *layout_.outputs[output].type;
  JournalIndex journals(find_kept(folder_), key_, layout_);
  VariableSource source(folder_, layout_, output, wanted.intersection(in_files_[output]), journals);
  if (const auto internal = internal_shape(layout_.outputs[output])) {
    array.set_internal(*internal);
  } else if (journals.internal(output)) {
    array.set_internal(*journals.internal(output));
  }
  RangeSet found;
  for (const IndexRange& range : wanted.ranges()) {
    source.read(range, [&](IndexRange part, std::span<const std::byte> bytes,
                           std::span<const std::uint64_t> offsets) {
      found.insert(part);
      if (type.fixed_size()) {
        if (!bytes.empty()) std::memcpy(array.destination(part.begin), bytes.data(), bytes.size());
        return array.mark(part);
      }
      EncodedValues values;
      append_values(values, bytes, offsets);
      array.put(part, values.bytes, values.offsets);
    });
  }
  const RangeSet missing = wanted.difference(found);
  if (!missing.empty())
    throw Error(
        Category::storage_failed,
        fmt::format(
            "element {} of '{}' was stored and is not in the journals any more (somebody removed or damaged "
            "files of the run folder). Resume the run to compute it again.",
            missing.ranges().front().begin, layout_.outputs[output].name));
}

}  // namespace mpipe
