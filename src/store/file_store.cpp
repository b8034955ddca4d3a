// SPDX-License-Identifier: BSD-3-Clause
// What a rank does on its own: keeping what it finished, and moving journals into the file now and then.
#include "store/file_store.hpp"

#include <mpipe/core/error.hpp>

#include "store/journal/journal_mover.hpp"

#include <fmt/format.h>

#include <utility>

namespace mpipe {

FileStore::FileStore(const Communicator& comm, fs::path folder, StoreStart start, const StoreOptions& options)
    : comm_(comm),
      folder_(std::move(folder)),
      layout_(std::move(start.layout)),
      options_(options),
      key_(run_key(layout_.run_id)),
      start_(start.number),
      writers_(choose_writers(comm, options.writers_per_node)),
      files_(folder_, layout_, true),
      elements_(folder_, layout_),
      progress_(std::move(start.progress)),
      in_files_(std::move(start.in_files)),
      mine_(layout_.outputs.size()) {
  files_.set_table(std::move(start.table));
  update_stored();
  CollectiveSteps agreement(comm_);
  agreement.attempt([&] { journal_.emplace(journal_path(folder_, comm_.rank()), key_, comm_.rank()); });
  agreement.agree();
  agreement.attempt([&] {
    for (const int rank : writers_.served) {
      std::optional<JournalReader> reader = JournalReader::open(journal_path(folder_, rank), key_);
      // Without it the commit does the same, only later.
      if (reader) served_.push_back(std::move(*reader));
    }
  });
  agreement.agree();
}

void FileStore::check_usable() const {
  if (!usable_) throw Bug("a run store is used after an error, or after its end");
}

void FileStore::update_stored() {
  stored_.clear();
  for (const OutputProgress& known : progress_) stored_.push_back(known.done);
}

std::uint64_t FileStore::journal_bytes() const { return journal_ ? journal_->bytes() : 0; }

JournalWriter& FileStore::kept_journal() {
  if (!kept_) kept_.emplace(kept_path(folder_, comm_.rank(), start_), key_, comm_.rank());
  return *kept_;
}

ExtentWriter& FileStore::extents() {
  if (!extents_) extents_.emplace(writer_extents_path(folder_, comm_.rank()), key_);
  return *extents_;
}

bool FileStore::is_direct(std::size_t output, std::size_t bytes) const {
  const OutputPlace* place = files_.place(output);
  return place != nullptr && writers_.is_writer() && bytes >= options_.direct_write_bytes && bytes != 0 &&
         place->order.in_file_order() && place->values.contiguous();
}

void FileStore::append(std::size_t output, IndexRange range, const PartialArray& array) {
  check_usable();
  if (range.empty() || !layout_.outputs[output].durable()) return;
  if (!fits_shape(array.internal(), layout_.outputs[output]))
    throw Error(Category::internal_shape_mismatch,
                fmt::format("elements of '{}' have the shape {}, which does not fit the shape {} of the "
                            "output (one output is one "
                            "array). Return equal shapes.",
                            layout_.outputs[output].name, to_string(array.internal()),
                            to_string(layout_.outputs[output].shape)));
  Mine& mine = mine_[output];
  const bool in_own_files = layout_.outputs[output].in_own_files();
  if (in_own_files)
    elements_.write(output, range, array);
  else if (is_direct(output, static_cast<std::size_t>(range.size()) * array.element_bytes()))
    return append_direct(output, range, array);
  if (files_.place(output) != nullptr) {
    append_frame(*journal_, output, range, array);
    mine.unmoved.insert(range);
    return;
  }
  append_frame(kept_journal(), output, range, array);
  mine.kept.insert(range);
  if (layout_.outputs[output].type->fixed_size() || in_own_files) mine.unmoved.insert(range);
}

void FileStore::append_direct(std::size_t output, IndexRange range, const PartialArray& array) {
  std::vector<Extent> written;
  const IndexRange values = files_.place(output)->order.values_of(range);
  files_.write(output, values, array.data(range.begin), options_.read_back, written);
  extents().append(written);
  files_.write_status(output, range, ElementStatus::done);
  mine_[output].placed.insert(range);
}

void FileStore::append_frame(JournalWriter& journal, std::size_t output, IndexRange range,
                             const PartialArray& array) {
  JournalFrame frame;
  frame.output = output;
  frame.range = range;
  frame.internal = array.internal();
  if (layout_.outputs[output].in_own_files()) return journal.append(frame);
  if (array.type().fixed_size()) {
    frame.bytes = {array.data(range.begin), static_cast<std::size_t>(range.size()) * array.element_bytes()};
    return journal.append(frame);
  }
  const PartialArray::Piece piece = array.piece(range);
  frame.bytes = piece.bytes;
  frame.offsets = piece.offsets;
  journal.append(frame);
}

void FileStore::mark(std::size_t output, IndexRange range, ElementStatus status) {
  check_usable();
  if (range.empty()) return;
  if (status != ElementStatus::failed && status != ElementStatus::blocked)
    throw Bug("RunStore::mark: elements are failed or blocked");
  JournalFrame frame;
  frame.contents = FrameContents::marks;
  frame.output = output;
  frame.range = range;
  frame.status = status;
  journal_->append(frame);
  (status == ElementStatus::failed ? mine_[output].failed : mine_[output].blocked).insert(range);
}

void FileStore::maintain(TimePoint now) {
  check_usable();
  if (!last_move_) last_move_ = last_sync_ = now;
  if (writers_.is_writer() && now - *last_move_ >= options_.local_commit_interval) {
    move_journals();
    last_move_ = now;
  }
  if (options_.sync_interval > std::chrono::milliseconds::zero() &&
      now - *last_sync_ >= options_.sync_interval) {
    sync_all();
    last_sync_ = now;
  }
}

void FileStore::flush() {
  check_usable();
  if (writers_.is_writer()) move_journals();
  sync_all();
}

void FileStore::move_journals() {
  JournalMover mover(layout_, files_, options_.read_back);
  mover.skip(progress_);
  for (JournalReader& reader : served_) {
    reader.refresh();
    mover.take(reader);
  }
  const News moved = mover.finish(extents());
  for (std::size_t k = 0; k < moved.size(); ++k) {
    Mine& mine = mine_[k];
    mine.placed = mine.placed.united(moved[k].placed);
    mine.failed = mine.failed.united(moved[k].failed);
    mine.blocked = mine.blocked.united(moved[k].blocked);
  }
}

void FileStore::sync_all() {
  elements_.sync();
  journal_->sync();
  if (kept_) kept_->sync();
  files_.sync();
  if (extents_) extents_->sync();
}

}  // namespace mpipe
