// SPDX-License-Identifier: BSD-3-Clause
/// @file
/// How far a run is, on standard error: a bar on a terminal, now and then a line elsewhere.
#pragma once

#include <mpipe/exec/observer.hpp>

#include <deque>
#include <map>
#include <optional>
#include <string>
#include <vector>

namespace mpipe::app {

enum class ProgressStyle : std::uint8_t { bar, plain, none };

/// By the option `--progress`: `auto` is a bar on a terminal, else lines.
ProgressStyle progress_style(const std::string& name);

/// One line of what the run found: ranks, hosts, cores, binding.
std::string machine_text(const MachineInfo& machine);

/// The bars of several runs, one line each, on a terminal: as many as a small one has room for. Lines of runs that are
/// over make room for others, the oldest first.
class ProgressBoard {
 public:
  ~ProgressBoard() { clear(); }
  /// The line of run `place`, counted from 0; draws all lines anew.
  void set(std::size_t place, const std::string& line);
  /// The last line of a run.
  void end(std::size_t place, const std::string& line);
  /// Takes all lines away.
  void clear();

 private:
  std::map<std::size_t, std::string> lines_;  ///< by place
  std::deque<std::size_t> over_;              ///< places of runs that are, in the order of their ends
  std::size_t drawn_ = 0;
};

class Progress final : public RunObserver {
 public:
  /// Of several runs it has a name, and a place on a board; else both are empty.
  Progress(ProgressStyle style, std::string name, std::shared_ptr<ProgressBoard> board, std::size_t place);
  ~Progress() override;

  void on_start(const Plan& plan, const MachineInfo& machine,
                const std::vector<ElementCounts>& kept) override;
  void on_progress(FunctionId function, const ElementCounts& counts, TimePoint now) override;
  void on_resolved(const Plan& plan) override;
  void on_tick(TimePoint now) override;
  void on_end(const std::string& state, const std::string& message) override;

  bool started() const { return started_; }
  /// Function calls of this start.
  Index calls() const { return calls_; }

 private:
  struct Counter {
    Index done = 0;
    std::optional<Index> total;
  };

  void read_plan(const Plan& plan);
  double fraction() const;
  std::string figures(TimePoint now) const;
  void show(TimePoint now);
  void draw_bar(TimePoint now);
  void clear_bar();

  ProgressStyle style_;
  std::string name_;                      ///< of one of several runs
  std::shared_ptr<ProgressBoard> board_;  ///< null: a bar of its own
  std::size_t place_ = 0;
  bool colours_;
  bool started_ = false;
  bool bar_drawn_ = false;
  std::vector<Counter> functions_;  ///< by FunctionId
  Index calls_ = 0;
  Index failures_ = 0;
  std::optional<TimePoint> begin_;  ///< as of the first event with a time
  TimePoint shown_{};
  double shown_fraction_ = 0;
};

}  // namespace mpipe::app
