// SPDX-License-Identifier: BSD-3-Clause
// Reads the pieces of an array that somebody asks for, each once, from any thread.
#include "data/lazy_array.hpp"

#include <mpipe/core/error.hpp>

#include "data/api/input_file.hpp"
#include "data/pages.hpp"

#include <algorithm>

namespace mpipe {

LazyArray::LazyArray(std::shared_ptr<const ArraySource> source, Index count, std::size_t element_bytes)
    : source_(std::move(source)), count_(count), element_bytes_(element_bytes), complete_(count == 0) {
  const std::shared_ptr<void> pages = detail::reserve_pages(detail::array_bytes({count}, element_bytes));
  if (source_->piece() < 1) throw Bug("an ArraySource has pieces without elements");
  data_ = static_cast<std::byte*>(pages.get());
  memory_ = {pages, data_};
}

void LazyArray::fetch(IndexRange elements) {
  if (elements.empty() || complete_.load(std::memory_order_acquire)) return;
  const Index piece = std::min(source_->piece(), count_);
  const IndexRange pieces{elements.begin / piece * piece,
                          std::min(count_, (elements.end + piece - 1) / piece * piece)};
  const std::lock_guard lock(mutex_);
  if (!unreadable_.intersection(pieces).empty()) std::rethrow_exception(why_);
  const RangeSet missing = RangeSet{pieces}.difference(have_);
  if (missing.empty()) return;
  detail::check_fits({have_.count() + missing.count()}, element_bytes_);
  for (const IndexRange& range : missing.ranges())
    for (Index begin = range.begin; begin < range.end; begin += piece)
      read({begin, std::min(range.end, begin + piece)});
  if (have_.contains(IndexRange{0, count_})) complete_.store(true, std::memory_order_release);
}

void LazyArray::read(IndexRange piece) {
  try {
    source_->read(piece, data_ + static_cast<std::size_t>(piece.begin) * element_bytes_);
  } catch (...) {
    why_ = std::current_exception();
    unreadable_.insert(piece);
    throw;
  }
  have_.insert(piece);
}

}  // namespace mpipe
