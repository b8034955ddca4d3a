// SPDX-License-Identifier: BSD-3-Clause
// What the storages of outputs have in common, and which storage an output has.
#include "store/output/output_store.hpp"

#include "store/output/variable_values.hpp"
#include "store/verify_extents.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cstring>
#include <utility>

namespace mpipe {
namespace {

/// Marks are read so many at a time.
constexpr Index kMarksAtATime = Index{1} << 20;

std::unique_ptr<OutputStore> make_output(SharedFiles& shared, std::size_t output) {
  // Asked first, since outputs with files of their own have a location as well, for their marks.
  if (shared.layout.outputs[output].in_own_files()) return make_element_files_output(shared, output);
  if (shared.files.location(output) != nullptr) return make_dataset_output(shared, output);
  return make_retained_output(shared, output);
}

JournalFrame frame_of(std::size_t output, IndexRange elements, const PartialArray& array) {
  JournalFrame frame;
  frame.output = output;
  frame.range = elements;
  frame.internal = array.internal();
  return frame;
}

}  // namespace

void ElementSink::take(IndexRange elements, std::span<const std::byte> bytes,
                       std::span<const std::uint64_t> offsets) {
  if (!offsets.empty()) return put(elements, bytes, offsets);
  if (!bytes.empty()) std::memcpy(room(elements), bytes.data(), bytes.size());
  filled(elements);
}

std::optional<EncodedValues> OutputStore::read_texts(const IndexBox&) { return std::nullopt; }

ElementStates OutputStore::read_marks() {
  ElementStates all;
  if (location() == nullptr) return all;
  std::vector<std::uint8_t> marks;
  const Index elements = location()->order.elements();
  for (Index begin = 0; begin < elements; begin += kMarksAtATime) {
    const IndexRange part{begin, std::min(elements, begin + kMarksAtATime)};
    marks.resize(static_cast<std::size_t>(part.size()));
    shared_.files.read_status(output_, part, marks.data());
    all.add(states_of_marks(marks, begin));
  }
  return all;
}

RangeSet OutputStore::recover(const RangeSet& known, const JournalIndex&, int rank, int) {
  return rank == 0 ? known : RangeSet{};
}

void OutputStore::verify(const OutputEvidence& evidence, const ReportFault& fault) {
  if (location() == nullptr) return;
  check_marks(fault);
  if (!evidence.complete) return;  // values come before their marks
  const RangeSet unmarked = evidence.trusted.done().difference(evidence.marked.done());
  if (!unmarked.empty())
    fault(fmt::format("{} of '{}' is stored, but not marked as done.", first_of(unmarked), layout().name));
}

bool OutputStore::complete_in_place() const {
  return location() == nullptr || !shared_.files.table().outputs[output_]->in_segment;
}

void OutputStore::append_values(JournalWriter& journal, IndexRange elements,
                                const PartialArray& array) const {
  JournalFrame frame = frame_of(output_, elements, array);
  if (array.type().fixed_size()) {
    frame.bytes = {array.data(elements.begin),
                   static_cast<std::size_t>(elements.size()) * array.element_bytes()};
    return journal.append(frame);
  }
  const PartialArray::Piece piece = array.piece(elements);
  frame.bytes = piece.bytes;
  frame.offsets = piece.offsets;
  journal.append(frame);
}

void OutputStore::append_done(JournalWriter& journal, IndexRange elements, const PartialArray& array) const {
  journal.append(frame_of(output_, elements, array));
}

void OutputStore::check_marks(const ReportFault& fault) const {
  const Index elements = location()->order.elements();
  std::vector<std::uint8_t> marks;
  for (Index begin = 0; begin < elements; begin += kMarksAtATime) {
    marks.resize(static_cast<std::size_t>(std::min(kMarksAtATime, elements - begin)));
    shared_.files.read_status(output_, {begin, begin + static_cast<Index>(marks.size())}, marks.data());
    const auto bad = std::find_if(marks.begin(), marks.end(), [](std::uint8_t mark) { return mark > 3; });
    if (bad == marks.end()) continue;
    return fault(fmt::format("element {} of '{}' has the mark {}, which means nothing.",
                             begin + (bad - marks.begin()), layout().name, *bad));
  }
}

RunOutputs::RunOutputs(const fs::path& folder, const fs::path& results, const RunLayout& layout,
                       const StoreOptions& options, bool may_write)
    : shared_(std::make_unique<SharedFiles>(folder, results, layout, options, may_write)) {
  locate({});
}

void RunOutputs::locate(FileTable table) {
  shared_->files.set_table(std::move(table));
  // An output that gets its location changes its storage; what no commit has moved yet goes along to the new
  // one.
  std::vector<std::unique_ptr<OutputStore>> located;
  for (std::size_t k = 0; k < shared_->layout.outputs.size(); ++k) {
    located.push_back(make_output(*shared_, k));
    if (k < outputs_.size()) located.back()->uncommitted() = std::move(outputs_[k]->uncommitted());
  }
  outputs_ = std::move(located);
}

void RunOutputs::locate(std::size_t output, FileTable::Entry entry) {
  shared_->files.add(output, std::move(entry));
  std::unique_ptr<OutputStore> located = make_output(*shared_, output);
  located->uncommitted() = std::move(outputs_[output]->uncommitted());
  outputs_[output] = std::move(located);
}

std::string first_of(const RangeSet& elements) {
  return fmt::format(
      "element {}{}", elements.ranges().front().begin,
      elements.count() == 1 ? std::string() : fmt::format(" (the first of {})", elements.count()));
}

}  // namespace mpipe
