// SPDX-License-Identifier: BSD-3-Clause
/// @file
/// One `pipeline_app map`, on each of its ranks.
#pragma once

#include <mpipe/comm/communicator.hpp>
#include <mpipe/document/document.hpp>
#include <mpipe/launch/launch.hpp>

#include "ending.hpp"
#include "logging.hpp"
#include "map_choice.hpp"
#include "map_report.hpp"
#include "option_flags.hpp"
#include "pilot/pilot.hpp"
#include "progress.hpp"
#include "stall_watch.hpp"
#include "trace.hpp"

#include <functional>
#include <memory>
#include <mutex>
#include <optional>

namespace mpipe::app {

/// What was typed after `map`.
struct MapFlags {
  std::string document;
  OptionFlags options;
};

/// A launch of the runs of a document, or of the one run that a document without `runs:` is.
class MapJob {
 public:
  MapJob(const MapFlags& flags, const Communicator& world, std::string command_line);

  /// Collective. Everything from the document to the last word about the runs; returns the exit code, the same
  /// on every rank. Where the others can no longer be reached, the process ends here.
  int run();

  /// After `run`: the ranks of the job, or those that are left of them.
  const Communicator& world() const { return world_; }
  bool survives() const { return survives_; }

 private:
  struct Run {
    std::string name;  ///< empty: the document is one run
    Pipeline pipeline;
    /// Of rank 0; empty on the others, like the rest. Given up when the map is made, which has a copy of it: there
    /// may be many thousand runs.
    std::unique_ptr<MapChoice> choice = {};
    bool reads_back = false;                    ///< see MapChoice
    std::filesystem::path folder = {};          ///< empty: there is none
    std::string shown_folder = {};              ///< `folder` as the user knows it
    std::shared_ptr<StatusWriter> status = {};  ///< in memory
    bool started() const { return status && status->started(); }
    std::string prefix() const { return name.empty() ? "" : name + ": "; }
  };

  // All ranks.
  void read();
  void read_runs();
  void prepare_survival();
  /// `record`: what run.json is to keep of the document.
  void add_run(const std::string& name, const Document& document, SharedText record);
  SharedText record_of_run(std::size_t run) const;
  void prepare_isolation(const Pipeline& pipeline);
  bool mentions_processes() const;
  int show_plans();
  std::vector<ReusedOutput> check_plan(const Run& run) const;
  std::string shown_plan(const Run& run, const std::vector<ReusedOutput>& reused,
                         const PilotReport* pilot) const;
  PilotRequest pilot_request(const Run& run, const std::vector<ReusedOutput>& reused) const;
  int compute();
  std::vector<AsyncMap> make_maps();
  void write_logs(int code);
  /// Of the rank that leads a run: the status that a signal has to end.
  void lead(std::shared_ptr<StatusWriter> status);
  bool begun() const;
  void end_by_signal(int number);
  std::string end_status(const Run& run, RunState state, int code, const std::string& text) const;
  bool several() const { return document_ && !document_->runs().empty(); }
  /// Whether ranks other than 0 lead runs, at the same time.
  bool on_subgroups() const;

  // Rank 0.
  void observe(std::size_t run);
  void watch_elements();
  void begin_trace();
  int write_trace();
  int tell(const std::vector<MapOutcome>& outcomes);
  void tell_run(const Run& run, const MapOutcome& outcome);
  void log_end(const Run& run, const MapOutcome& outcome, const std::string& text);
  RunReport report_of(const Run& run, const MapOutcome& outcome) const;
  int tell_error(const Error& error);
  /// JSON of runs that nobody waits for any more: what their statuses know.
  void print_unfinished(const std::string& state, const std::string& why);
  int print_reports(std::vector<RunReport> reports, const std::string& state);
  std::string kept_text() const;
  double elapsed() const;

  const MapFlags& flags_;
  Communicator world_;
  bool survives_ = false;  ///< the run goes on when ranks die
  std::string command_line_;
  OptionValues values_;        ///< what the document, variables and flags say; on every rank
  std::string document_path_;  ///< where rank 0 found it
  std::optional<Document> document_;
  std::optional<Logging> logging_;  ///< on every rank
  ProgressStyle style_ = ProgressStyle::none;
  std::vector<Run> runs_;
  std::shared_ptr<ProgressBoard> board_;                    ///< of the bars of several runs
  std::shared_ptr<Trace> trace_;                            ///< rank 0, where it is wanted
  std::vector<std::shared_ptr<StallWatch>> stall_watches_;  ///< rank 0: of each run
  Ending ending_;
  TimePoint began_;
  std::mutex leading_mutex_;
  std::shared_ptr<StatusWriter> leading_;
};

}  // namespace mpipe::app
