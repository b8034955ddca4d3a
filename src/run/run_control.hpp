// SPDX-License-Identifier: BSD-3-Clause
/// @file
/// What those who started a run have to say while it goes on.
#pragma once

namespace mpipe {

/// Asked by rank 0 of a run, about ten times a second and between two waves; must be quick.
class RunControl {
 public:
  virtual ~RunControl() = default;
  /// The run is to stop: what is being computed is the last.
  virtual bool cancelled() = 0;
};

}  // namespace mpipe
