// SPDX-License-Identifier: BSD-3-Clause
// The checked reading of bytes: lengths, ranges, texts, and what is thrown when they are wrong.
#include <mpipe/base/bytes.hpp>

#include <fmt/format.h>

namespace mpipe {

void ByteWriter::put_text(std::string_view text) { put_list(std::span<const char>(text)); }
void ByteWriter::put_bytes(std::span<const std::byte> bytes) { put_list(bytes); }
void ByteWriter::put_ranges(const RangeSet& set) {
  put(static_cast<std::uint64_t>(set.ranges().size()));
  for (const IndexRange& range : set.ranges()) put(range);
}
void ByteWriter::append(std::span<const std::byte> bytes) {
  out_->insert(out_->end(), bytes.begin(), bytes.end());
}

Index ByteReader::get_index() {
  const auto index = get<Index>();
  if (index < 0) fail("a number that may not be negative is");
  return index;
}

std::vector<Index> ByteReader::get_indices(std::uint64_t most) {
  std::vector<Index> indices = get_list<Index>(most);
  for (const Index index : indices)
    if (index < 0) fail("an index or an extent is negative");
  return indices;
}

std::string ByteReader::get_text(std::uint64_t most) {
  const auto raw = take(checked_length(most, 1));
  return {reinterpret_cast<const char*>(raw.data()), raw.size()};
}

IndexRange ByteReader::get_range() {
  IndexRange range;
  range.begin = get_index();
  range.end = get_index();
  if (range.empty()) fail("a range is empty");
  return range;
}

RangeSet ByteReader::get_ranges() {
  const auto count = checked_length(kAny, sizeof(IndexRange));
  RangeSet set;
  Index end = 0;
  for (std::uint64_t k = 0; k < count; ++k) {
    const IndexRange range = get_range();
    if (range.begin < end) fail("ranges overlap, or are not in order");
    set.insert(range);  // at the end of the set each time, which costs the same whatever its size
    end = range.end;
  }
  return set;
}

void ByteReader::expect_end() const {
  if (!at_end()) fail("more bytes than belong there");
}

// Other processes of a job run this same program, so that wrong bytes from them are a mistake in it. A file
// may be damaged without anybody's mistake, and its owner can do something about that.
void ByteReader::fail(std::string_view problem) const {
  const std::string text = fmt::format("the bytes of {} cannot be read: {}", what_, problem);
  if (origin_ == ByteOrigin::process) throw Bug(text);
  throw Error(Category::storage_failed, text + " (the bytes are damaged, or of another version).");
}

std::uint64_t ByteReader::checked_length(std::uint64_t most, std::size_t item_bytes) {
  const auto length = get<std::uint64_t>();
  if (length > most) fail("a list or a text is longer than it may be");
  // Checked before anything is allocated: a damaged length must not make the program ask for all memory. The
  // division cannot wrap, as the product of length and size could.
  if (length > rest_.size() / item_bytes) fail("it ends too early");
  return length;
}

}  // namespace mpipe
