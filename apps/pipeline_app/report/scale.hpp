// SPDX-License-Identifier: BSD-3-Clause
/// @file
/// Scales of charts: where a value lies on an axis, and which values are written beside it.
#pragma once

#include <span>
#include <string>
#include <vector>

namespace mpipe::app {

/// The values that an axis shows, `low` < `high`, both finite; both positive when it is logarithmic.
struct Scale {
  double low = 0;
  double high = 1;
  bool logarithmic = false;

  /// 0 at `low`, 1 at `high`.
  double position(double value) const;
};

/// A value with its label, at a position between 0 and 1 on its axis.
struct Tick {
  double position = 0;
  std::string label;
};

/// A scale with room for values from `low` to `high`, with a margin on both sides. Equal values, huge ones and values
/// that are not finite get a scale, too.
Scale scale_for(double low, double high, bool logarithmic, double margin);

/// Round values (1, 2 or 5 times a power of ten) on the scale, about `count` of them.
std::vector<Tick> ticks_of(const Scale& scale, int count);

/// Whether ascending or descending `coordinates` look as if they had been spread over powers of ten.
bool are_geometric(std::span<const double> coordinates);
/// Whether each is greater than the one before, or each is less; true for fewer than two. False with not-a-number.
bool are_monotonic(std::span<const double> coordinates);

}  // namespace mpipe::app
