// SPDX-License-Identifier: BSD-3-Clause
/// @file
/// The options of `map` as they were typed.
#pragma once

#include <CLI/App.hpp>

#include <optional>
#include <string>
#include <vector>

namespace mpipe::app {

struct MapFlags {
  std::string document;
  std::optional<std::string> run_folder;
  bool resume = false;
  bool overwrite = false;
  bool dry_run = false;
  bool json = false;
  std::vector<std::string> set;  ///< `name=JSON`
  std::vector<std::string> input_files;
  std::vector<std::string> outputs;
  std::vector<std::string> fixed;       ///< `i=3`, `i=0:10:2`, also `i=3,j=1`
  std::vector<std::string> executor;    ///< `[OUT=]KIND`
  std::vector<std::string> isolate;     ///< outputs
  std::vector<std::string> storage;     ///< likewise
  std::vector<std::string> chunksizes;  ///< `[OUT=]N`
  std::optional<std::string> error_handling;
  std::optional<std::string> max_failures;
  std::optional<std::string> retries;
  bool retry_failed = false;
  std::optional<std::string> max_concurrent;
  std::optional<std::string> rank0;
  std::optional<std::string> seed;
  std::optional<std::string> progress;
  std::optional<std::string> log_level;
  std::optional<std::string> max_print;
};

/// Adds them to the command; `flags` must outlive it.
void add_map_flags(CLI::App& command, MapFlags& flags);

/// `--set` and `--inputs`, which `run` has too.
void add_input_flags(CLI::App& command, std::vector<std::string>& set, std::vector<std::string>& files);

}  // namespace mpipe::app
