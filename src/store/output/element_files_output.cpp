// SPDX-License-Identifier: BSD-3-Clause
// Outputs with a file per element: files are trusted by themselves, and results.h5 has marks only.
#include "store/output/output_store.hpp"

#include <fmt/format.h>

namespace mpipe {
namespace {

class ElementFilesOutput final : public OutputStore {
 public:
  using OutputStore::OutputStore;

  /// The files come first: a frame without its file would promise values that are not stored.
  void append(IndexRange elements, const PartialArray& array, RankLogs& logs) override {
    shared_.elements.write(output_, elements, array);
    append_done(location() != nullptr ? logs.journal() : logs.retained(), elements, array);
    if (location() == nullptr) uncommitted_.retained.insert(elements);
    uncommitted_.unmoved.insert(elements);
  }

  /// Only marks are moved: no matter whether values are in memory, too.
  void collect(const PartialArray*, const RangeSet&, const RangeSet&, RankLogs&,
               OutputDelta& delta) override {
    if (location() != nullptr) delta.to_move = uncommitted_.unmoved.difference(uncommitted_.placed);
  }

  RangeSet move_earlier(const RangeSet& done, RankLogs& logs) override {
    std::vector<Extent> written;
    for (const IndexRange& range : done.ranges()) written.push_back({ExtentKind::done, output_, range, 0});
    logs.extents().append(written);
    for (const IndexRange& range : done.ranges())
      shared_.files.write_status(output_, range, ElementStatus::done);
    return done;
  }

  void read(const RangeSet& elements, const RangeSet&, const JournalSource&, ElementSink& sink) override {
    shared_.elements.read(output_, elements, [&](IndexRange element, const StoredElement& found) {
      sink.set_internal(found.internal);
      sink.take(element, found.bytes, found.offsets);
    });
  }

  RangeSet existing(const RangeSet& elements) const override {
    return shared_.elements.existing(output_, elements);
  }

  bool holds(const Extent& extent) override {
    return location() != nullptr && extent.kind == ExtentKind::done &&
           extent.range.end <= location()->order.elements();
  }

  /// Files are trusted by themselves, whatever journals and extents say: those that are right are done, and
  /// the others are removed.
  RangeSet recover(const RangeSet&, const JournalIndex&, int rank, int ranks) override {
    return shared_.elements.keep_trusted(output_, rank, ranks);
  }

  /// Every element that is done has a file that can be trusted by itself; a complete run has no others.
  void verify(const OutputEvidence& evidence, const ReportFault& fault) override {
    OutputStore::verify(evidence, fault);
    RangeSet wrong;
    for (const IndexRange& range : evidence.known.done().ranges())
      for (Index element = range.begin; element < range.end; ++element)
        if (!shared_.elements.read(output_, element)) wrong.insert({element, element + 1});
    if (!wrong.empty())
      fault(
          fmt::format("{} of '{}' is done, but its file is not there or was damaged. Resume the run to "
                      "compute it again.",
                      first_of(wrong), layout().name));
    if (!evidence.complete) return;
    for (const fs::path& path : shared_.elements.leftovers(output_, evidence.marked.done()))
      fault(
          fmt::format("'{}' is the file of an element that is not done. Resume the run, or remove the file.",
                      path.string()));
  }
};

}  // namespace

std::unique_ptr<OutputStore> make_element_files_output(SharedFiles& shared, std::size_t output) {
  return std::make_unique<ElementFilesOutput>(shared, output);
}

}  // namespace mpipe
