// SPDX-License-Identifier: BSD-3-Clause
/// @file
/// The functions of a run and what they need, as a drawing.
#pragma once

#include <string>
#include <vector>

namespace mpipe::app {

/// A function, or an input. Texts are of anybody: they are escaped when they are drawn.
struct DrawnNode {
  std::string name;
  std::string detail;                   ///< in a second line
  std::vector<std::string> gives = {};  ///< names
  std::vector<std::string> takes = {};  ///< names of what other nodes give; others are left out
  bool is_input = false;
  double done = 0;    ///< parts of 1, of a function
  double failed = 0;  ///< failed or blocked
};

/// More functions than these would make a drawing that nobody can read.
inline constexpr std::size_t kMostDrawnNodes = 120;

/// A whole `<svg>` element. Precondition: at most `kMostDrawnNodes` nodes.
std::string graph_svg(const std::vector<DrawnNode>& nodes);

}  // namespace mpipe::app
