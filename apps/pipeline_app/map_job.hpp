// SPDX-License-Identifier: BSD-3-Clause
/// @file
/// One `pipeline_app map`, on each of its ranks.
#pragma once

#include <mpipe/comm/communicator.hpp>
#include <mpipe/document/document.hpp>
#include <mpipe/folder/status.hpp>
#include <mpipe/run/map.hpp>

#include "ending.hpp"
#include "logging.hpp"
#include "map_choice.hpp"
#include "option_flags.hpp"
#include "progress.hpp"

#include <functional>
#include <memory>
#include <optional>

namespace mpipe::app {

/// What was typed after `map`.
struct MapFlags {
  std::string document;
  OptionFlags options;
};

class MapJob {
 public:
  MapJob(const MapFlags& flags, const Communicator& world, std::string command_line);

  /// Collective. Everything from the document to the last word about the run; returns the exit code, the same
  /// on every rank. Where the others can no longer be reached, the process ends here.
  int run();

 private:
  // All ranks.
  void read();
  void prepare_isolation();
  bool mentions_processes() const;
  int show_plan();
  int compute();
  int map_and_tell();
  void write_logs(int code);

  // Rank 0.
  void choose();
  std::string json_of(Results results, const std::string& state, const std::vector<Failure>& failures) const;
  void tell_failures(const Results& results);
  int print_json(const std::function<std::string()>& text) const;
  void observe();
  void end_by_signal(int number);
  void end(RunState state, int code, const std::string& message);
  int tell_completed(const Results& results);
  void tell_failed(const FunctionError& error);
  int tell_error(const Error& error);
  std::string kept_text() const;
  double elapsed() const;

  const MapFlags& flags_;
  Communicator world_;
  std::string command_line_;
  std::optional<Document> document_;
  std::optional<Pipeline> pipeline_;
  MapChoice choice_;  ///< rank 0, like the rest
  OptionValues values_;  ///< what the document, variables and flags say; on every rank
  Index max_print_ = 0;
  ProgressStyle style_ = ProgressStyle::none;
  std::optional<Logging> logging_;  ///< on every rank
  std::shared_ptr<StatusWriter> status_;
  std::shared_ptr<Progress> progress_;
  Ending ending_;
  TimePoint began_;
};

}  // namespace mpipe::app
