// SPDX-License-Identifier: BSD-3-Clause
/// @file
/// The stored results of a run that a command names, and which of its outputs are meant.
#pragma once

#include <mpipe/store/run_reader.hpp>

#include <filesystem>
#include <string>
#include <vector>

namespace mpipe::app {

/// Opens the run in a folder. Throws `Error` as `RunReader`; of a folder above several runs it names theirs.
RunReader open_results(const std::string& run);

/// The path is that of the folder of a run, or of something in it.
bool is_within(const std::string& run, const std::filesystem::path& path);

/// What is to be written lies outside of the run folder, whose files it could replace. Throws `Error` (bad_option).
void require_outside(const std::string& run, const std::filesystem::path& path);

/// The position of an output. Throws `Error` (unknown_output).
std::size_t output_named(const RunReader& reader, const std::string& name);

/// Positions of the named outputs, or of all. Throws `Error` (unknown_output).
std::vector<std::size_t> chosen_outputs(const RunReader& reader, const std::vector<std::string>& names);

/// The outputs that have the same axes and extents together, each set at the place of its first. Precondition: their
/// shapes are known.
std::vector<std::vector<std::size_t>> outputs_by_axes(const RunReader& reader,
                                                      const std::vector<std::size_t>& outputs);

}  // namespace mpipe::app
