// SPDX-License-Identifier: BSD-3-Clause
// Reads a document on all ranks, launches its runs, and tells how they ended.
#include "map_job.hpp"

#include <mpipe/comm/environment.hpp>
#include <mpipe/core/clock.hpp>
#include <mpipe/exec/observer.hpp>

#include "base/api/file.hpp"
#include "base/api/stop_request.hpp"
#include "comm/api/collective.hpp"
#include "core/api/terminal_text.hpp"
#include "exec/api/crash_report.hpp"
#include "isolation/api/isolated_bodies.hpp"
#include "isolation/api/zygote.hpp"
#include "launch.hpp"
#include "output.hpp"
#include "plan_text.hpp"
#include "run/api/execute_request.hpp"
#include "signals.hpp"
#include "table.hpp"
#include "utilisation.hpp"

#include <fmt/format.h>
#include <fmt/ranges.h>
#include <spdlog/spdlog.h>

#include <unistd.h>

#include <algorithm>
#include <condition_variable>
#include <cstdlib>
#include <cstring>
#include <string_view>
#include <thread>

namespace mpipe::app {
namespace {

/// What those who lead runs get to write down how these ended, when rank 0 has said its last words. Less than
/// `kTimeForRank0`: rank 0 is to be the first.
constexpr auto kTimeForLeaders = std::chrono::milliseconds(350);

/// In the zygote: the pipeline of a document, from its name and its text.
Pipeline pipeline_of_document(std::span<const std::byte> bytes) {
  const std::string told(reinterpret_cast<const char*>(bytes.data()), bytes.size());
  const std::size_t end = told.find('\0');
  return Document::parse(told.substr(end + 1), told.substr(0, end)).pipeline();
}

/// Writes the notes of a run into the log. Of a job that is one run, it opens the log in the run's folder as
/// soon as the folder has the run.
class LogObserver final : public RunObserver {
 public:
  LogObserver(std::string run, Logging& logging, std::filesystem::path run_folder, bool warns, bool explains)
      : run_(std::move(run)),
        logging_(logging),
        run_folder_(std::move(run_folder)),
        warns_(warns),
        explains_(explains) {}

  void on_start(const Plan&, const MachineInfo& machine, const std::vector<ElementCounts>&) override {
    if (!run_.empty()) return;
    if (!run_folder_.empty()) logging_.open(run_folder_);
    spdlog::info("{}", machine_text(machine));
    if (warns_)
      print_note(
          "the results will be lost at the end: there is neither a run folder (--run-folder) nor --json");
  }
  void on_note(const std::string& text) override {
    const std::string whole = run_.empty() ? text : fmt::format("the run '{}': {}", run_, text);
    if (explains_) print_note(whole);
    spdlog::info("{}", whole);
  }

 private:
  std::string run_;
  Logging& logging_;
  std::filesystem::path run_folder_;
  bool warns_;
  bool explains_;  ///< notes are for the user, too, and not for the log alone
};

/// While it lives, does something every second on a thread of its own.
class Watching {
 public:
  explicit Watching(std::function<void()> look)
      : thread_([this, look = std::move(look)] {
          std::unique_lock lock(mutex_);
          while (!end_.wait_for(lock, std::chrono::seconds(1), [this] { return over_; })) look();
        }) {}
  ~Watching() {
    {
      const std::lock_guard lock(mutex_);
      over_ = true;
    }
    end_.notify_all();
    thread_.join();
  }
  Watching(const Watching&) = delete;
  Watching& operator=(const Watching&) = delete;

 private:
  std::mutex mutex_;
  std::condition_variable end_;
  bool over_ = false;
  std::thread thread_;  // last: it uses the others
};

}  // namespace

MapJob::MapJob(const MapFlags& flags, const Communicator& world, std::string command_line)
    : flags_(flags), world_(world), command_line_(std::move(command_line)), began_(SteadyClock().now()) {}

double MapJob::elapsed() const { return seconds(SteadyClock().now() - began_); }

int MapJob::run() {
  try {
    read();
    return values_.has("dry_run") ? show_plans() : compute();
  } catch (const Error& error) {
    // Other errors of mpipe come to all ranks alike, see `together`: rank 0 tells them, and all return. Where
    // a rank is lost, each of the others finds that out by itself, and may be the only one that can tell it.
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
  if (world_.uses_mpi() || survives_) world_.abort(code);
  return code;
}

// ---- reading

/// Rank 0 reads the file and the others get its text, so that all see the same however slow a file system is.
void MapJob::read() {
  together(world_, [&] {
    // The flags come first, because one of them is the level of the log.
    values_ = flags_.options.values();
    logging_.emplace(world_.rank(), values_.text("log_level"));
    numbers_of_ranks(values_);  // refuses what makes no sense before anything is read
    if (!world_.is_root()) return;
    document_ = Document::load(flags_.document);
    // Others may have another working directory.
    const std::filesystem::path file = flags_.document;
    document_path_ = resolve_path(file.has_parent_path() ? file.parent_path() : ".") / file.filename();
  });
  const std::string text = world_.broadcast_text(world_.is_root() ? document_->text() : std::string());
  document_path_ = world_.broadcast_text(document_path_);
  together(world_, [&] {
    if (!world_.is_root()) document_ = Document::parse(text, document_path_);
    // Flags and variables go over the document, whichever of them was read first.
    OptionValues values = document_->map();
    values.take_over(values_);
    values_ = std::move(values);
    style_ = progress_style(values_.text("progress"));
    read_runs();
  });
  prepare_survival();
}

/// From here on all ranks use a group that some of them may be lost from. Without the option of the launcher nobody would
/// be left to go on: it ends all others when one ends.
void MapJob::prepare_survival() {
  if (!values_.has("survive") || values_.has("dry_run") || world_.size() == 1) return;
  together(world_, [&] {
    const char* const recovery = std::getenv("OMPI_MCA_orte_enable_recovery");
    const std::string_view said = recovery == nullptr ? "0" : recovery;
    if (said == "0" || said == "false")
      throw Error(
          Category::bad_option,
          "--survive: this launcher ends all ranks when one dies. Start them with 'mpirun --enable-recovery "
          "..' of Open MPI (srun cannot do it).",
          {Subject::Kind::option, "survive"});
    if (several())
      throw Error(
          Category::not_supported,
          "--survive: a document with several runs cannot go on yet when a rank dies. Start its runs one by "
          "one, or leave --survive out.");
  });
  world_ = surviving(world_);
  survives_ = true;
}

/// Inputs are rank 0's alone. They are set before the document is divided into its runs, over which they go.
void MapJob::read_runs() {
  const Pipeline whole = isolated_pipeline(*document_, values_);
  if (world_.is_root()) {
    // Values given by `--set` go over those of files, in whichever order they are added.
    for (const std::string& file : values_.list("inputs")) document_->add_inputs(file);
    for (const std::string& assignment : values_.list("set")) document_->set_input(assignment);
  }
  runs_.reserve(document_->runs().size());
  if (!several()) add_run("", *document_, document_->text());
  for (std::size_t k = 0; k < document_->runs().size(); ++k)
    add_run(document_->runs()[k], document_->of_run(k), record_of_run(k));
  prepare_isolation(whole);
}

SharedText MapJob::record_of_run(std::size_t run) const {
  DocumentRecord record = document_->record_of_run(run);
  return {std::move(record.beginning), std::move(record.rest)};
}

void MapJob::add_run(const std::string& name, const Document& document, SharedText record) {
  Run run{name, isolated_pipeline(document, values_), std::make_unique<MapChoice>()};
  if (world_.is_root()) {
    // The others learn what they need when the map begins.
    *run.choice = choose_map(values_, document, run.pipeline, command_line_, world_.size());
    run.reads_back = run.choice->reads_back;
    MapOptions& options = run.choice->options;
    options.document = std::move(record);
    options.document_file = document_path_;
    if (!options.run_folder.empty()) {
      // From here on nobody asks for the working directory, which a function may change.
      const std::filesystem::path folder = options.run_folder;
      run.shown_folder = name.empty() ? folder : folder / name;
      run.folder = resolve_path(run.shown_folder);
      options.run_folder = run.folder.string();
    }
    for (std::string& folder : options.reuse) folder = resolve_path(folder).string();
  }
  runs_.push_back(std::move(run));
}

/// Isolated functions are called in forks of a process that has the pipeline as well: it makes its own. Where
/// there are none, nobody needs that process.
void MapJob::prepare_isolation(const Pipeline& pipeline) {
  const auto& functions = pipeline.functions();
  const bool isolates = std::any_of(functions.begin(), functions.end(), [](const FunctionNode& node) {
    return node.function.isolation() == Isolation::process;
  });
  // Not every rank has such a process. One that is not needed is ended at once, so that it does not hold
  // memory for the length of a run.
  if (!world_.zygote()) return;
  const bool computes = !values_.has("dry_run") || values_.has("pilot");
  if (!computes || !(isolates || mentions_processes())) return world_.zygote()->end();
  const std::string told = document_path_ + '\0' + document_->text();
  make_in_zygote(*world_.zygote(), pipeline, pipeline_of_document, std::as_bytes(std::span(told)));
}

/// Which rank leads a run, and so drives processes, shows later: all are ready for it where there are several.
bool MapJob::mentions_processes() const {
  if (!several() && !world_.is_root()) return false;
  const auto& executors = values_.by_output("executor");
  return std::any_of(executors.begin(), executors.end(), [](const auto& entry) {
    return ExecutorChoice(entry.second.text).kind == ExecutorKind::processes;
  });
}

// ---- running

int MapJob::show_plans() {
  std::vector<std::string> plans;  // rank 0
  for (const Run& run : runs_) {
    std::vector<ReusedOutput> reused;
    together(world_, [&] {
      if (world_.is_root()) reused = check_plan(run);
    });
    std::optional<PilotReport> pilot;
    if (values_.has("pilot")) pilot = run_pilot(world_, run.pipeline, pilot_request(run, reused));
    together(world_, [&] {
      if (world_.is_root()) plans.push_back(shown_plan(run, reused, pilot ? &*pilot : nullptr));
    });
  }
  together(world_, [&] {
    if (!world_.is_root()) return;
    const bool is_list = values_.has("json") && several();
    const std::string all = fmt::format("{}", fmt::join(plans, is_list ? ", " : "\n"));
    if (values_.has("json"))
      print_result(is_list ? fmt::format("{{\"runs\": [{}]}}\n", all) : all);
    else
      print_text(all);
  });
  return 0;
}

/// Everything that a run would refuse. Returns what it would take from earlier runs.
std::vector<ReusedOutput> MapJob::check_plan(const Run& run) const {
  const MapOptions& options = run.choice->options;
  check_map(run.pipeline, run.choice->inputs, options, world_.size());
  const std::string warning = warn_of_request(run.pipeline, {run.choice->inputs, options}, world_.size());
  if (!warning.empty()) print_note("warning: " + warning);
  return find_reused(run.pipeline, {run.choice->inputs, options}, world_.size());
}

std::string MapJob::shown_plan(const Run& run, const std::vector<ReusedOutput>& reused,
                               const PilotReport* pilot) const {
  const MapOptions& options = run.choice->options;
  const Plan plan(
      run.pipeline,
      {run.choice->inputs, options.outputs, options.fixed, options.internal_shapes, {}, options.shard});
  if (values_.has("json")) return plan_json(plan, reused, pilot, run.name);
  const std::string title = run.name.empty() ? "" : fmt::format("run {}\n", run.name);
  return title + plan_text(plan) + reused_text(reused) + (pilot != nullptr ? "\n" + pilot_text(*pilot) : "");
}

/// Of the other ranks: nothing, as only rank 0's counts.
PilotRequest MapJob::pilot_request(const Run& run, const std::vector<ReusedOutput>& reused) const {
  if (!world_.is_root()) return {};
  return {run.choice->inputs, run.choice->options, static_cast<Index>(values_.number("pilot")),
          numbers_of_ranks(values_), reused};
}

int MapJob::compute() {
  spdlog::info("rank {} of {} is process {} on {}", world_.rank(), world_.size(), ::getpid(), host_name());
  together(world_, [&] { begin_trace(); });
  if (world_.is_root())
    // Observers are a part of the options of a map, so they are there before the maps are made.
    for (std::size_t k = 0; k < runs_.size(); ++k) observe(k);
  // From here on a signal ends the runs in order. The watch lasts until the logs are written, and its thread
  // uses this object, which outlives it.
  const SignalWatch signals([this](int number) { end_by_signal(number); });
  LaunchOptions options{.max_concurrent = static_cast<int>(values_.number("max_concurrent"))};
  options.on_lead = [this](std::size_t, std::shared_ptr<StatusWriter> status) { lead(std::move(status)); };
  const Watching watching([this] { watch_elements(); });
  const std::vector<MapOutcome> outcomes = gather_maps(world_, make_maps(), options);
  // The runs are over. If a signal came before this line its thread tells the ending and this one does not
  // return; a later signal finds it claimed and leaves the telling to this thread.
  ending_.claim_or_end();
  // The bars go before anything else is written, which would otherwise land among them.
  if (board_) board_->clear();
  int code = world_.is_root() ? tell(outcomes) : exit_code_of(outcomes);
  code = std::max(code, write_trace());
  // All ranks come here, as the folder is told by a broadcast.
  write_logs(code);
  return code;
}

/// By a thread of its own, as the one that leads a run may be in a function. The status in the folder is that of the
/// run that this rank leads: of several, the log alone tells.
void MapJob::watch_elements() {
  for (const auto& watch : stall_watches_) {
    const std::vector<std::string> slow = watch->look(SteadyClock().now());
    if (several()) continue;
    const std::lock_guard lock(leading_mutex_);
    if (leading_) leading_->set_slow(slow);
  }
}

/// They are described and not begun: how many run at a time, and on which ranks, is for `gather_maps` to
/// decide.
std::vector<AsyncMap> MapJob::make_maps() {
  std::vector<AsyncMap> maps;
  for (Run& run : runs_) {
    const std::unique_ptr<const MapChoice> choice = std::move(run.choice);
    maps.push_back(
        run.pipeline.map_async(world_, choice->inputs, choice->options, {.start = false, .name = run.name}));
  }
  return maps;
}

/// Rank 0 hears of all blocks, so it writes the timeline.
void MapJob::begin_trace() {
  if (!world_.is_root() || !values_.has("trace")) return;
  trace_ = std::make_shared<Trace>(resolve_path(values_.text("trace")), began_);
}

/// Returns the exit code. A timeline that cannot be written costs no result.
int MapJob::write_trace() {
  if (!trace_) return 0;
  try {
    trace_->write();
  } catch (const Error& error) {
    print_error(error.what());
    return exit_code(error.category());
  }
  return 0;
}

bool MapJob::on_subgroups() const {
  return std::min({values_.number("max_concurrent"), static_cast<std::uint64_t>(runs_.size()),
                   static_cast<std::uint64_t>(world_.size() - 1)}) > 1;
}

void MapJob::observe(std::size_t k) {
  Run& run = runs_[k];
  if (several() && style_ == ProgressStyle::bar && !board_) board_ = std::make_shared<ProgressBoard>();
  auto all = std::make_shared<ObserverList>();
  run.status = std::make_shared<StatusWriter>(std::filesystem::path());
  all->add(run.status);
  all->add(std::make_shared<LogObserver>(run.name, *logging_, run.folder,
                                         run.folder.empty() && !values_.has("json"),
                                         values_.has("explain") || values_.has("reuse")));
  all->add(std::make_shared<Progress>(style_, run.name, board_, k));
  stall_watches_.push_back(std::make_shared<StallWatch>(
      run.name, [](const std::string& text) { spdlog::warn("{}", without_controls(text)); }));
  all->add(stall_watches_.back());
  if (trace_) all->add(std::make_shared<TraceObserver>(trace_, static_cast<int>(k) + 1, run.name));
  run.choice->options.observer = std::move(all);
}

/// Of a job that is one run, the other ranks make their logs when the folder is known to be the run's.
void MapJob::write_logs(int code) {
  if (several()) return;
  const Run& run = runs_.front();
  const bool begun = world_.is_root() && run.started() && !run.folder.empty();
  const std::string folder = world_.broadcast_text(begun ? path_now(run.folder).string() : std::string());
  if (folder.empty()) return;
  logging_->open(folder);
  spdlog::info("the end on rank {}: exit code {}", world_.rank(), code);
  logging_->flush();
}

void MapJob::lead(std::shared_ptr<StatusWriter> status) {
  const std::lock_guard lock(leading_mutex_);
  // The thread that waits for signals may look at it at any time.
  leading_ = std::move(status);
}

/// By a thread of its own, while runs go on. mpirun tells all ranks to end, and kills the rest at once when
/// it sees the first of them gone: rank 0 is to be the first.
void MapJob::end_by_signal(int number) {
  if (!ending_.claim()) return;
  stop_request().stop = true;  // calls have as long as this takes
  std::string text = fmt::format("ended by signal {} ({}).", number, ::strsignal(number));
  int code = 128 + number;
  RunState state = RunState::cancelled;
  add_to_crash_report();
  {
    const std::lock_guard lock(leading_mutex_);
    // The status comes before any words: it is what remains of the run, and this process may be killed at any
    // moment from now on.
    if (leading_) {
      leading_->finish(state, code, text);
      const RunStatus told = leading_->status();
      // A launcher ends all ranks where one has crashed: then that is how the run ended, and not the signal.
      if (told.state == RunState::failed) {
        state = told.state;
        code = told.exit_code.value_or(code);
        text = told.message;
      }
    }
  }
  if (world_.is_root()) {
    for (const Run& run : runs_)
      if (run.started() && run.status->status().state == RunState::running)
        text = end_status(run, state, code, text);
    logging_->error_to_file(text);
    print_error(text + (begun() ? kept_text() : ""));
    if (begun()) print_unfinished(std::string(to_string(state)), text);
    write_trace();
    if (on_subgroups()) std::this_thread::sleep_for(kTimeForLeaders);
  } else {
    std::this_thread::sleep_for(kTimeForRank0);
  }
  // Last, right before the end of the process: who gets the folder after this finds nobody who writes to it.
  const std::lock_guard lock(leading_mutex_);
  if (leading_) leading_->release_folder();
}

/// Of rank 0: whether any run has.
bool MapJob::begun() const {
  return std::any_of(runs_.begin(), runs_.end(), [](const Run& run) { return run.started(); });
}

/// Ends the status that this rank has of a run. Returns `text`, with what was lost with the memory of the ranks.
std::string MapJob::end_status(const Run& run, RunState state, int code, const std::string& text) const {
  run.status->finish(state, code, text);
  return run.status->status().message;
}

// ---- telling

int MapJob::tell(const std::vector<MapOutcome>& outcomes) {
  std::vector<RunReport> reports;
  for (std::size_t k = 0; k < runs_.size(); ++k) {
    tell_run(runs_[k], outcomes[k]);
    // A run that never began has nothing to report, unless it is one of several.
    if (several() || runs_[k].started()) reports.push_back(report_of(runs_[k], outcomes[k]));
  }
  const auto completed = std::count_if(outcomes.begin(), outcomes.end(),
                                       [](const MapOutcome& outcome) { return outcome.exit_code == 0; });
  if (several() && style_ != ProgressStyle::none)
    print_note(fmt::format("{} of {} completed in {}", completed,
                           count_text(static_cast<Index>(outcomes.size()), "run"), duration_text(elapsed())));
  const int printed = print_reports(std::move(reports), state_of(outcomes));
  return printed != 0 ? printed : exit_code_of(outcomes);
}

void MapJob::tell_run(const Run& run, const MapOutcome& outcome) {
  if (outcome.completed()) {
    const std::string text = fmt::format("{}completed: {}", run.prefix(), usage_text(*outcome.results));
    spdlog::info("{}", text);
    if (style_ != ProgressStyle::none)
      print_note(text + (run.folder.empty() ? "" : fmt::format("; results in {}", run.shown_folder)));
    if (const std::string advice = utilisation_advice(*outcome.results); !advice.empty())
      spdlog::warn("{}", without_controls(run.prefix() + advice));
  }
  std::string text;
  if (outcome.error) text = document_->located(*outcome.error).what();
  if (outcome.completed() && outcome.exit_code != 0)
    text = fmt::format("{}", fmt::join(failure_lines(*outcome.results), "\n"));
  // Of a run that stopped in order the text says so itself.
  const bool kept = outcome.error && run.started() && outcome.state == RunState::failed;
  if (kept) text = end_status(run, outcome.state, outcome.exit_code, text);
  if (!text.empty()) print_error(run.prefix() + text + (kept ? kept_text() : ""));
  log_end(run, outcome, text);
}

/// Of one of several runs, what follows goes into its own log, and not only what it was told while it ran.
void MapJob::log_end(const Run& run, const MapOutcome& outcome, const std::string& text) {
  if (!run.started() || run.folder.empty()) return;
  if (several()) logging_->move_to(run.folder);
  if (!text.empty()) logging_->error_to_file(text);
  if (several()) spdlog::info("the end of the run '{}': exit code {}", run.name, outcome.exit_code);
  logging_->flush();
}

RunReport MapJob::report_of(const Run& run, const MapOutcome& outcome) const {
  const std::string state(to_string(outcome.state));
  RunReport report{run.name, {}, outcome.results, {}, {}};
  const auto* of_function = dynamic_cast<const FunctionError*>(outcome.error.get());
  if (outcome.error && of_function == nullptr) report.error = outcome.error->what();
  if (!outcome.results || (!several() && !report.error.empty())) {
    RunStatus status = run.status->status();
    status.message = report.error;
    report.json = status_as_results_json(status, state, run.shown_folder, elapsed(), run.name);
    return report;
  }
  report.failures = of_function != nullptr ? of_function->failures() : outcome.results->failures;
  Results results = *outcome.results;
  const auto max_print = static_cast<Index>(values_.number("max_print"));
  if (run.reads_back) read_back(results, run.folder, max_print);
  report.json = results_json(results, state, report.failures, run.shown_folder, max_print, run.name);
  report.json.shrink_to_fit();
  return report;
}

/// Returns the exit code: a shape that is wrong before anything ran is a matter of the input, later of a
/// function.
int MapJob::tell_error(const Error& error) {
  const int refused = exit_code(Category::bad_document);
  int code = exit_code(error.category());
  if (!begun() && code == exit_code(Category::function_raised)) code = refused;
  const std::string text = code == refused && document_ ? document_->located(error).what() : error.what();
  if (logging_) logging_->error_to_file(text);
  print_error(text + (begun() ? kept_text() : ""));
  if (begun()) print_unfinished("failed", text);
  return code;
}

void MapJob::print_unfinished(const std::string& state, const std::string& why) {
  std::vector<RunReport> reports;
  for (const Run& run : runs_) {
    if (!several() && !run.started()) continue;
    RunStatus status = run.status->status();
    const bool over = status.state == RunState::completed || status.state == RunState::failed;
    if (!over || !several()) status.message = why;
    const std::string its = over && several() ? std::string(to_string(status.state)) : state;
    reports.push_back({run.name,
                       status_as_results_json(status, its, run.shown_folder, elapsed(), run.name),
                       nullptr,
                       {},
                       status.message});
  }
  print_reports(std::move(reports), state);
}

/// Throws nothing: the others go on to the end, and so does rank 0. Returns the exit code.
int MapJob::print_reports(std::vector<RunReport> reports, const std::string& state) {
  if (!values_.has("json") || reports.empty()) return 0;
  try {
    const std::filesystem::path folder = runs_.front().shown_folder;
    print_result(several()
                     ? runs_json(std::move(reports), state, folder.empty() ? folder : folder.parent_path(),
                                 world_.size(), on_subgroups() ? world_.size() - 1 : world_.size(), elapsed())
                     : reports.front().json);
  } catch (const Error& error) {
    print_error(error.what());
    return exit_code(error.category());
  }
  return 0;
}

std::string MapJob::kept_text() const {
  if (runs_.empty() || runs_.front().folder.empty()) return {};
  const std::filesystem::path folder = runs_.front().shown_folder;
  return fmt::format(" What was done before is kept in '{}': go on by --resume.",
                     (several() ? folder.parent_path() : folder).string());
}

}  // namespace mpipe::app
