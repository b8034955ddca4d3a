// SPDX-License-Identifier: BSD-3-Clause
// What of an earlier start can be trusted. The work is shared by all ranks: everything is read once.
#include <mpipe/core/error.hpp>

#include "store/folder_files.hpp"
#include "store/journal/journal_mover.hpp"
#include "store/output/element_files.hpp"
#include "store/resume.hpp"
#include "store/trusted_extents.hpp"

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
        files_(folder, start.layout, true) {
    files_.set_table(start_.table);
  }

  void run() {
    check_files();
    move_journals();
    add_kept();
    check_elements();
    correct_marks();
    CollectiveSteps agreement(comm_);
    agreement.attempt([&] {
      if (comm_.is_root()) remove_moved();
    });
    agreement.agree();
  }

 private:
  std::size_t rank() const { return static_cast<std::size_t>(comm_.rank()); }
  std::size_t ranks() const { return static_cast<std::size_t>(comm_.size()); }
  /// This rank's part of `count` things.
  IndexRange share_of(std::size_t count) const {
    return {static_cast<Index>(count * rank() / ranks()), static_cast<Index>(count * (rank() + 1) / ranks())};
  }
  OutputProgress& known(std::size_t output) { return start_.progress[output]; }

  void share_start() {
    const std::vector<std::byte> bytes =
        comm_.broadcast(comm_.is_root() ? pack_start(start_) : std::vector<std::byte>{});
    if (comm_.is_root()) return;
    StoreStart shared = unpack_start(bytes);
    start_.progress = std::move(shared.progress);
    start_.in_files = std::move(shared.in_files);
  }

  /// Believes the extents that match, makes them the base, and drops the extents of the writers of then.
  void check_files() {
    CollectiveSteps agreement(comm_);
    std::vector<Extent> mine;
    std::vector<Extent> all;
    agreement.attempt([&] {
      all = read_all_extents(folder_, key_);
      const IndexRange share = share_of(all.size());
      mine = matching_extents(std::span(all).subspan(static_cast<std::size_t>(share.begin),
                                                     static_cast<std::size_t>(share.size())),
                              files_, start_.layout);
    });
    agreement.agree();
    const auto gathered = comm_.gather(std::as_bytes(std::span(mine)));
    agreement.attempt([&] {
      if (!comm_.is_root()) return;
      std::vector<Extent> trusted = matching_variable_extents(all, folder_, start_.layout);
      for (const auto& bytes : gathered) {
        std::vector<Extent> part(bytes.size() / sizeof(Extent));
        if (!part.empty()) std::memcpy(part.data(), bytes.data(), part.size() * sizeof(Extent));
        trusted.insert(trusted.end(), part.begin(), part.end());
      }
      if (!options_.keep_failed) std::erase_if(trusted, is_mark);
      start_.progress = progress_of(trusted, start_.layout);
      start_.in_files.clear();
      for (const OutputProgress& progress : start_.progress) start_.in_files.push_back(progress.done);
      write_extents(extents_path(folder_), key_, trusted);
      for (const fs::path& path : find_writer_extents(folder_)) remove_file(path);
    });
    agreement.agree();
    share_start();
  }

  static bool is_mark(const Extent& extent) {
    return extent.kind == ExtentKind::failed || extent.kind == ExtentKind::blocked;
  }

  void move_journals() {
    CollectiveSteps agreement(comm_);
    News mine(start_.layout.outputs.size());
    agreement.attempt([&] {
      std::vector<fs::path> journals = find_journals(folder_);
      const std::vector<fs::path> kept = find_kept(folder_);
      journals.insert(journals.end(), kept.begin(), kept.end());
      JournalMover mover(start_.layout, files_, options_.read_back);
      mover.skip(start_.progress);
      if (!options_.keep_failed) mover.ignore_marks();
      for (std::size_t k = rank(); k < journals.size(); k += ranks())
        if (std::optional<JournalReader> reader = JournalReader::open(journals[k], key_)) mover.take(*reader);
      // The store that opens next begins this file anew: what is in it then is in the base already.
      ExtentWriter extents(writer_extents_path(folder_, comm_.rank()), key_);
      mine = mover.finish(extents);
      files_.sync();
      extents.sync();
    });
    agreement.agree();
    const auto gathered = comm_.gather(pack_news(mine));
    agreement.attempt([&] {
      if (!comm_.is_root()) return;
      for (const auto& bytes : gathered) add_news(unpack_news(bytes), start_.progress);
      for (std::size_t k = 0; k < start_.progress.size(); ++k) start_.in_files[k] = known(k).done;
    });
    agreement.agree();
  }

  /// Extents of what was just moved go into the base. Of elements with files of their own those count.
  void fold_extents() {
    std::vector<Extent> all = read_all_extents(folder_, key_);
    std::erase_if(all, [&](const Extent& extent) {
      return is_mark(extent) || start_.layout.outputs[extent.output].in_own_files();
    });
    for (std::size_t k = 0; k < start_.progress.size(); ++k) {
      if (!start_.layout.outputs[k].in_own_files()) continue;
      for (const IndexRange& range : known(k).done.ranges()) all.push_back({ExtentKind::done, k, range, 0});
    }
    add_mark_extents(start_.progress, all);
    write_extents(extents_path(folder_), key_, all);
  }

  /// What stays in journals is done, too.
  void add_kept() {
    CollectiveSteps agreement(comm_);
    agreement.attempt([&] {
      if (!comm_.is_root()) return;
      const JournalIndex journals(find_kept(folder_), key_, start_.layout);
      for (std::size_t k = 0; k < start_.progress.size(); ++k) {
        if (files_.place(k) != nullptr || start_.layout.outputs[k].in_own_files()) continue;
        known(k).done = known(k).done.united(journals.values(k));
        known(k).failed = known(k).failed.difference(known(k).done);
        known(k).blocked = known(k).blocked.difference(known(k).done);
      }
    });
    agreement.agree();
  }

  /// Files of elements are trusted by themselves, whatever journals and extents say: those that are right are
  /// done, and the others are removed.
  void check_elements() {
    CollectiveSteps agreement(comm_);
    ByteWriter mine;
    agreement.attempt([&] {
      ElementFiles elements(folder_, start_.layout);
      for (std::size_t k = 0; k < start_.layout.outputs.size(); ++k)
        if (start_.layout.outputs[k].in_own_files())
          mine.put_ranges(elements.keep_trusted(k, comm_.rank(), comm_.size()));
    });
    agreement.agree();
    const auto gathered = comm_.gather(mine.bytes());
    agreement.attempt([&] {
      if (!comm_.is_root()) return;
      std::vector<ByteReader> parts;
      for (const Bytes& part : gathered) parts.emplace_back(part, "the elements in files of a rank");
      for (std::size_t k = 0; k < start_.progress.size(); ++k) {
        if (!start_.layout.outputs[k].in_own_files()) continue;
        std::vector<IndexRange> trusted;
        for (ByteReader& part : parts) {
          const RangeSet ranges = part.get_ranges();
          trusted.insert(trusted.end(), ranges.ranges().begin(), ranges.ranges().end());
        }
        known(k).done = start_.in_files[k] = union_of(std::move(trusted));
        known(k).failed = known(k).failed.difference(known(k).done);
        known(k).blocked = known(k).blocked.difference(known(k).done);
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
        if (files_.place(k) != nullptr) correct_output(k);
      files_.sync();
    });
    agreement.agree();
  }

  void correct_output(std::size_t output) {
    constexpr Index kAtATime = Index{1} << 20;
    const ElementOrder& order = files_.place(output)->order;
    const IndexRange share = share_of(static_cast<std::size_t>(order.elements()));
    for (Index begin = share.begin; begin < share.end; begin += kAtATime)
      correct_some(output, {begin, std::min(share.end, begin + kAtATime)});
    const RangeSet pending = RangeSet{share}.difference(known(output).done);
    for (const IndexRange& range : pending.ranges()) files_.clear(output, order.values_of(range));
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
    fill(known(output).blocked, ElementStatus::blocked);
    fill(known(output).failed, ElementStatus::failed);
    fill(known(output).done, ElementStatus::done);
    files_.read_status(output, elements, found.data());
    for (std::size_t k = 0; k < found.size();) {
      std::size_t end = k + 1;
      while (end < found.size() && expected[end] == expected[k]) ++end;
      if (!std::equal(found.begin() + static_cast<Index>(k), found.begin() + static_cast<Index>(end),
                      expected.begin() + static_cast<Index>(k)))
        files_.write_status(
            output, {elements.begin + static_cast<Index>(k), elements.begin + static_cast<Index>(end)},
            static_cast<ElementStatus>(expected[k]));
      k = end;
    }
  }

  /// Journals of which everything is in files now.
  void remove_moved() {
    for (const fs::path& path : find_journals(folder_)) remove_file(path);
    for (const fs::path& path : find_writer_extents(folder_)) remove_file(path);
    const auto& outputs = start_.layout.outputs;
    const bool all_placed = std::all_of(outputs.begin(), outputs.end(), [&](const OutputLayout& output) {
      return files_.place(static_cast<std::size_t>(&output - outputs.data())) != nullptr;
    });
    if (!all_placed) return;
    for (const fs::path& path : find_kept(folder_)) remove_file(path);
  }

  const Communicator& comm_;
  const fs::path& folder_;
  const StoreOptions& options_;
  StoreStart& start_;
  RunKey key_;
  RunFiles files_;
};

}  // namespace

void recover(const Communicator& comm, const fs::path& folder, const StoreOptions& options,
             StoreStart& start) {
  Recovery(comm, folder, options, start).run();
}

}  // namespace mpipe
