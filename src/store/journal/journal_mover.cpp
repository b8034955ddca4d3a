// SPDX-License-Identifier: BSD-3-Clause
// Moves values and marks from journals into the files, neighbours together.
#include "store/journal/journal_mover.hpp"

#include <mpipe/core/error.hpp>

#include <algorithm>
#include <cstring>
#include <tuple>
#include <utility>

namespace mpipe {
namespace {

/// Values are gathered up to so many bytes before they are written: neighbours then make one stretch.
constexpr std::size_t kArenaBytes = std::size_t{16} << 20;

/// Elements, as far as the external extents are known.
std::optional<Index> known_elements(const OutputLayout& output) {
  Index count = 1;
  for (std::size_t k = 0; k < output.shape.size(); ++k) {
    if (!output.external[k]) continue;
    if (!output.shape[k]) return std::nullopt;
    count *= *output.shape[k];
  }
  return count;
}

}  // namespace

bool fits_shape(const Shape& internal, const OutputLayout& output) {
  if (!output.rank_known) return true;
  std::size_t axis = 0;
  for (std::size_t k = 0; k < output.shape.size(); ++k) {
    if (output.external[k]) continue;
    if (axis == internal.size() || (output.shape[k] && *output.shape[k] != internal[axis])) return false;
    ++axis;
  }
  return axis == internal.size();
}

bool fits(const JournalFrame& frame, const OutputLayout& output) {
  if (const auto elements = known_elements(output); elements && frame.range.end > *elements) return false;
  if (frame.contents == FrameContents::marks)
    return frame.status == ElementStatus::failed || frame.status == ElementStatus::blocked;
  if (!fits_shape(frame.internal, output)) return false;
  if (output.in_own_files()) return frame.bytes.empty() && frame.offsets.empty();
  // Products of untrusted numbers, in a type in which they cannot wrap.
  long double values = static_cast<long double>(frame.range.size());
  for (const Index extent : frame.internal) values *= static_cast<long double>(extent);
  if (!output.type->fixed_size()) return static_cast<long double>(frame.offsets.size()) == values + 1;
  return frame.offsets.empty() &&
         static_cast<long double>(frame.bytes.size()) == values * static_cast<long double>(output.type->size);
}

JournalMover::JournalMover(const RunLayout& layout, RunFiles& files, bool read_back)
    : layout_(layout),
      files_(files),
      read_back_(read_back),
      left_out_(layout.outputs.size(), false),
      delta_(layout.outputs.size()) {}

bool JournalMover::take(JournalReader& reader, std::size_t most) {
  for (std::size_t taken = 0; taken < most; ++taken) {
    const JournalFrame* frame = reader.next();
    if (frame == nullptr) return true;
    if (frame->output >= layout_.outputs.size() || !fits(*frame, layout_.outputs[frame->output])) continue;
    if (only_ && frame->output != *only_) continue;
    if (frame->contents == FrameContents::values)
      take_values(*frame);
    else if (marks_too_)
      take_marks(*frame);
  }
  return false;
}

void JournalMover::take_values(const JournalFrame& frame) {
  if (files_.location(frame.output) == nullptr || left_out_[frame.output]) return;
  // Elements that are in the file are not written again: their extent vouches for the bytes that are there.
  RangeSet rest = RangeSet{frame.range}.difference(delta_[frame.output].placed);
  if (known_ != nullptr) rest = rest.difference((*known_)[frame.output].done());
  const std::size_t element = frame.bytes.size() / static_cast<std::size_t>(frame.range.size());
  for (const IndexRange& range : rest.ranges()) {
    const std::size_t size = static_cast<std::size_t>(range.size()) * element;
    if (!arena_.empty() && arena_.size() + size > kArenaBytes) write_taken();
    const auto from = frame.bytes.begin() + (range.begin - frame.range.begin) * static_cast<Index>(element);
    taken_.push_back({frame.output, range, arena_.size(), size});
    arena_.insert(arena_.end(), from, from + static_cast<std::ptrdiff_t>(size));
    delta_[frame.output].placed.insert(range);
  }
}

void JournalMover::take_marks(const JournalFrame& frame) {
  OutputDelta& delta = delta_[frame.output];
  (frame.status == ElementStatus::failed ? delta.failed : delta.blocked).insert(frame.range);
}

void JournalMover::write_taken() {
  // In file order, so that neighbours from different journals are written by one call.
  std::sort(taken_.begin(), taken_.end(), [](const Taken& a, const Taken& b) {
    return std::tie(a.output, a.range.begin) < std::tie(b.output, b.range.begin);
  });
  for (std::size_t first = 0; first < taken_.size();) {
    std::size_t last = first + 1;
    while (last < taken_.size() && taken_[last].output == taken_[first].output &&
           taken_[last].range.begin == taken_[last - 1].range.end)
      ++last;
    write_joined(std::span(taken_).subspan(first, last - first));
    first = last;
  }
  taken_.clear();
  arena_.clear();
}

void JournalMover::write_joined(std::span<const Taken> joined) {
  const std::size_t output = joined.front().output;
  const IndexRange elements{joined.front().range.begin, joined.back().range.end};
  const ElementOrder& order = files_.location(output)->order;
  // Elements without values leave no bytes that a checksum could vouch for; the extent says that they are
  // done.
  if (order.values_per_element() == 0) {
    extents_.push_back({ExtentKind::done, output, elements, 0});
    return;
  }
  const std::byte* data = arena_.data() + joined.front().at;
  // Parts lie in the arena in the order in which they were read, and are brought into file order for one
  // write.
  if (joined.size() > 1) {
    joined_.clear();
    for (const Taken& part : joined)
      joined_.insert(joined_.end(), arena_.data() + part.at, arena_.data() + part.at + part.size);
    data = joined_.data();
  }
  files_.write(output, order.values_of(elements), data, read_back_, extents_, others_);
}

CommitDelta JournalMover::finish(ExtentWriter& extents) {
  write_taken();
  for (std::size_t k = 0; k < delta_.size(); ++k) {
    OutputDelta& delta = delta_[k];
    // An element that was done in the end is not failed, whatever an older frame says.
    for (RangeSet* marked : {&delta.failed, &delta.blocked}) {
      marked->erase(delta.placed);
      if (known_ != nullptr) marked->erase((*known_)[k].done());
    }
    delta.blocked.erase(delta.failed);
    add_mark_extents(k, delta, extents_);
  }
  // Extents are down before any mark: whoever sees a mark finds its checksum.
  extents.append(extents_);
  extents_.clear();
  for (std::size_t k = 0; k < delta_.size(); ++k) write_marks(files_, k, delta_[k]);
  return std::exchange(delta_, CommitDelta(layout_.outputs.size()));
}

void write_marks(RunFiles& files, std::size_t output, const OutputDelta& delta) {
  if (files.location(output) == nullptr) return;
  for (const IndexRange& range : delta.placed.ranges())
    files.write_status(output, range, ElementStatus::done);
  for (const IndexRange& range : delta.failed.ranges())
    files.write_status(output, range, ElementStatus::failed);
  for (const IndexRange& range : delta.blocked.ranges())
    files.write_status(output, range, ElementStatus::blocked);
}

void add_mark_extents(std::size_t output, const OutputDelta& delta, std::vector<Extent>& extents) {
  for (const IndexRange& range : delta.failed.ranges())
    extents.push_back({ExtentKind::failed, output, range, 0});
  for (const IndexRange& range : delta.blocked.ranges())
    extents.push_back({ExtentKind::blocked, output, range, 0});
}

}  // namespace mpipe
