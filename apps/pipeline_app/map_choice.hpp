// SPDX-License-Identifier: BSD-3-Clause
/// @file
/// What rank 0 decides about one map, from flags, variables and the document.
#pragma once

#include <mpipe/document/document.hpp>
#include <mpipe/run/map.hpp>

#include "map_settings.hpp"

#include <string>

namespace mpipe::app {

struct MapChoice {
  Inputs inputs;
  MapOptions options;
  bool reads_back = false;  ///< what is printed comes from the run folder
};

/// `document` has what `--set` and `--inputs` say. Throws what `map_options` and the document throw, and
/// unknown_output.
MapChoice choose_map(const MapFlags& flags, const Environ& environment, const Document& document,
                     const Pipeline& pipeline, const std::string& command_line, int ranks);

/// Values that were left in the run folder, as far as they are to be printed.
void read_back(Results& results, const MapChoice& choice, Index max_print);

}  // namespace mpipe::app
