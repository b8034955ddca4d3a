// SPDX-License-Identifier: BSD-3-Clause
// Finds out which elements a set of journals holds, and reads their values from there.
#include "store/journal/journal_index.hpp"

#include "store/journal/journal_mover.hpp"
#include "store/output/result_file.hpp"

#include <algorithm>

namespace mpipe {

JournalIndex::JournalIndex(std::span<const fs::path> journals, const RunKey& key, const RunLayout& layout)
    : outputs_(layout.outputs.size()) {
  for (const fs::path& path : journals) {
    std::optional<JournalReader> reader = JournalReader::open(path, key);
    if (!reader) continue;
    while (const JournalFrame* frame = reader->next())
      if (frame->output < outputs_.size() && fits(*frame, layout.outputs[frame->output]))
        add(*frame, journals_.size());
    journals_.push_back(std::move(*reader));
  }
  for (Output& output : outputs_)
    std::sort(output.places.begin(), output.places.end(),
              [](const Place& a, const Place& b) { return a.elements < b.elements; });
}

std::vector<LogDamage> JournalIndex::damage() const {
  std::vector<LogDamage> all;
  for (const JournalReader& journal : journals_)
    all.insert(all.end(), journal.damage().begin(), journal.damage().end());
  return all;
}

void JournalIndex::add(const JournalFrame& frame, std::size_t journal) {
  Output& output = outputs_[frame.output];
  if (frame.contents == FrameContents::marks) {
    (frame.status == ElementStatus::failed ? output.failed : output.blocked).insert(frame.range);
    return;
  }
  if (!output.internal) output.internal = frame.internal;
  if (*output.internal != frame.internal) return;  // the run refuses such elements, too
  // Elements that are known already keep their first place, so that places never overlap.
  const RangeSet added = RangeSet{frame.range}.difference(output.values);
  for (const IndexRange& range : added.ranges()) output.places.push_back({range, journal, frame.position});
  output.values.insert(frame.range);
}

void JournalIndex::read(std::size_t output, IndexRange elements,
                        const std::function<void(IndexRange, std::span<const std::byte>,
                                                 std::span<const std::uint64_t>)>& visit) {
  const std::vector<Place>& places = outputs_[output].places;
  auto at = std::lower_bound(places.begin(), places.end(), elements.begin,
                             [](const Place& place, Index begin) { return place.elements.end <= begin; });
  for (; at != places.end() && at->elements.begin < elements.end; ++at) {
    const IndexRange part{std::max(elements.begin, at->elements.begin),
                          std::min(elements.end, at->elements.end)};
    const JournalFrame* frame = journals_[at->journal].at(at->position);
    // A commit may have emptied the journal since it was indexed: then the frame is gone or written over, and
    // its elements are left out.
    if (frame == nullptr || frame->output != output ||
        !(frame->range.begin <= part.begin && part.end <= frame->range.end))
      continue;
    const Index begin = part.begin - frame->range.begin;
    if (frame->offsets.empty()) {
      const std::size_t size = frame->bytes.size() / static_cast<std::size_t>(frame->range.size());
      visit(part,
            frame->bytes.subspan(static_cast<std::size_t>(begin) * size,
                                 static_cast<std::size_t>(part.size()) * size),
            {});
    } else {
      const std::size_t per_element =
          (frame->offsets.size() - 1) / static_cast<std::size_t>(frame->range.size());
      visit(part, frame->bytes,
            frame->offsets.subspan(static_cast<std::size_t>(begin) * per_element,
                                   static_cast<std::size_t>(part.size()) * per_element + 1));
    }
  }
}

void adopt_internal_shapes(const JournalIndex& journals, RunLayout& layout) {
  for (std::size_t k = 0; k < layout.outputs.size(); ++k)
    if (journals.internal(k)) set_internal_shape(*journals.internal(k), layout.outputs[k]);
}

}  // namespace mpipe
