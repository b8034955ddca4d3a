// SPDX-License-Identifier: BSD-3-Clause
// Outputs without a dataset before the end of the run: their values stay in retained journals until then.
#include <mpipe/core/error.hpp>

#include "store/output/output_store.hpp"
#include "store/output/variable_values.hpp"
#include "store/verify_extents.hpp"

#include <fmt/format.h>

#include <utility>

namespace mpipe {
namespace {

/// results.h5, when it is there and has the output.
struct OpenResults {
  H5Handle file;
  std::uint64_t size = 0;
};

/// All values of an output in element order; elements that are not done are without bytes.
class GatheringSink final : public ElementSink {
 public:
  GatheringSink(const std::string& name, Index values_per_element)
      : name_(name), per_element_(values_per_element) {
    all_.offsets.push_back(0);
  }

  std::byte* room(IndexRange) override { throw Bug("values of fixed size among those that vary in size"); }
  void put(IndexRange elements, std::span<const std::byte> bytes,
           std::span<const std::uint64_t> offsets) override {
    skip_to(elements.begin);
    append_values(all_, bytes, offsets);
    found_.insert(elements);
    at_ = elements.end;
  }

  /// Throws unless exactly the elements `wanted` came.
  EncodedValues finish(const RangeSet& wanted, Index end) {
    const RangeSet missing = wanted.difference(found_);
    if (!missing.empty())
      throw Error(
          Category::storage_failed,
          fmt::format("values of '{}' that were stored are not in the journals any more ({}: somebody "
                      "removed or damaged files of the run folder). Resume the run to compute them "
                      "again.",
                      name_, first_of(missing)));
    skip_to(end);
    return std::move(all_);
  }

 private:
  void skip_to(Index element) { append_nothing(all_, (element - at_) * per_element_); }

  const std::string& name_;
  Index per_element_;
  EncodedValues all_;
  RangeSet found_;
  Index at_ = 0;
};

class RetainedOutput final : public OutputStore {
 public:
  using OutputStore::OutputStore;

  void append(IndexRange elements, const PartialArray& array, RankLogs& logs) override {
    append_values(logs.retained(), elements, array);
    uncommitted_.retained.insert(elements);
    // A shape that becomes known makes a dataset of these outputs, to which a commit then moves them.
    if (layout().type->fixed_size()) uncommitted_.unmoved.insert(elements);
  }

  /// News of outputs that are not durable are in memory only until here.
  void collect(const PartialArray* array, const RangeSet& here, const RangeSet& done, RankLogs& logs,
               OutputDelta& delta) override {
    if (layout().durable()) return;
    const RangeSet fresh = here.difference(done);
    for (const IndexRange& range : fresh.ranges()) append(range, *array, logs);
    delta.kept = uncommitted_.retained;
  }

  RangeSet move_earlier(const RangeSet&, RankLogs&) override {
    throw Bug("an output without a location cannot be moved there");
  }

  void read(const RangeSet& elements, const RangeSet& in_files, const JournalSource& journals,
            ElementSink& sink) override {
    const Index each = values_per_element();
    const RangeSet in_results = elements.intersection(in_files);
    const RangeSet in_journals = elements.difference(in_results);
    if (!in_journals.empty() && journals().internal(output_))
      sink.set_internal(*journals().internal(output_));
    // The sink takes elements in order: what is in journals is read in between what is in the results.
    auto next = in_journals.ranges().begin();
    const auto read_before = [&](Index end) {
      for (; next != in_journals.ranges().end() && next->begin < end; ++next)
        journals().read(output_, *next,
                        [&](IndexRange part, std::span<const std::byte> bytes,
                            std::span<const std::uint64_t> offsets) { sink.take(part, bytes, offsets); });
    };
    for (const IndexRange& range : in_results.ranges()) {
      read_before(range.begin);
      const EncodedValues& found = results(in_files);
      const auto first = static_cast<std::size_t>(range.begin * each);
      const auto count = static_cast<std::size_t>(range.size() * each) + 1;
      sink.put(range, found.bytes, std::span(found.offsets).subspan(first, count));
    }
    if (!elements.empty()) read_before(elements.ranges().back().end);
  }

  std::optional<EncodedValues> read_texts(const IndexBox& box) override {
    const H5Turn turn;
    const std::optional<OpenResults> open = open_results();
    if (!open) return std::nullopt;
    return read_text_box(open->file.get(), layout(), box, open->size);
  }

  void forget() override { results_.reset(); }

  ElementStates read_marks() override {
    const H5Turn turn;
    const std::optional<OpenResults> open = open_results();
    if (!open) return {};
    return states_of_marks(read_variable_status(open->file.get(), layout(), open->size), 0);
  }

  /// Values in results.h5 are of an earlier end of the run, and are written in one go: all of them are read
  /// once, however many extents there are.
  bool holds(const Extent& extent) override {
    if (!marked_) marked_ = read_marks().done();
    if (marked_->empty()) return false;
    const ElementOrder order = element_order(layout());
    if (extent.kind == ExtentKind::done)
      return order.values_per_element() == 0 && extent.range.end <= order.elements();
    return extent.range.end <= order.values() && hash_of(results(*marked_), extent.range) == extent.hash;
  }

  RangeSet recover(const RangeSet& known, const JournalIndex& retained, int rank, int) override {
    return rank == 0 ? known.united(retained.values(output_)) : RangeSet{};
  }

  void verify(const OutputEvidence& evidence, const ReportFault& fault) override {
    const H5Turn turn;
    if (evidence.complete && layout().shape_known() && !open_results())
      fault(
          fmt::format("the output '{}' is not in the results, which are complete otherwise.", layout().name));
  }

  bool complete_in_place() const override { return layout().type->fixed_size() || !layout().shape_known(); }

  void finish(LabelledFile& file, const ElementStates& progress, const RangeSet& in_files,
              const JournalSource& journals, std::vector<Extent>& extents) override {
    if (complete_in_place()) return;
    const ElementOrder order = element_order(layout());
    GatheringSink all(layout().name, order.values_per_element());
    read(progress.done(), in_files.intersection(progress.done()), journals, all);
    // Complete or an error: a value that is missing must not look like an empty one.
    const EncodedValues values = all.finish(progress.done(), order.elements());
    add_variable_output(file, shared_.layout, output_, values, progress);
    add_variable_extents(output_, order, values, progress.done(), extents);
    forget();
  }

 private:
  std::optional<OpenResults> open_results() const {
    const std::optional<File> there = File::open_existing(shared_.results, File::Mode::read);
    if (!there) return std::nullopt;
    OpenResults open{h5_open_for_reading(shared_.results), there->size()};
    if (!has_variable_output(open.file.get(), layout())) return std::nullopt;
    return open;
  }

  /// The values in results.h5 of the elements `in_files`; others are without bytes.
  const EncodedValues& results(const RangeSet& in_files) {
    // What is kept serves the same elements only, as the values of others were left out of it.
    if (results_ && results_of_ == in_files) return *results_;
    const H5Turn turn;
    const std::optional<OpenResults> open = open_results();
    if (!open)
      throw Error(Category::storage_failed,
                  fmt::format("'{}' is not in '{}' any more (somebody changed the file). Resume the run.",
                              layout().name, shared_.results.string()));
    results_ = read_variable_output(open->file.get(), layout(), in_files, open->size);
    results_of_ = in_files;
    return *results_;
  }

  Index values_per_element() const {
    Index count = 1;
    for (std::size_t axis = 0; axis < layout().shape.size(); ++axis)
      if (!layout().external[axis]) count *= layout().shape[axis].value_or(1);
    return count;
  }

  std::optional<EncodedValues> results_;  ///< read once, as reading a part costs as much as reading all
  RangeSet results_of_;
  std::optional<RangeSet> marked_;
};

}  // namespace

std::unique_ptr<OutputStore> make_retained_output(SharedFiles& shared, std::size_t output) {
  return std::make_unique<RetainedOutput>(shared, output);
}

}  // namespace mpipe
