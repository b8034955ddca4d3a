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
  // Values share the ownership of the pages, and so may outlive this object.
  memory_ = {pages, data_};
}

/// The lock is held while a piece is read: whoever asks for the same piece waits for it and does not read it
/// again. Whoever saw its elements fetched needs no lock to look at them, as they are never written twice.
void LazyArray::fetch(IndexRange elements) {
  if (elements.empty() || complete_.load(std::memory_order_acquire)) return;
  const Index piece = std::min(source_->piece(), count_);
  // Sources are read in whole pieces only, as a part of a piece may cost as much as all of it.
  const IndexRange pieces{elements.begin / piece * piece,
                          std::min(count_, (elements.end + piece - 1) / piece * piece)};
  const std::lock_guard lock(mutex_);
  if (!unreadable_.intersection(pieces).empty()) std::rethrow_exception(why_);
  const RangeSet missing = RangeSet{pieces}.difference(have_);
  if (missing.empty()) return;
  // The memory is checked before the first piece is read: pieces that were read stay, and would take up
  // memory for a request that is then refused.
  detail::check_fits({have_.count() + missing.count()}, element_bytes_);
  for (const IndexRange& range : missing.ranges())
    for (Index begin = range.begin; begin < range.end; begin += piece)
      read({begin, std::min(range.end, begin + piece)});
  // This release, with the acquire above, makes all that was read visible to threads that from now on pass
  // without the lock.
  if (have_.contains(IndexRange{0, count_})) complete_.store(true, std::memory_order_release);
}

void LazyArray::read(IndexRange piece) {
  try {
    source_->read(piece, data_ + static_cast<std::size_t>(piece.begin) * element_bytes_);
  } catch (...) {
    // The reason is kept, so that everybody who needs the piece is told the same, and a broken file is not
    // read once for each element in it.
    why_ = std::current_exception();
    unreadable_.insert(piece);
    throw;
  }
  have_.insert(piece);
}

}  // namespace mpipe
