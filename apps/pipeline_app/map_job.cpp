// SPDX-License-Identifier: BSD-3-Clause
#include "map_job.hpp"

#include <mpipe/core/clock.hpp>
#include <mpipe/exec/observer.hpp>

#include "comm/api/collective.hpp"
#include "isolation/api/isolated_bodies.hpp"
#include "isolation/api/zygote.hpp"
#include "launch.hpp"
#include "map_report.hpp"
#include "map_settings.hpp"
#include "output.hpp"
#include "plan_text.hpp"
#include "runs_job.hpp"
#include "signals.hpp"
#include "table.hpp"

#include <fmt/format.h>
#include <spdlog/spdlog.h>

#include <unistd.h>

#include <algorithm>
#include <cstdlib>
#include <cstring>
#include <thread>

namespace mpipe::app {
namespace {

const char* environment(const char* name) { return std::getenv(name); }

/// In the zygote: the pipeline of a document, from its name and its text.
Pipeline pipeline_of_document(std::span<const std::byte> bytes) {
  const std::string told(reinterpret_cast<const char*>(bytes.data()), bytes.size());
  const std::size_t end = told.find('\0');
  return Document::parse(told.substr(end + 1), told.substr(0, end)).pipeline();
}

/// The folder has the run from here on, and logs may be kept in it.
class Beginning final : public RunObserver {
 public:
  Beginning(Logging& logging, std::filesystem::path run_folder, bool warns)
      : logging_(logging), run_folder_(std::move(run_folder)), warns_(warns) {}
  void on_start(const Plan&, const MachineInfo& machine, const std::vector<ElementCounts>&) override {
    if (!run_folder_.empty()) logging_.open(run_folder_);
    spdlog::info("{}", machine_text(machine));
    if (warns_)
      print_note(
          "the results will be lost at the end: there is neither a run folder (--run-folder) nor --json");
  }

  void on_note(const std::string& text) override { spdlog::info("{}", text); }

 private:
  Logging& logging_;
  std::filesystem::path run_folder_;
  bool warns_;
};

}  // namespace

MapJob::MapJob(const MapFlags& flags, const Communicator& world, std::string command_line)
    : flags_(flags), world_(world), command_line_(std::move(command_line)), began_(SteadyClock().now()) {}

double MapJob::elapsed() const { return seconds(SteadyClock().now() - began_); }

int MapJob::run() {
  try {
    read();
    if (!document_->runs().empty())
      return RunsJob(flags_, world_, *document_, *logging_, style_, command_line_).run();
    return flags_.dry_run ? show_plan() : compute();
  } catch (const Error& error) {
    const bool lost = error.category() == Category::rank_lost;
    const int code = world_.is_root() || lost ? tell_error(error) : exit_code(error.category());
    if (!lost) return code;
  } catch (const std::exception& error) {
    tell_error(Error(Category::internal_error,
                     fmt::format("internal error on rank {}: {} (this should not happen; please report it).",
                                 world_.rank(), error.what())));
  }
  // The others do not know, or cannot be told: waiting for them could last for ever. Rank 0 knows most about
  // the run, so it gets the time to write that down.
  if (!world_.is_root()) std::this_thread::sleep_for(kTimeForRank0);
  const int code = exit_code(Category::rank_lost);
  if (world_.uses_mpi()) world_.abort(code);
  return code;
}

/// Rank 0 reads the file and the others get its text, so that all see the same however slow a file system is.
void MapJob::read() {
  together(world_, [&] {
    logging_.emplace(world_.rank(), chosen(flags_.log_level, "MPIPE_LOG_LEVEL", environment, "warn"));
    if (world_.is_root()) document_ = Document::load(flags_.document);
  });
  const std::string text = world_.broadcast_text(world_.is_root() ? document_->text() : std::string());
  together(world_, [&] {
    if (!world_.is_root()) document_ = Document::parse(text, flags_.document);
    pipeline_.emplace(document_->pipeline().isolate(flags_.isolate));
    if (world_.is_root()) choose();
    prepare_isolation();
  });
}

/// Isolated functions are called in forks of a process that has the pipeline as well: it makes its own. Where
/// there are none, nobody needs that process.
void MapJob::prepare_isolation() {
  const auto& functions = pipeline_->functions();
  const bool isolates = std::any_of(functions.begin(), functions.end(), [](const FunctionNode& node) {
    return node.function.isolation() == Isolation::process;
  });
  const bool executes = mentions_processes();
  if (!world_.zygote()) return;
  if (flags_.dry_run || !(isolates || executes)) return world_.zygote()->end();
  const std::string told = flags_.document + '\0' + document_->text();
  make_in_zygote(*world_.zygote(), *pipeline_, pipeline_of_document, std::as_bytes(std::span(told)));
}

/// Which rank leads a run, and so drives processes, shows later: all are ready for it where there are runs.
bool MapJob::mentions_processes() const {
  const auto is_processes = [](const std::string& text) {
    return text.find("processes") != std::string::npos;
  };
  const auto any_is = [&](const auto& executors) {
    return std::any_of(executors.begin(), executors.end(),
                       [&](const auto& each) { return is_processes(each.second); });
  };
  if (document_->runs().empty()) return any_is(choice_.options.executor);
  const char* const variable = environment("MPIPE_EXECUTOR");
  return any_is(document_->map().executor) || (variable != nullptr && is_processes(variable)) ||
         std::any_of(flags_.executor.begin(), flags_.executor.end(), is_processes);
}

void MapJob::choose() {
  max_print_ = max_print(flags_.max_print, environment);
  style_ = progress_style(chosen(flags_.progress, "MPIPE_PROGRESS", environment, "auto"));
  for (const std::string& file : flags_.input_files) document_->add_inputs(file);
  for (const std::string& assignment : flags_.set) document_->set_input(assignment);
  max_concurrent(flags_, environment, *document_);  // which is of no use without runs, but no nonsense either
  if (!document_->runs().empty()) return;
  choice_ = choose_map(flags_, environment, *document_, *pipeline_, command_line_, world_.size());
}

int MapJob::show_plan() {
  together(world_, [&] {
    if (!world_.is_root()) return;
    check_map(*pipeline_, choice_.inputs, choice_.options, world_.size());
    const Plan plan(*pipeline_, {choice_.inputs, choice_.options.outputs, choice_.options.fixed,
                                 choice_.options.internal_shapes});
    print_result(flags_.json ? plan_json(plan) : plan_text(plan));
  });
  return 0;
}

int MapJob::compute() {
  std::optional<SignalWatch> signals;
  spdlog::info("rank {} of {} is process {} on {}", world_.rank(), world_.size(), ::getpid(), host_name());
  if (!world_.is_root()) {
    // mpirun tells all ranks to end, and kills the rest at once when it sees the first of them gone.
    signals.emplace([](int) { std::this_thread::sleep_for(kTimeForRank0); });
  } else {
    observe();
    signals.emplace([this](int number) { end_by_signal(number); });
  }
  const int code = map_and_tell();
  write_logs(code);
  return code;
}

int MapJob::map_and_tell() {
  try {
    const Results results = map(*pipeline_, world_, choice_.inputs, choice_.options);
    return world_.is_root() ? tell_completed(results) : 0;
  } catch (const FunctionError& error) {
    if (world_.is_root()) tell_failed(error);
    return exit_code(error.category());
  } catch (const Error& error) {
    if (error.category() == Category::rank_lost) throw;
    return world_.is_root() ? tell_error(error) : exit_code(error.category());
  }
}

void MapJob::observe() {
  auto all = std::make_shared<ObserverList>();
  status_ = std::make_shared<StatusWriter>(choice_.options.run_folder);
  progress_ = std::make_shared<Progress>(style_);
  all->add(status_);
  all->add(std::make_shared<Beginning>(*logging_, choice_.options.run_folder,
                                       choice_.options.run_folder.empty() && !flags_.json));
  all->add(progress_);
  choice_.options.observer = std::move(all);
  choice_.options.keep_status =
      false;  // kept here, where the exit code is known also when a signal ends the run
}

/// The others make their logs when the folder is known to be the run's.
void MapJob::write_logs(int code) {
  const bool begun = world_.is_root() && status_->started() && !choice_.options.run_folder.empty();
  const std::string folder =
      world_.broadcast_text(begun ? choice_.options.run_folder : std::string());
  if (folder.empty()) return;
  logging_->open(folder);
  spdlog::info("the end on rank {}: exit code {}", world_.rank(), code);
  logging_->flush();
}

void MapJob::end(RunState state, int code, const std::string& message) {
  ending_.claim_or_end();
  progress_->on_end("", "");
  status_->finish(state, code, message);
  if (!status_->problem().empty()) spdlog::warn("status.json could not be written: {}", status_->problem());
}

int MapJob::tell_completed(const Results& results) {
  const bool failed = results.failed_elements > 0;
  const int code = failed ? exit_code(Category::function_raised) : 0;
  end(RunState::completed, code, failed ? failures_text(results) : "");
  const std::string text = fmt::format("completed: {}", usage_text(results));
  spdlog::info("{}", text);
  if (style_ != ProgressStyle::none)
    print_note(text + (choice_.options.run_folder.empty()
                           ? ""
                           : fmt::format("; results in {}", choice_.options.run_folder)));
  if (failed) tell_failures(results);
  const int printed = print_json([&] { return json_of(results, "completed", results.failures); });
  return printed != 0 ? printed : code;
}

void MapJob::tell_failures(const Results& results) {
  std::string text;
  for (const std::string& line : failure_lines(results)) text += (text.empty() ? "" : "\n") + line;
  logging_->error_to_file(text);
  print_error(text);
}

/// Throws nothing: the others go on to the end, and so does rank 0. Returns the exit code.
int MapJob::print_json(const std::function<std::string()>& text) const {
  if (!flags_.json) return 0;
  try {
    print_result(text());
  } catch (const Error& error) {
    print_error(error.what());
    return exit_code(error.category());
  }
  return 0;
}

std::string MapJob::json_of(Results results, const std::string& state,
                            const std::vector<Failure>& failures) const {
  read_back(results, choice_, max_print_);
  return results_json(results, state, failures, choice_.options.run_folder, max_print_);
}

void MapJob::tell_failed(const FunctionError& error) {
  end(RunState::failed, exit_code(error.category()), error.what());
  logging_->error_to_file(error.what());
  print_error(error.what() + kept_text());
  print_json([&] { return json_of(error.partial(), "failed", error.failures()); });
}

/// Returns the exit code: a shape that is wrong before anything ran is a matter of the input, later of a
/// function.
int MapJob::tell_error(const Error& error) {
  const bool begun = status_ && status_->started();
  const int refused = exit_code(Category::bad_document);
  int code = exit_code(error.category());
  if (!begun && code == exit_code(Category::function_raised)) code = refused;
  const std::string text = code == refused && document_ ? document_->located(error).what() : error.what();
  if (begun) end(RunState::failed, code, text);
  if (logging_) logging_->error_to_file(text);
  print_error(text + (begun ? kept_text() : ""));
  if (begun)
    print_json([&] {
      return status_as_results_json(status_->status(), "failed", choice_.options.run_folder, elapsed());
    });
  return code;
}

std::string MapJob::kept_text() const {
  if (choice_.options.run_folder.empty()) return {};
  return fmt::format(" What was done before is kept in '{}': go on by --resume.",
                     choice_.options.run_folder);
}

/// By a thread of its own, while the run goes on.
void MapJob::end_by_signal(int number) {
  if (!ending_.claim()) return;
  const std::string text = fmt::format("ended by signal {} ({}).", number, ::strsignal(number));
  constexpr int kFirstSignalCode = 128;
  status_->finish(RunState::cancelled, kFirstSignalCode + number, text);
  logging_->error_to_file(text);
  print_error(text + (status_->started() ? kept_text() : ""));
  if (status_->started())
    print_json([&] {
      return status_as_results_json(status_->status(), "cancelled", choice_.options.run_folder, elapsed());
    });
}

}  // namespace mpipe::app
