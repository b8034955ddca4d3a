// SPDX-License-Identifier: BSD-3-Clause
#include "runs_job.hpp"

#include <mpipe/core/clock.hpp>

#include "comm/api/collective.hpp"
#include "map_report.hpp"
#include "output.hpp"
#include "plan_text.hpp"
#include "signals.hpp"
#include "table.hpp"

#include <fmt/format.h>
#include <fmt/ranges.h>
#include <spdlog/spdlog.h>

#include <algorithm>
#include <cstdlib>
#include <cstring>
#include <thread>

namespace mpipe::app {
namespace {

const char* environment(const char* name) { return std::getenv(name); }

/// What those who lead runs get to write down how these ended, when rank 0 has said its last words. Less than
/// `kTimeForRank0`: rank 0 is to be the first.
constexpr auto kTimeForLeaders = std::chrono::milliseconds(350);

/// Writes into the log what a run notes.
class Notes final : public RunObserver {
 public:
  explicit Notes(std::string run) : run_(std::move(run)) {}
  void on_note(const std::string& text) override { spdlog::info("the run '{}': {}", run_, text); }

 private:
  std::string run_;
};

}  // namespace

RunsJob::RunsJob(const MapFlags& flags, const Communicator& world, const Document& document, Logging& logging,
                 ProgressStyle style, std::string command_line)
    : flags_(flags),
      world_(world),
      document_(document),
      logging_(logging),
      style_(style),
      command_line_(std::move(command_line)),
      began_(SteadyClock().now()) {}

double RunsJob::elapsed() const { return seconds(SteadyClock().now() - began_); }

int RunsJob::run() {
  read();
  return flags_.dry_run ? show_plans() : compute();
}

void RunsJob::read() {
  together(world_, [&] {
    for (std::size_t k = 0; k < document_.runs().size(); ++k) {
      Document of_run = document_.of_run(k);
      Pipeline pipeline = of_run.pipeline().isolate(flags_.isolate);
      runs_.push_back({document_.runs()[k], std::move(of_run), std::move(pipeline)});
    }
    if (!world_.is_root()) return;
    max_print_ = max_print(flags_.max_print, environment);
    max_concurrent_ = max_concurrent(flags_, environment, document_);
    for (Run& run : runs_) choose(run);
  });
}

void RunsJob::choose(Run& run) {
  run.choice = choose_map(flags_, environment, run.document, run.pipeline, command_line_, world_.size());
  std::string& folder = run.choice.options.run_folder;
  if (!folder.empty()) folder = (std::filesystem::path(folder) / run.name).string();
}

int RunsJob::show_plans() {
  together(world_, [&] {
    if (!world_.is_root()) return;
    std::vector<std::string> plans;
    for (const Run& run : runs_) {
      const MapOptions& options = run.choice.options;
      check_map(run.pipeline, run.choice.inputs, options, world_.size());
      const Plan plan(run.pipeline,
                      {run.choice.inputs, options.outputs, options.fixed, options.internal_shapes});
      plans.push_back(flags_.json ? plan_json(plan, run.name)
                                  : fmt::format("run {}\n{}", run.name, plan_text(plan)));
    }
    print_result(flags_.json ? fmt::format("{{\"runs\": [{}]}}\n", fmt::join(plans, ", "))
                             : fmt::format("{}", fmt::join(plans, "\n")));
  });
  return 0;
}

int RunsJob::compute() {
  std::optional<SignalWatch> signals;
  if (world_.is_root())
    for (std::size_t k = 0; k < runs_.size(); ++k) observe(k);
  signals.emplace([this](int number) { end_by_signal(number); });
  const std::vector<AsyncMap> maps = make_maps();
  LaunchOptions options{.max_concurrent = max_concurrent_};
  options.on_lead = [this](std::size_t, std::shared_ptr<StatusWriter> status) { lead(std::move(status)); };
  const std::vector<MapOutcome> outcomes = gather_maps(world_, maps, options);
  ending_.claim_or_end();
  if (board_) board_->clear();
  return world_.is_root() ? tell(outcomes) : exit_code_of(outcomes);
}

std::vector<AsyncMap> RunsJob::make_maps() {
  std::vector<AsyncMap> maps;
  for (const Run& run : runs_)
    maps.push_back(run.pipeline.map_async(world_, run.choice.inputs, run.choice.options,
                                          {.start = false, .name = run.name}));
  return maps;
}

void RunsJob::observe(std::size_t k) {
  Run& run = runs_[k];
  if (style_ == ProgressStyle::bar && !board_) board_ = std::make_shared<ProgressBoard>();
  const auto all = std::make_shared<ObserverList>();
  run.status = std::make_shared<StatusWriter>(std::filesystem::path());
  all->add(run.status);
  all->add(std::make_shared<Progress>(style_, run.name, board_, k));
  all->add(std::make_shared<Notes>(run.name));
  run.choice.options.observer = all;
}

void RunsJob::lead(std::shared_ptr<StatusWriter> status) {
  const std::lock_guard lock(leading_mutex_);
  leading_ = std::move(status);
}

/// By a thread of its own, while runs go on. mpirun tells all ranks to end, and kills the rest at once when
/// it sees the first of them gone: rank 0 is to be the first.
void RunsJob::end_by_signal(int number) {
  if (!ending_.claim()) return;
  const std::string text = fmt::format("ended by signal {} ({}).", number, ::strsignal(number));
  constexpr int kFirstSignalCode = 128;
  bool others_lead = false;
  {
    const std::lock_guard lock(leading_mutex_);
    others_lead = !leading_ && world_.size() > 1;
    if (leading_) leading_->finish(RunState::cancelled, kFirstSignalCode + number, text);
  }
  if (!world_.is_root()) {
    std::this_thread::sleep_for(kTimeForRank0);
    return;
  }
  const std::filesystem::path folder = runs_.front().choice.options.run_folder;
  print_error(text + (folder.empty()
                          ? ""
                          : fmt::format(" What was done before is kept in '{}': go on by --resume.",
                                        folder.parent_path().string())));
  std::vector<RunReport> reports;
  for (const Run& run : runs_) {
    RunStatus status = run.status->status();
    const bool over = status.state == RunState::completed || status.state == RunState::failed;
    if (!over) status.message = text;
    reports.push_back(
        {run.name,
         status_as_results_json(status, over ? std::string(to_string(status.state)) : "cancelled",
                                run.choice.options.run_folder, elapsed(), run.name),
         nullptr,
         {},
         status.message});
  }
  print_runs(std::move(reports), "cancelled");
  if (others_lead) std::this_thread::sleep_for(kTimeForLeaders);
}

int RunsJob::tell(const std::vector<MapOutcome>& outcomes) {
  std::vector<RunReport> reports;
  for (std::size_t k = 0; k < runs_.size(); ++k) {
    tell_run(runs_[k], outcomes[k]);
    reports.push_back(report_of(runs_[k], outcomes[k]));
  }
  const auto completed = std::count_if(outcomes.begin(), outcomes.end(),
                                       [](const MapOutcome& outcome) { return outcome.exit_code == 0; });
  if (style_ != ProgressStyle::none)
    print_note(fmt::format("{} of {} completed in {}", completed,
                           count_text(static_cast<Index>(outcomes.size()), "run"), duration_text(elapsed())));
  print_runs(std::move(reports), state_of(outcomes));
  return exit_code_of(outcomes);
}

void RunsJob::tell_run(const Run& run, const MapOutcome& outcome) {
  const std::string& folder = run.choice.options.run_folder;
  if (run.status->started() && !folder.empty()) logging_.move_to(folder);
  if (outcome.completed() && style_ != ProgressStyle::none)
    print_note(fmt::format("{}: completed: {}{}", run.name, usage_text(*outcome.results),
                           folder.empty() ? "" : fmt::format("; results in {}", folder)));
  std::string text;
  if (outcome.error) text = document_.located(*outcome.error).what();
  if (outcome.completed() && outcome.exit_code != 0)
    for (const std::string& line : failure_lines(*outcome.results)) text += (text.empty() ? "" : "\n") + line;
  if (!text.empty()) print_error(fmt::format("{}: {}", run.name, text));
  if (!run.status->started() || folder.empty()) return;
  if (!text.empty()) logging_.error_to_file(text);
  spdlog::info("the end of the run '{}': exit code {}", run.name, outcome.exit_code);
  logging_.flush();
}

RunReport RunsJob::report_of(const Run& run, const MapOutcome& outcome) const {
  const std::string state(to_string(outcome.state));
  const MapOptions& options = run.choice.options;
  RunReport report{run.name, {}, outcome.results, {}, {}};
  if (!outcome.results) {
    RunStatus status = run.status->status();
    status.message = outcome.error->what();
    report.error = status.message;
    report.json = status_as_results_json(status, state, options.run_folder, 0, run.name);
    return report;
  }
  const auto* of_function = dynamic_cast<const FunctionError*>(outcome.error.get());
  report.failures = of_function != nullptr ? of_function->failures() : outcome.results->failures;
  if (outcome.error && of_function == nullptr) report.error = outcome.error->what();
  Results results = *outcome.results;
  read_back(results, run.choice, max_print_);
  report.json = results_json(results, state, report.failures, options.run_folder, max_print_, run.name);
  return report;
}

void RunsJob::print_runs(std::vector<RunReport> reports, const std::string& state) {
  if (!flags_.json) return;
  const std::filesystem::path folder = runs_.front().choice.options.run_folder;
  const int subgroups = std::min({max_concurrent_, static_cast<int>(runs_.size()), world_.size() - 1});
  print_result(runs_json(reports, state, folder.empty() ? folder : folder.parent_path(), world_.size(),
                         subgroups > 1 ? world_.size() - 1 : world_.size(), elapsed()));
}

}  // namespace mpipe::app
