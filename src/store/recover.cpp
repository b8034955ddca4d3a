// SPDX-License-Identifier: BSD-3-Clause
// What of an earlier start can be trusted. The work is shared by all ranks: everything is read once.
#include <mpipe/core/error.hpp>

#include "store/commit/file_clients.hpp"
#include "store/folder_files.hpp"
#include "store/journal/journal_mover.hpp"
#include "store/resume.hpp"
#include "store/verify_extents.hpp"

#include <algorithm>
#include <cstring>
#include <utility>

namespace mpipe {
namespace {

class Recovery {
 public:
  Recovery(const Communicator& comm, const fs::path& folder, const StoreOptions& options, StoreStart& start)
      : comm_(comm),
        folder_(folder),
        options_(options),
        start_(start),
        key_(run_key(start.layout.run_id)),
        outputs_(folder, start.layout, options, true) {
    outputs_.locate(start_.table);
  }

  void run() {
    able_ = ranks_that_share_files(comm_, folder_);
    // Extents first: what they prove need not be moved from journals. Marks last, when everything is known.
    check_files();
    move_journals();
    find_done();
    tell_damage();
    correct_marks();
    CollectiveSteps agreement(comm_);
    agreement.attempt([&] {
      // All ranks agreed by now that everything is in the files. After a crash before this point the journals
      // are there for the next start.
      if (comm_.is_root()) remove_moved();
    });
    agreement.agree();
  }

 private:
  /// The number of this rank among those that may change shared files; `ranks()` where it may not: then it has no share
  /// of what there is to do.
  std::size_t rank() const {
    return static_cast<std::size_t>(std::find(able_.begin(), able_.end(), comm_.rank()) - able_.begin());
  }
  std::size_t ranks() const { return able_.size(); }
  /// This rank's part of `count` things.
  IndexRange share_of(std::size_t count) const {
    if (rank() == ranks()) return {};
    return {static_cast<Index>(count * rank() / ranks()), static_cast<Index>(count * (rank() + 1) / ranks())};
  }
  ElementStates& known(std::size_t output) { return start_.progress[output]; }

  void share_start() {
    const std::vector<std::byte> bytes =
        comm_.broadcast(comm_.is_root() ? pack_start(start_) : std::vector<std::byte>{});
    if (comm_.is_root()) return;
    StoreStart shared = unpack_start(bytes);
    start_.progress = std::move(shared.progress);
    start_.in_files = std::move(shared.in_files);
  }

  /// What extents and journals say to be there. Rank 0.
  void note_claims() {
    const std::vector<ElementStates> claims = states_of(read_all_extents(folder_, key_), start_.layout);
    std::vector<fs::path> journals = find_journals(folder_);
    const std::vector<fs::path> kept = find_retained(folder_);
    journals.insert(journals.end(), kept.begin(), kept.end());
    const JournalIndex index(journals, key_, start_.layout);
    for (std::size_t k = 0; k < claims.size(); ++k) {
      NotKept& not_kept = start_.not_kept[k];
      not_kept.damaged = claims[k].done().united(index.values(k));
      if (!options_.keep_failed)
        not_kept.retried =
            claims[k].failed().united(claims[k].blocked()).united(index.failed(k)).united(index.blocked(k));
    }
  }

  /// What of that turned out not to be. Rank 0.
  void tell_damage() {
    if (!options_.note_losses) return;
    for (std::size_t k = 0; k < start_.not_kept.size(); ++k) {
      NotKept& not_kept = start_.not_kept[k];
      not_kept.damaged = not_kept.damaged.difference(known(k).done());
      not_kept.retried = not_kept.retried.difference(known(k).done()).difference(not_kept.damaged);
    }
  }

  /// This rank's share. Values in preallocated datasets are checked by all ranks; others are read as a
  /// whole, by one rank.
  std::vector<Extent> extents_to_check() {
    const std::vector<Extent> all = read_all_extents(folder_, key_);
    const IndexRange share = share_of(all.size());
    std::vector<Extent> mine;
    for (std::size_t k = 0; k < all.size(); ++k) {
      const bool in_dataset = is_mark(all[k]) || (all[k].output < outputs_.size() &&
                                                  outputs_[all[k].output].location() != nullptr);
      if (in_dataset ? share.contains(static_cast<Index>(k)) : comm_.is_root()) mine.push_back(all[k]);
    }
    return mine;
  }

  /// Believes the extents that match, makes them the base, and drops the extents of the writers of then.
  void check_files() {
    CollectiveSteps agreement(comm_);
    std::vector<Extent> mine;
    agreement.attempt([&] {
      if (comm_.is_root() && options_.note_losses) note_claims();
    });
    agreement.attempt([&] { mine = matching_extents(extents_to_check(), outputs_); });
    agreement.agree();
    // Gathering is outside of `attempt`, so that no rank waits in it for one that failed.
    const auto gathered = comm_.gather(std::as_bytes(std::span(mine)));
    agreement.attempt([&] {
      if (!comm_.is_root()) return;
      std::vector<Extent> trusted;
      for (const auto& bytes : gathered) {
        std::vector<Extent> part(bytes.size() / sizeof(Extent));
        if (!part.empty()) std::memcpy(part.data(), bytes.data(), part.size() * sizeof(Extent));
        trusted.insert(trusted.end(), part.begin(), part.end());
      }
      // Without their marks, elements that failed or were blocked are pending, and thus computed again.
      if (!options_.keep_failed) std::erase_if(trusted, is_mark);
      start_.progress = states_of(trusted, start_.layout);
      start_.in_files.clear();
      for (const ElementStates& progress : start_.progress) start_.in_files.push_back(progress.done());
      // The base is there before the extents of the writers go: a crash in between leaves a proof twice,
      // instead of losing it.
      write_extents(extents_path(folder_), key_, trusted);
      for (const fs::path& path : find_writer_extents(folder_)) remove_file(path);
    });
    agreement.agree();
    share_start();
  }

  bool has_panels() const {
    for (std::size_t k = 0; k < outputs_.size(); ++k)
      if (outputs_[k].is_in_panels()) return true;
    return false;
  }

  /// `panels`: only values of the outputs of which this rank moves all; else all but the values of such outputs.
  CommitDelta move_from(const std::vector<fs::path>& journals, bool panels, ExtentWriter& extents) {
    JournalMover mover(start_.layout, outputs_.files(), options_.read_back);
    mover.skip(start_.progress);
    if (panels || !options_.keep_failed) mover.ignore_marks();
    for (std::size_t k = 0; k < outputs_.size(); ++k) {
      const bool moves =
          panels == outputs_[k].is_in_panels() && (!panels || writer_of_panels(k, ranks()) == rank());
      if (!moves) mover.leave_out(k);
    }
    for (const fs::path& path : journals)
      if (std::optional<JournalReader> reader = JournalReader::open(path, key_)) mover.take(*reader);
    return mover.finish(extents);
  }

  void move_journals() {
    CollectiveSteps agreement(comm_);
    CommitDelta mine(start_.layout.outputs.size());
    agreement.attempt([&] {
      // Retained journals are moved as well, since an output may have got its dataset after they were
      // written.
      std::vector<fs::path> journals = find_journals(folder_);
      const std::vector<fs::path> kept = find_retained(folder_);
      journals.insert(journals.end(), kept.begin(), kept.end());
      // The list is sorted and thus the same on all ranks, so that each journal is read by exactly one of
      // them, but for outputs of which one rank moves all values.
      std::vector<fs::path> share;
      for (std::size_t k = 0; k < journals.size(); ++k)
        if (k % ranks() == rank()) share.push_back(journals[k]);
      // The store that opens next begins this file anew: what is in it then is in the base already.
      ExtentWriter extents(writer_extents_path(folder_, comm_.rank()), key_);
      mine = move_from(share, false, extents);
      if (has_panels()) {
        const CommitDelta more = move_from(journals, true, extents);
        for (std::size_t k = 0; k < mine.size(); ++k) mine[k].placed.insert(more[k].placed);
      }
      // Values reach the disk before the extents that vouch for them.
      outputs_.files().sync();
      extents.sync();
    });
    agreement.agree();
    const auto gathered = comm_.gather(pack_delta(mine));
    agreement.attempt([&] {
      if (!comm_.is_root()) return;
      for (const auto& bytes : gathered) apply_delta(unpack_delta(bytes), start_.progress);
      for (std::size_t k = 0; k < start_.progress.size(); ++k) start_.in_files[k] = known(k).done();
    });
    agreement.agree();
  }

  /// Extents of what was just moved go into the base. Those that tell of elements without values follow what
  /// is known by now: the file of an element may be damaged.
  void fold_extents() {
    std::vector<Extent> all = read_all_extents(folder_, key_);
    const auto without_values = [&](std::size_t output) {
      const DatasetLocation* location = outputs_[output].location();
      return location != nullptr && location->order.values_per_element() == 0;
    };
    std::erase_if(all, [&](const Extent& extent) {
      return is_mark(extent) || extent.output >= outputs_.size() || without_values(extent.output);
    });
    for (std::size_t k = 0; k < outputs_.size(); ++k) {
      if (!without_values(k)) continue;
      for (const IndexRange& range : known(k).done().ranges()) all.push_back({ExtentKind::done, k, range, 0});
    }
    add_mark_extents(start_.progress, all);
    write_extents(extents_path(folder_), key_, all);
  }

  /// Each output tells what of it is done: by extents, retained journals, or files of its own.
  void find_done() {
    CollectiveSteps agreement(comm_);
    ByteWriter mine;
    agreement.attempt([&] {
      // Outputs in retained journals report on rank 0 alone, so that the others need not read these journals.
      const auto journals = comm_.is_root() ? find_retained(folder_) : std::vector<fs::path>{};
      const JournalIndex retained(journals, key_, start_.layout);
      for (std::size_t k = 0; k < outputs_.size(); ++k)
        mine.put_ranges(outputs_[k].recover(known(k).done(), retained, comm_.rank(), comm_.size()));
    });
    agreement.agree();
    const auto gathered = comm_.gather(mine.bytes());
    agreement.attempt([&] {
      if (!comm_.is_root()) return;
      std::vector<ByteReader> parts;
      for (const Bytes& part : gathered) parts.emplace_back(part, "what a rank found to be done");
      for (std::size_t k = 0; k < start_.progress.size(); ++k) {
        std::vector<IndexRange> done;
        for (ByteReader& part : parts) {
          const RangeSet ranges = part.get_ranges();
          done.insert(done.end(), ranges.ranges().begin(), ranges.ranges().end());
        }
        // Begun anew: what a journal or an extent said to be done may turn out to be damaged here.
        ElementStates found;
        found.add_done(RangeSet::of(std::move(done)));
        found.add_failed(known(k).failed());
        found.add_blocked(known(k).blocked());
        known(k) = std::move(found);
      }
      fold_extents();
    });
    agreement.agree();
    share_start();
  }

  /// Marks that say more than is trusted are taken back, and values that are not done look pending again.
  void correct_marks() {
    CollectiveSteps agreement(comm_);
    agreement.attempt([&] {
      for (std::size_t k = 0; k < start_.progress.size(); ++k)
        if (outputs_[k].location() != nullptr) correct_output(k);
      outputs_.files().sync();
    });
    agreement.agree();
  }

  void correct_output(std::size_t output) {
    constexpr Index kAtATime = Index{1} << 20;
    const ElementOrder& order = outputs_[output].location()->order;
    const IndexRange share = share_of(static_cast<std::size_t>(order.elements()));
    // Marks come before values: whoever reads in between sees pending elements that still have values, and
    // never a mark on a value that was taken away.
    for (Index begin = share.begin; begin < share.end; begin += kAtATime)
      correct_some(output, {begin, std::min(share.end, begin + kAtATime)});
    const RangeSet pending = RangeSet{share}.difference(known(output).done());
    for (const IndexRange& range : pending.ranges()) outputs_.files().clear(output, order.values_of(range));
  }

  void correct_some(std::size_t output, IndexRange elements) {
    std::vector<std::uint8_t> expected(static_cast<std::size_t>(elements.size()));
    std::vector<std::uint8_t> found(expected.size());
    const auto fill = [&](const RangeSet& set, ElementStatus status) {
      const RangeSet here = set.intersection(elements);
      for (const IndexRange& range : here.ranges())
        std::fill(expected.begin() + (range.begin - elements.begin),
                  expected.begin() + (range.end - elements.begin), static_cast<std::uint8_t>(status));
    };
    // What counts most is filled in last: an element that is done is neither failed nor blocked.
    fill(known(output).blocked(), ElementStatus::blocked);
    fill(known(output).failed(), ElementStatus::failed);
    fill(known(output).done(), ElementStatus::done);
    outputs_.files().read_status(output, elements, found.data());
    // Only stretches whose marks differ are written, so that a resume of an intact run writes no marks.
    for (std::size_t k = 0; k < found.size();) {
      std::size_t end = k + 1;
      while (end < found.size() && expected[end] == expected[k]) ++end;
      if (!std::equal(found.begin() + static_cast<Index>(k), found.begin() + static_cast<Index>(end),
                      expected.begin() + static_cast<Index>(k)))
        outputs_.files().write_status(
            output, {elements.begin + static_cast<Index>(k), elements.begin + static_cast<Index>(end)},
            static_cast<ElementStatus>(expected[k]));
      k = end;
    }
  }

  /// Journals of which everything is in files now.
  void remove_moved() {
    for (const fs::path& path : find_journals(folder_)) remove_file(path);
    for (const fs::path& path : find_writer_extents(folder_)) remove_file(path);
    for (std::size_t k = 0; k < outputs_.size(); ++k)
      if (outputs_[k].location() == nullptr) return;  // retained journals are needed until the end
    for (const fs::path& path : find_retained(folder_)) remove_file(path);
  }

  const Communicator& comm_;
  const fs::path& folder_;
  const StoreOptions& options_;
  StoreStart& start_;
  RunKey key_;
  std::vector<int> able_;  ///< ranks that may change shared files, ascending
  RunOutputs outputs_;
};

}  // namespace

void recover(const Communicator& comm, const fs::path& folder, const StoreOptions& options,
             StoreStart& start) {
  Recovery(comm, folder, options, start).run();
}

}  // namespace mpipe
