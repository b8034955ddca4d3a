// SPDX-License-Identifier: BSD-3-Clause
// Arrays of which some elements are there: fixed sizes in pages, others as pieces of bytes.
#include "data/api/partial_array.hpp"

#include "data/api/file_faults.hpp"
#include "data/pages.hpp"

#include <algorithm>
#include <cstring>

namespace mpipe {
PartialArray::PartialArray(const ElementType& type, Shape external, std::optional<Shape> internal,
                           PagesSlot place)
    : type_(&type),
      external_(std::move(external)),
      total_(element_count(external_)),
      place_(std::move(place)) {
  if (internal) set_internal(*internal);
}

PartialArray::PartialArray(PartialArray&&) noexcept = default;
PartialArray& PartialArray::operator=(PartialArray&&) noexcept = default;
PartialArray::~PartialArray() = default;

void PartialArray::set_internal(const Shape& internal) {
  if (internal_ && *internal_ != internal)
    throw Error(Category::internal_shape_mismatch,
                "an element has the shape " + to_string(internal) + " where others have the shape " +
                    to_string(*internal_) + " (one output is one array). Return equal shapes.");
  if (internal_) return;
  internal_ = internal;
  per_element_ = element_count(internal);
  if (type_->fixed_size()) map_memory();
}

void PartialArray::map_memory() {
  Shape all = external_;
  all.insert(all.end(), internal_->begin(), internal_->end());
  const Index values = element_count(all);
  constexpr Index kMaxBytes = Index{1} << 46;  // what a process can address
  if (values > kMaxBytes / static_cast<Index>(type_->size))
    throw Error(Category::too_large, "an array of shape " + to_string(all) + " and type " + type_->name +
                                         " is larger than a process can address. Use smaller axes.");
  if (values == 0) return;
  const std::size_t size = static_cast<std::size_t>(values) * type_->size;
  memory_ = place_.pages ? place_.pages->map(place_.slot, size) : detail::reserve_pages(size);
  data_ = static_cast<std::byte*>(memory_.get());
}

/// The bytes of whole pages that belong to a range of elements alone, from the begin of the array on.
IndexRange PartialArray::pages_of(IndexRange elements) const {
  const auto bytes = static_cast<Index>(element_bytes());
  const Index begin =
      (elements.begin * bytes + detail::page_size() - 1) / detail::page_size() * detail::page_size();
  const Index end = elements.end * bytes / detail::page_size() * detail::page_size();
  return {begin, std::max(begin, end)};
}

/// The elements that have all of their bytes in a range.
IndexRange PartialArray::elements_within(IndexRange range) const {
  const auto bytes = static_cast<Index>(element_bytes());
  const Index begin = (range.begin + bytes - 1) / bytes;
  return {begin, std::max(begin, range.end / bytes)};
}

RangeSet PartialArray::worth_a_file(const RangeSet& elements) const {
  // A mapping costs as much as reading some pages, and a process has some ten thousands of them.
  constexpr Index kShortest = Index{256} << 10;
  constexpr std::size_t kMost = 1000;
  RangeSet worth;
  if (data_ == nullptr) return worth;
  for (const IndexRange& range : elements.ranges()) {
    if (in_file_.ranges().size() + worth.ranges().size() >= kMost) break;
    if (const IndexRange pages = pages_of(range); pages.size() >= kShortest)
      worth.insert(elements_within(pages));
  }
  return worth;
}

RangeSet PartialArray::look_into(const File& file, std::uint64_t offset, const RangeSet& elements) {
  const RangeSet fresh = worth_a_file(elements.difference(in_file_));
  if (fresh.empty()) return fresh;
  if (!guard_) guard_ = guard_file_faults(data_, static_cast<std::size_t>(total_) * element_bytes());
  if (!guard_) return {};
  for (const IndexRange& range : fresh.ranges()) {
    // An element at the edge of a page may be partly here and partly in the file, where both have the same bytes.
    const IndexRange pages = pages_of(range);
    detail::replace_pages(data_ + pages.begin, static_cast<std::size_t>(pages.size()), file.descriptor(),
                          static_cast<std::int64_t>(offset) + pages.begin);
    in_file_.insert(range);
  }
  return fresh;
}

void PartialArray::give_back(const RangeSet& elements) {
  if (!place_.pages) return;
  for (const IndexRange& range : elements.ranges()) {
    const IndexRange pages = pages_of(range);
    place_.pages->clear(place_.slot, static_cast<std::size_t>(pages.begin),
                        static_cast<std::size_t>(pages.size()));
  }
}

/// All that could be wrong is refused before anything is changed.
void PartialArray::put(IndexRange range, std::span<const std::byte> bytes,
                       std::span<const std::uint64_t> offsets) {
  if (range.begin < 0 || range.size() < 0 || range.end > total_)
    throw Bug("PartialArray::put: no range of elements of this array");
  if (offsets.size() != static_cast<std::size_t>(range.size() * per_element_) + 1)
    throw Bug("PartialArray::put: the offsets do not fit the range");
  if (offsets.front() != 0 || offsets.back() != bytes.size() ||
      !std::is_sorted(offsets.begin(), offsets.end()))
    throw Bug("PartialArray::put: the offsets do not fit the bytes");
  if (joined_) throw Bug("PartialArray::put into values that were joined");
  if (range.empty()) return;
  cut_blocks(range);
  // The blocks stay disjoint, so that every element is found in one block only.
  blocks_[range.begin] = Block{range, {bytes.begin(), bytes.end()}, {offsets.begin(), offsets.end()}};
  have_.insert(range);
}

void PartialArray::cut_blocks(IndexRange range) {
  auto at = blocks_.upper_bound(range.begin);
  // The block that begins before the range may reach into it.
  if (at != blocks_.begin()) --at;
  while (at != blocks_.end() && at->second.range.begin < range.end) {
    if (at->second.range.end <= range.begin) {
      ++at;
      continue;
    }
    const Block block = std::move(at->second);
    at = blocks_.erase(at);
    const IndexRange before{block.range.begin, range.begin};
    const IndexRange behind{range.end, block.range.end};
    if (!before.empty()) blocks_.emplace(before.begin, part_of(block, before));
    if (!behind.empty()) blocks_.emplace(behind.begin, part_of(block, behind));
  }
}

PartialArray::Block PartialArray::part_of(const Block& block, IndexRange range) const {
  const auto first = static_cast<std::ptrdiff_t>((range.begin - block.range.begin) * per_element_);
  const auto last = static_cast<std::ptrdiff_t>((range.end - block.range.begin) * per_element_);
  Block part{range, {}, {block.offsets.begin() + first, block.offsets.begin() + last + 1}};
  const std::uint64_t shift = part.offsets.front();
  part.bytes.assign(block.bytes.begin() + static_cast<std::ptrdiff_t>(shift),
                    block.bytes.begin() + static_cast<std::ptrdiff_t>(part.offsets.back()));
  for (std::uint64_t& offset : part.offsets) offset -= shift;
  return part;
}

PartialArray::Piece PartialArray::piece(IndexRange range) const {
  Piece piece;
  if (type_->fixed_size()) {
    piece.bytes = {data(range.begin), static_cast<std::size_t>(range.size()) * element_bytes()};
    return piece;
  }
  piece.offsets.push_back(0);
  visit(range, [&](IndexRange, std::span<const std::byte> bytes, std::span<const std::uint64_t> offsets) {
    const std::uint64_t shift = offsets.front() - piece.owned.size();
    // `shift` may have wrapped around below zero. The subtraction here wraps back, as both are modulo 2^64.
    for (const std::uint64_t offset : offsets.subspan(1)) piece.offsets.push_back(offset - shift);
    piece.owned.insert(piece.owned.end(), bytes.begin(), bytes.end());
  });
  // The span is taken last, as the bytes moved each time that their vector grew.
  piece.bytes = piece.owned;
  return piece;
}

void PartialArray::visit(IndexRange range, const TakePart& take) const {
  const auto tell = [&](IndexRange part, const std::byte* bytes, const std::uint64_t* offsets) {
    const std::span of_part(offsets, static_cast<std::size_t>(part.size() * per_element_) + 1);
    take(part, {bytes + of_part.front(), static_cast<std::size_t>(of_part.back() - of_part.front())},
         of_part);
  };
  if (joined_) {
    if (!have_.contains(range)) throw Bug("PartialArray::visit of elements that are not here");
    return tell(range, joined_->bytes(), joined_->offsets() + range.begin * per_element_);
  }
  auto at = blocks_.upper_bound(range.begin);
  if (at != blocks_.begin()) --at;
  Index next = range.begin;
  for (; at != blocks_.end() && at->second.range.begin < range.end; ++at) {
    const Block& block = at->second;
    if (block.range.end <= next) continue;
    const IndexRange part{std::max(next, block.range.begin), std::min(range.end, block.range.end)};
    if (part.begin != next) break;
    tell(part, block.bytes.data(), block.offsets.data() + (part.begin - block.range.begin) * per_element_);
    next = part.end;
  }
  if (next < range.end) throw Bug("PartialArray::visit of elements that are not here");
}

JoinedValues PartialArray::make_room(std::uint64_t size) const {
  const std::size_t offsets = (static_cast<std::size_t>(total_ * per_element_) + 1) * sizeof(std::uint64_t);
  if (!place_.pages) return {detail::reserve_pages(size), detail::reserve_pages(offsets), size};
  return {place_.pages->map(place_.slot, size), place_.pages->map(place_.slot + 1, offsets), size};
}

void PartialArray::adopt(JoinedValues values, const RangeSet& elements) {
  joined_ = std::move(values);
  have_ = elements;
  blocks_.clear();
}

Value PartialArray::to_value() const {
  if (!internal_) throw Bug("PartialArray::to_value before the internal shape is known");
  Shape shape = external_;
  if (internal_) shape.insert(shape.end(), internal_->begin(), internal_->end());
  if (type_->fixed_size()) {
    // Results of many small runs would keep a mapping each, of which a process has some ten thousands.
    constexpr std::size_t kSmall = std::size_t{64} << 10;
    const std::size_t size = static_cast<std::size_t>(total_) * element_bytes();
    if (place_.pages && size <= kSmall) return Value::copy_of(*type_, std::move(shape), {data_, size}, {});
    std::shared_ptr<const std::byte[]> bytes(memory_, data_);
    return Value::from_bytes(*type_, std::move(shape), std::move(bytes));
  }
  if (joined_)
    return Value::copy_of(*type_, std::move(shape),
                          {joined_->bytes(), static_cast<std::size_t>(joined_->size)},
                          {joined_->offsets(), static_cast<std::size_t>(total_ * per_element_) + 1});
  Bytes bytes;
  std::vector<std::uint64_t> offsets{0};
  Index next = 0;
  // Elements that are not here become empty values: they have offsets, all of them the same, and no bytes.
  const auto skip_to = [&](Index element) {
    offsets.insert(offsets.end(), static_cast<std::size_t>((element - next) * per_element_), bytes.size());
    next = element;
  };
  for (const IndexRange& range : have_.ranges()) {
    skip_to(range.begin);
    const Piece part = piece(range);
    const std::uint64_t shift = bytes.size();
    for (std::size_t k = 1; k < part.offsets.size(); ++k) offsets.push_back(part.offsets[k] + shift);
    bytes.insert(bytes.end(), part.bytes.begin(), part.bytes.end());
    next = range.end;
  }
  skip_to(total_);
  return Value::copy_of(*type_, std::move(shape), bytes, offsets);
}

}  // namespace mpipe
