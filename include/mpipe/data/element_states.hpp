// SPDX-License-Identifier: BSD-3-Clause
/// @file
/// `ElementStates`: what is known of each element of one output.
#pragma once

#include <mpipe/base/bytes.hpp>
#include <mpipe/core/index.hpp>

#include <cstdint>

namespace mpipe {

/// What is known of an element; the numbers are those of `NAME__status` in a results file.
enum class ElementStatus : std::uint8_t {
  pending = 0,
  done = 1,
  failed = 2,
  blocked = 3,  ///< by a failure of something that it needs
};

/// The elements of one output by what is known of them; all others are pending.
///
/// Every element has one state. When an element is told to have several, the value wins over the failure, and
/// the failure over the block: an element that was computed after it had failed is done, and one that failed
/// was called, so that it cannot have been blocked. This holds in whichever order the states arrive, from
/// whichever rank, journal or earlier start.
///
/// Value type; what a change costs goes with the number of ranges, not of elements.
class ElementStates {
 public:
  const RangeSet& done() const { return done_; }
  const RangeSet& failed() const { return failed_; }
  const RangeSet& blocked() const { return blocked_; }
  /// Those blocked elements that need an array with missing values, and no missing value by itself.
  const RangeSet& blocked_by_array() const { return blocked_by_array_; }
  /// Failed or blocked: nobody needs to compute them, and what needs them is blocked.
  RangeSet without_value() const { return failed_.united(blocked_); }
  bool all_fine() const { return failed_.empty() && blocked_.empty(); }
  ElementStatus status(Index element) const;

  void add_done(const RangeSet& elements);
  void add_failed(const RangeSet& elements);
  void add_blocked(const RangeSet& elements);
  /// As above for one range, quick where ranges come in order. Adding `pending` changes nothing.
  void add(IndexRange range, ElementStatus status);
  /// Adds what `other` knows.
  void add(const ElementStates& other);
  /// Replaces the blocked elements: which those are is derived from failures, and found anew when there are
  /// more of them.
  void set_blocked(const RangeSet& by_value, const RangeSet& by_array);
  /// What has no value is pending again.
  void forget_failures();
  /// What is known of the elements of `selection`.
  ElementStates within(const RangeSet& selection) const;

  void put(ByteWriter& out) const;
  /// Throws as the reader does, also for states that contradict each other.
  static ElementStates get(ByteReader& in);

  friend bool operator==(const ElementStates&, const ElementStates&) = default;

 private:
  // These three have no element in common; the fourth is part of the third.
  RangeSet done_;
  RangeSet failed_;
  RangeSet blocked_;
  RangeSet blocked_by_array_;
};

}  // namespace mpipe
