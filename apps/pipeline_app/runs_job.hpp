// SPDX-License-Identifier: BSD-3-Clause
/// @file
/// One `pipeline_app map` of a document with `runs:`, on each of its ranks.
#pragma once

#include <mpipe/comm/communicator.hpp>
#include <mpipe/document/document.hpp>
#include <mpipe/launch/launch.hpp>

#include "ending.hpp"
#include "logging.hpp"
#include "map_choice.hpp"
#include "progress.hpp"
#include "runs_report.hpp"

#include <mutex>

namespace mpipe::app {

class RunsJob {
 public:
  /// `document`: with what flags say of inputs, on rank 0. All must outlive the job.
  RunsJob(const OptionValues& values, const Communicator& world, const Document& document, Logging& logging,
          ProgressStyle style, std::string command_line);

  /// Collective. Returns the exit code, the same on every rank; throws `Error` on all ranks for what is
  /// refused before anything runs.
  int run();

 private:
  struct Run {
    std::string name;
    Document document;
    Pipeline pipeline;
    MapChoice choice = {};                      ///< rank 0, like the rest
    std::shared_ptr<StatusWriter> status = {};  ///< in memory
  };

  void read();
  void choose(Run& run);
  int show_plans();
  int compute();
  std::vector<AsyncMap> make_maps();
  void observe(std::size_t k);
  /// On the rank that leads a run: the one whose status a signal has to end.
  void lead(std::shared_ptr<StatusWriter> status);
  void end_by_signal(int number);
  int tell(const std::vector<MapOutcome>& outcomes);
  void tell_run(const Run& run, const MapOutcome& outcome);
  void print_runs(std::vector<RunReport> reports, const std::string& state);
  RunReport report_of(const Run& run, const MapOutcome& outcome) const;
  double elapsed() const;

  const OptionValues& values_;
  Communicator world_;
  const Document& document_;
  Logging& logging_;
  ProgressStyle style_;
  std::string command_line_;
  Index max_print_ = 0;
  int max_concurrent_ = 1;
  std::vector<Run> runs_;
  std::shared_ptr<ProgressBoard> board_;
  Ending ending_;
  TimePoint began_;
  std::mutex leading_mutex_;
  std::shared_ptr<StatusWriter> leading_;
};

}  // namespace mpipe::app
