// SPDX-License-Identifier: BSD-3-Clause
/// @file
/// How a run goes, as its status.json tells anybody who looks: written while it runs, read by others at any
/// time.
#pragma once

#include <mpipe/core/shape.hpp>
#include <mpipe/exec/observer.hpp>

#include <algorithm>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace mpipe {

/// A process, so that it is not taken for a later one with the same number, or for one of another container.
struct FolderOwner {
  std::string host;
  std::string boot_id;              ///< of the kernel, new with each boot; empty where unknown
  std::uint64_t pid_namespace = 0;  ///< within which `pid` is a number; 0 where unknown
  std::int64_t pid = 0;
  std::uint64_t start_time = 0;   ///< clock ticks after boot, from /proc/PID/stat; 0 where unknown
  std::string job_id;             ///< of Slurm or PBS, or empty
  std::int64_t job_restarts = 0;  ///< how often Slurm has requeued the job
  std::string since;              ///< ISO 8601, UTC

  /// The same process (not: the same moment).
  bool same_process(const FolderOwner& other) const {
    return host == other.host && pid == other.pid && start_time == other.start_time &&
           boot_id == other.boot_id && pid_namespace == other.pid_namespace;
  }
};

enum class Liveness : std::uint8_t {
  alive,
  dead,
  unknown,  ///< on another host or in another container: its heartbeat has to tell
};

FolderOwner this_process();

/// Whether a process still runs, as far as the kernel of this host can know. A zombie is dead, and so is the earlier start
/// of a job that Slurm has requeued, on any host.
Liveness liveness(const FolderOwner& owner);

/// `process 4711 on node7 (job 42), since 2026-01-31T12:00:00Z`
std::string describe(const FolderOwner& owner);

/// Who holds the folder; nothing when nobody does, or when its lock file is not of a run.
std::optional<FolderOwner> folder_owner(const std::string& run_folder);

enum class RunState : std::uint8_t {
  pending,  ///< a job has the folder, and has not begun to compute
  running,
  drained,  ///< stopped early, can be resumed
  completed,
  failed,
  cancelled,  ///< ended by a signal
  stale,      ///< says that it runs, but the process is gone: can be resumed (never written, only found by a
              ///< reader)
};
std::string_view to_string(RunState state);

/// The state of a run that ended with such an error: drained, cancelled or failed.
RunState end_state(Category category);

/// How one output goes. Numbers are of elements.
struct OutputStatus {
  std::string name;
  std::vector<std::string> dims;
  PartialShape shape;
  std::string dtype;
  std::optional<Index> elements;  ///< that the run is to compute; not known where a shape is not known yet
  Index done = 0;                 ///< those that an earlier start has kept included
  Index failed = 0;
  Index blocked = 0;
  Index in_memory = 0;  ///< of `done`: not in the folder yet, and lost when the process ends before they are

  Index pending() const { return elements ? std::max<Index>(0, *elements - done - failed - blocked) : 0; }
  double fraction() const;
};

/// How long the calls of a function took in the start that has ended last, on all ranks together.
struct FunctionTimes {
  std::string name;         ///< its first output
  Index calls = 0;          ///< those that failed included
  double seconds = 0;       ///< summed over the calls
  double mean_seconds = 0;  ///< of a call
  double max_seconds = 0;   ///< of the longest one, as far as it is known (see `FunctionStatistics`)
};

struct RunStatus {
  RunState state = RunState::pending;
  std::optional<int> exit_code;  ///< when it has ended; the truth also where mpirun tells another
  std::string message;           ///< why it failed
  std::vector<OutputStatus> outputs;
  std::vector<FunctionTimes> functions;  ///< empty until the start has ended, and where it was killed
  std::vector<std::string>
      slow;  ///< in words: elements that take far longer than those before them, while it runs
  double elements_per_second = 0;  ///< function calls, lately
  std::optional<double> eta_seconds;
  int ranks = 1;
  FolderOwner owner;                 ///< rank 0 of the run
  std::string started;               ///< ISO 8601, UTC
  std::string heartbeat;             ///< when this was written
  std::string finished;              ///< empty while it runs
  double heartbeat_age_seconds = 0;  ///< found by the reader

  double progress_fraction() const;
  /// For scripts: `exit_code`; of a run that is pending or running 75, of a stale one 5.
  int script_exit_code() const;
};

/// The text of status.json and of `pipeline_app status --json`.
std::string to_json(const RunStatus& status);

/// How the run in a folder goes; reads files only, and disturbs nobody. Where there is no status.json (or a
/// damaged one), what run.json and results.h5 tell. Throws `Error`: folder_refused (there is no run),
/// storage_failed.
RunStatus read_status(const std::string& run_folder);

/// Keeps status.json of a run folder up to date: at most once per `interval`, and every ten seconds as a sign
/// of life, by a thread of its own, so that neither long elements nor slow disks matter. Rank 0 only; never
/// throws: a status that cannot be written stops no run. Writes nothing before `on_start`, when the folder is
/// claimed. An empty path is a run without a folder: nothing is written, `status` tells all the same.
class StatusWriter final : public RunObserver {
 public:
  explicit StatusWriter(std::string run_folder,
                        std::chrono::milliseconds interval = std::chrono::milliseconds(1000));
  ~StatusWriter() override;
  StatusWriter(const StatusWriter&) = delete;
  StatusWriter& operator=(const StatusWriter&) = delete;

  void on_start(const Plan& plan, const MachineInfo& machine,
                const std::vector<ElementCounts>& kept) override;
  void on_progress(FunctionId function, const ElementCounts& counts, TimePoint now) override;
  void on_settled(const std::vector<SettledOutput>& outputs) override;
  void on_resolved(const Plan& plan) override;
  void on_end(const std::string& state, const std::string& message) override;

  /// Elements that take far longer than those before them, in words, in place of those told before. Any thread.
  void set_slow(std::vector<std::string> elements);
  /// How long functions took, to be written with the last word. Any thread.
  void set_times(std::vector<FunctionTimes> functions);
  /// The last word, synced to the disk; for those who know the exit code. May be called by another thread
  /// than the rest, and more than once; what ended by a signal stays so. Writes nothing before `on_start`, or when
  /// another job has the folder by now.
  void finish(RunState state, int exit_code, const std::string& message);
  /// Gives up this process's claim to the folder, of which nobody else is told: the process is about to end.
  void release_folder() noexcept;

  bool started() const;
  /// How the run goes, as status.json has it or soon will. Any thread.
  RunStatus status() const;
  /// Why the status could not be written; empty when it could.
  std::string problem() const;

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace mpipe
