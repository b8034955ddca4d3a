// SPDX-License-Identifier: BSD-3-Clause
/// @file
/// What rank 0 decides about one map, from options and the document.
#pragma once

#include <mpipe/document/document.hpp>
#include <mpipe/run/map.hpp>

#include "options/api/option_values.hpp"

#include <filesystem>
#include <functional>
#include <string>

namespace mpipe::app {

struct MapChoice {
  Inputs inputs;
  MapOptions options;
  bool reads_back = false;  ///< what is printed comes from the run folder
};

/// `values`: what the document, variables and flags say of options. `document` has what `--set` and `--inputs`
/// say. Throws what the document throws, bad_option and unknown_output.
MapChoice choose_map(const OptionValues& values, const Document& document, const Pipeline& pipeline,
                     const std::string& command_line, int ranks);

/// The pipeline of the document, with what `--isolate` says.
Pipeline isolated_pipeline(const Document& document, const OptionValues& values);

/// The numbers of ranks in `--for-ranks`. Throws bad_option where one is none, and where this or `--pilot` lacks the option
/// that it goes with.
std::vector<int> numbers_of_ranks(const OptionValues& values);

/// Takes values from the run folder, as far as they are to be printed.
void read_back(Results& results, const std::filesystem::path& run_folder, Index max_print);

/// Runs `action`. An `Error` from it is about what `by` says of an option (`--isolate`, `wing.yaml:12:5`): its
/// text begins with that, and its subject is the option.
void blame_option(const std::string& by, std::string_view option, const std::function<void()>& action);

}  // namespace mpipe::app
