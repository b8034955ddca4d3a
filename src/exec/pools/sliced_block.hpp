// SPDX-License-Identifier: BSD-3-Clause
/// @file
/// A block computed in slices, so that others get a word in between.
#pragma once

#include <mpipe/core/clock.hpp>
#include <mpipe/exec/pool.hpp>

namespace mpipe {

/// Cuts blocks into slices of about `slice` each, as far as elements allow. How many elements that are is
/// learnt from the last slices; short blocks, which are most, are one slice and cost nothing extra. One
/// thread.
class SlicedBlock {
 public:
  SlicedBlock(BlockHandler& handler, const Clock& clock, ProcessPlace place, Duration slice)
      : handler_(handler), clock_(clock), place_(std::move(place)), slice_(slice) {}

  /// A block has begun and is not over.
  bool active() const { return active_; }
  BlockId id() const { return report_.block.id; }
  /// When the last slice ended.
  TimePoint last_end() const { return last_end_; }

  /// Precondition: not active.
  void begin(const Block& block);
  /// Computes a slice. Returns true when the block is over; its report is then in `report`. Precondition:
  /// active.
  bool step();
  BlockReport& report() { return report_; }
  /// Ends an active block here and returns what has not begun of it. What has begun, if `report().completed`
  /// > 0, is then in `report`. Empty, and nothing ends, when not active.
  IndexRange give_back();

 private:
  void absorb(BlockReport& part, Duration took);
  void absorb_failed(BlockReport& part);

  BlockHandler& handler_;
  const Clock& clock_;
  ProcessPlace place_;
  Duration slice_;
  bool active_ = false;
  Index next_ = 0;
  Index slice_elements_ = 1;
  BlockReport report_;
  TimePoint last_end_{};
};

}  // namespace mpipe
