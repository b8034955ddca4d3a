// SPDX-License-Identifier: BSD-3-Clause
/// @file
/// The arrays of a run on one rank: what it computed, and what it was given to read.
#pragma once

#include <mpipe/plan/plan.hpp>

#include "data/api/partial_array.hpp"

#include <memory>
#include <vector>

namespace mpipe {

/// See `PagesSlot`.
inline constexpr std::size_t kSlotsOfAnOutput = 2;

/// One `PartialArray` per output of a plan, made when its external shape is known.
class RunArrays {
 public:
  explicit RunArrays(const Plan& plan) : plan_(plan), arrays_(plan.outputs().size()) {}

  /// Where arrays that are made from now on have their values; null: in memory of this process. There are
  /// `kSlotsOfAnOutput` slots for each output.
  void use(std::shared_ptr<const SharedPages> pages) { pages_ = std::move(pages); }

  /// Makes the array of an output that has none yet, and tells one that has of an internal shape that became
  /// known. Precondition: its external shape is known to the plan.
  void prepare(OutputId output);
  /// As `prepare`, for an output whose elements here may have turned out to be of another shape than the
  /// plan's: then they are dropped.
  void adopt(OutputId output);
  /// Forgets the values of an output that nobody will look at again, and its memory, of which the first rank of
  /// those that share it gives back what there is of it to all of them.
  void drop(OutputId output, bool is_first);
  /// nullptr when it has not been prepared.
  PartialArray* find(OutputId output) { return arrays_[output.value].get(); }
  const PartialArray* find(OutputId output) const { return arrays_[output.value].get(); }
  /// All of them by output, nullptr where there is none.
  std::vector<const PartialArray*> all() const;

 private:
  const Plan& plan_;
  std::shared_ptr<const SharedPages> pages_;
  std::vector<std::unique_ptr<PartialArray>> arrays_;
};

/// The values of `array` as one value in mapspec order (its layout may hold internal axes anywhere). Elements
/// that are not there are zero bytes.
Value in_mapspec_order(const PartialArray& array, const std::vector<bool>& external);

}  // namespace mpipe
