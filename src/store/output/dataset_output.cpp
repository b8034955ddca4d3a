// SPDX-License-Identifier: BSD-3-Clause
// Outputs of fixed size in datasets: journals hold their elements until a commit moves them there.
#include "store/journal/journal_mover.hpp"
#include "store/output/output_store.hpp"

#include <fmt/format.h>

#include <algorithm>

namespace mpipe {
namespace {

class DatasetOutput final : public OutputStore {
 public:
  using OutputStore::OutputStore;

  void append(IndexRange elements, const PartialArray& array, RankLogs& logs) override {
    if (is_direct(static_cast<std::size_t>(elements.size()) * array.element_bytes()))
      return append_direct(elements, array, logs);
    append_values(logs.journal(), elements, array);
    uncommitted_.unmoved.insert(elements);
  }

  void collect(const PartialArray*, const RangeSet& here, const RangeSet& done, RankLogs& logs,
               OutputDelta& delta) override {
    // What this rank placed itself needs no move. Outputs that are not durable were never appended, and are
    // taken from memory as they are.
    RangeSet wanted = uncommitted_.unmoved.difference(uncommitted_.placed);
    if (!layout().durable()) wanted = wanted.united(here.difference(done));
    delta.to_move = wanted.intersection(here);
    if (delta.to_move == wanted) return;
    // The others are in journals only: they came before there was a location, and memory was given up since.
    const RangeSet moved = move_from(logs.journals(), logs, ValueAccess::Others::may_write);
    delta.placed.insert(moved);
    delta.to_move.erase(moved);
  }

  RangeSet move_earlier(const RangeSet&, RankLogs& logs) override {
    return move_from(find_retained(shared_.folder), logs, ValueAccess::Others::keep_away);
  }

  void read(const RangeSet& elements, const RangeSet& in_files, const JournalSource& journals,
            ElementSink& sink) override {
    const RangeSet there = elements.intersection(in_files);
    for (const IndexRange& range : there.ranges()) {
      shared_.files.read(output_, location()->order.values_of(range), sink.room(range));
      sink.filled(range);
    }
    const RangeSet rest = elements.difference(there);
    for (const IndexRange& range : rest.ranges())
      journals().read(output_, range,
                      [&](IndexRange part, std::span<const std::byte> bytes,
                          std::span<const std::uint64_t> offsets) { sink.take(part, bytes, offsets); });
  }

  bool holds(const Extent& extent) override {
    const ElementOrder& order = location()->order;
    if (extent.kind == ExtentKind::done)
      return order.values_per_element() == 0 && extent.range.end <= order.elements();
    // An extent is at most one piece long: a longer one was not written by this program, and its check would
    // take memory without bounds.
    return extent.range.end <= order.values() && extent.range.size() <= shared_.files.piece_values(output_) &&
           shared_.files.hash(output_, extent.range) == extent.hash &&
           shared_.files.parts_match(output_, extent.range);
  }

  void verify(const OutputEvidence& evidence, const ReportFault& fault) override {
    OutputStore::verify(evidence, fault);
    if (evidence.complete) check_pending(evidence.marked.done(), fault);
  }

 private:
  /// Large blocks are written straight to their location by the ranks that write there anyway: going through
  /// the journal would cost them twice the bytes.
  bool is_direct(std::size_t bytes) const {
    return bytes >= shared_.options.direct_write_bytes && bytes != 0 && location()->order.in_file_order() &&
           location()->values.contiguous();
  }

  /// Values, then their extents, then the marks: after a crash in between, the element is pending.
  void append_direct(IndexRange elements, const PartialArray& array, RankLogs& logs) {
    std::vector<Extent> written;
    shared_.files.write(output_, location()->order.values_of(elements), array.data(elements.begin),
                        shared_.options.read_back, written);
    logs.extents().append(written);
    shared_.files.write_status(output_, elements, ElementStatus::done);
    uncommitted_.placed.insert(elements);
  }

  RangeSet move_from(const std::vector<fs::path>& journals, RankLogs& logs, ValueAccess::Others others) {
    JournalMover mover(shared_.layout, shared_.files, shared_.options.read_back);
    mover.only(output_);
    mover.ignore_marks();
    mover.beside(others);
    for (const fs::path& path : journals)
      if (std::optional<JournalReader> reader = JournalReader::open(path, shared_.key)) mover.take(*reader);
    return mover.finish(logs.extents())[output_].placed;
  }

  /// What is not done must not look like a result.
  void check_pending(const RangeSet& done, const ReportFault& fault) {
    const ElementType& type = *layout().type;
    const ElementOrder& order = location()->order;
    const Index longest = shared_.files.piece_values(output_);
    std::vector<std::byte> bytes;
    const RangeSet rest = RangeSet{{0, order.elements()}}.difference(done);
    for (const IndexRange& elements : rest.ranges()) {
      const RangeSet there = allocated_values(location()->values, order, order.values_of(elements));
      for (const IndexRange& range : there.ranges())
        for (Index begin = range.begin; begin < range.end; begin += longest) {
          const IndexRange part{begin, std::min(range.end, begin + longest)};
          bytes.resize(static_cast<std::size_t>(part.size()) * type.size);
          shared_.files.read(output_, part, bytes.data());
          if (all_pending(type, bytes) && shared_.files.parts_match(output_, part)) continue;
          return fault(
              fmt::format("'{}' has values from element {} on that look like results, and are not done.",
                          layout().name, part.begin / order.values_per_element()));
        }
    }
  }
};

}  // namespace

std::unique_ptr<OutputStore> make_dataset_output(SharedFiles& shared, std::size_t output) {
  return std::make_unique<DatasetOutput>(shared, output);
}

}  // namespace mpipe
