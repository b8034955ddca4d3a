// SPDX-License-Identifier: BSD-3-Clause
// What a rank does on its own: keeping what it finished, and moving journals into the file now and then.
#include "store/file_store.hpp"

#include <mpipe/core/error.hpp>

#include "store/commit/file_clients.hpp"
#include "store/journal/journal_mover.hpp"

#include <fmt/format.h>

#include <unistd.h>

#include <limits>
#include <utility>

namespace mpipe {
namespace {

/// Frames of each journal that are moved by one call of `maintain`: some hundredths of a second.
constexpr std::size_t kFramesAtATime = 10'000;

/// Ranks that do not write into datasets put everything into their journals.
StoreOptions options_of_rank(StoreOptions options, bool is_writer) {
  if (!is_writer) options.direct_write_bytes = std::numeric_limits<std::uint64_t>::max();
  return options;
}

}  // namespace

FileStore::FileStore(const Communicator& comm, fs::path folder, StoreStart start, const StoreOptions& options)
    : comm_(comm),
      folder_(std::move(folder)),
      layout_(std::move(start.layout)),
      writers_(choose_writers(comm, options.writers_per_node, ranks_that_share_files(comm, folder_))),
      options_(options_of_rank(options, writers_.is_writer())),
      key_(run_key(layout_.run_id)),
      outputs_(folder_, layout_, options_, true),
      progress_(std::move(start.progress)),
      in_files_(std::move(start.in_files)) {
  outputs_.locate(std::move(start.table));
  update_stored();
  // Every journal is there before any writer looks for those of its node.
  CollectiveSteps steps(comm_);
  steps.attempt([&] { logs_.emplace(folder_, key_, comm_.rank(), start.number); });
  steps.agree();
  steps.attempt([&] {
    for (const int rank : writers_.served) {
      std::optional<JournalReader> reader = JournalReader::follow(journal_path(folder_, rank), key_);
      // A journal that cannot be read is left out: the commit moves its elements from memory, only later.
      if (reader) served_.push_back(std::move(*reader));
    }
  });
  steps.agree();
}

void FileStore::check_usable() const {
  if (!usable_) throw Bug("a run store is used after an error, or after its end");
}

void FileStore::update_stored() {
  stored_.clear();
  for (const ElementStates& known : progress_) stored_.push_back(known.done());
}

std::uint64_t FileStore::journal_bytes() const { return logs_ ? logs_->journal_bytes() : 0; }

void FileStore::append(std::size_t output, IndexRange range, const PartialArray& array) {
  check_usable();
  // Outputs that are not durable stay in memory only, until a commit collects them.
  if (range.empty() || !layout_.outputs[output].durable()) return;
  if (!fits_shape(array.internal(), layout_.outputs[output]))
    throw Error(Category::internal_shape_mismatch,
                fmt::format("elements of '{}' have the shape {}, which does not fit the shape {} of the "
                            "output (one output is one "
                            "array). Return equal shapes.",
                            layout_.outputs[output].name, to_string(array.internal()),
                            to_string(layout_.outputs[output].shape)));
  outputs_[output].append(range, array, *logs_);
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
  // The frame comes before the note in memory: should appending throw, the next commit must not be told of
  // marks that no journal holds.
  logs_->journal().append(frame);
  UncommittedElements& uncommitted = outputs_[output].uncommitted();
  (status == ElementStatus::failed ? uncommitted.failed : uncommitted.blocked).insert(range);
}

void FileStore::maintain(TimePoint now) {
  check_usable();
  // The first call starts the clocks. Moving comes before syncing, so that one sync covers what was just
  // moved.
  if (!last_move_) last_move_ = last_sync_ = now;
  // A rank that moves computes nothing meanwhile, so that it moves a part of what is due at each call.
  if (writers_.is_writer() && now - *last_move_ >= options_.local_commit_interval &&
      move_journals(kFramesAtATime))
    last_move_ = now;
  if (options_.sync_interval > std::chrono::milliseconds::zero() &&
      now - *last_sync_ >= options_.sync_interval) {
    sync_all();
    last_sync_ = now;
  }
}

void FileStore::flush() {
  check_usable();
  if (writers_.is_writer()) move_journals(std::numeric_limits<std::size_t>::max());
  sync_all();
}

bool FileStore::move_journals(std::size_t most_of_each) {
  JournalMover mover(layout_, outputs_.files(), options_.read_back);
  mover.skip(progress_);
  for (std::size_t k = 0; k < outputs_.size(); ++k)
    if (outputs_[k].is_in_panels() && writer_of_panels(k, writers_.ranks.size()) != writers_.mine)
      mover.leave_out(k);
  bool all = true;
  for (JournalReader& reader : served_) {
    // A commit may have emptied the journal since: frames then begin at its front again.
    reader.refresh();
    all = mover.take(reader, most_of_each) && all;
  }
  // The elements are remembered as placed by this rank: the next commit tells all ranks of them, and no rank
  // moves them again.
  const CommitDelta moved = mover.finish(logs_->extents());
  for (std::size_t k = 0; k < moved.size(); ++k) {
    UncommittedElements& mine = outputs_[k].uncommitted();
    mine.placed.insert(moved[k].placed);
    mine.failed.insert(moved[k].failed);
    mine.blocked.insert(moved[k].blocked);
  }
  return all;
}

void FileStore::sync_all() {
  // The order holds against power failures: files of elements reach the disk before the frames that name
  // them, and values before the extents that vouch for them. A mark that survives without its extent is taken
  // back by recovery.
  outputs_.elements().sync();
  logs_->sync_journals();
  outputs_.files().sync();
  logs_->sync_extents();
}

/// Datasets of some size begin with a page in files that this program makes; others may not.
std::optional<ValuesInFile> FileStore::values_in_file(std::size_t output) {
  const OutputLayout& layout = layout_.outputs[output];
  const DatasetLocation* location = outputs_[output].location();
  if (location == nullptr || layout.storage == StorageKind::file || !location->order.in_file_order() ||
      !location->values.contiguous() || location->values.value_bytes != layout.type->size)
    return std::nullopt;
  const std::optional<std::uint64_t> address = location->values.address(0);
  if (!address || *address % static_cast<std::uint64_t>(::sysconf(_SC_PAGESIZE)) != 0) return std::nullopt;
  const FileTable::Entry& entry = *outputs_.files().table().outputs[output];
  return ValuesInFile{entry.in_segment ? segment_path(folder_, output) : results_path(folder_), *address,
                      &in_files_[output]};
}

}  // namespace mpipe
