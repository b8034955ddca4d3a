// SPDX-License-Identifier: BSD-3-Clause
// Keeps status.json up to date while a run goes on, from a thread of its own.
#include <mpipe/core/error.hpp>
#include <mpipe/folder/status.hpp>
#include <mpipe/plan/plan.hpp>

#include "base/api/file.hpp"
#include "base/api/thread.hpp"
#include "folder/api/crash_note.hpp"
#include "folder/api/run_folder.hpp"
#include "folder/folder_contents.hpp"
#include "folder/folder_lock.hpp"
#include "folder/status_format.hpp"

#include <algorithm>
#include <condition_variable>
#include <deque>
#include <map>
#include <mutex>
#include <thread>

namespace mpipe {
namespace {

constexpr auto kSignOfLife = std::chrono::seconds(10);
constexpr auto kRateWindow = std::chrono::seconds(30);

using SteadyTime = std::chrono::steady_clock::time_point;

/// Function calls per second over the last half minute.
class RateMeter {
 public:
  double per_second(Index calls, SteadyTime now) {
    samples_.push_back({now, calls});
    while (samples_.size() > 2 && now - samples_[1].first > kRateWindow) samples_.pop_front();
    const double elapsed = std::chrono::duration<double>(now - samples_.front().first).count();
    return elapsed > 0 ? static_cast<double>(calls - samples_.front().second) / elapsed : 0;
  }

 private:
  std::deque<std::pair<SteadyTime, Index>> samples_;
};

}  // namespace

struct StatusWriter::Impl {
  /// What is needed only while the run goes on: a program may hold the ends of many thousand runs.
  struct Course {
    std::vector<std::vector<std::size_t>> outputs_of;  ///< by FunctionId
    std::map<std::size_t, std::size_t> first_output;   ///< by function: its first output counts its calls
    std::vector<SettledOutput> settled;                ///< by output, when the wave began
    RateMeter rate;
    Index calls = 0;
    SteadyTime begin;
    SteadyTime refreshed;
  };

  fs::path folder;
  std::optional<HeldFolder> held;  ///< from the start on
  std::chrono::milliseconds interval;

  std::mutex finishing;      // one last word at a time
  mutable std::mutex mutex;  // of all that follows
  std::condition_variable wake;
  RunStatus status;
  std::string problem;
  std::unique_ptr<Course> course;  ///< from the start to the end
  bool started = false;
  bool changed = false;
  bool ended = false;
  bool ended_by_signal = false;
  std::thread thread;

  void read_plan(const Plan& plan) {
    for (std::size_t k = 0; k < plan.outputs().size(); ++k) {
      const PlannedOutput& planned = plan.outputs()[k];
      OutputStatus& output = status.outputs[k];
      output.name = planned.name;
      output.dims = planned.layout.axes;
      output.shape = planned.layout.shape;
      output.dtype = planned.layout.type->dtype();
      if (is_known(plan.external_shape(planned.stage)))
        output.elements = plan.selected(planned.stage).count();
    }
  }

  Index remaining_calls() const {
    Index remaining = 0;
    for (const auto& [function, output] : course->first_output) remaining += status.outputs[output].pending();
    return remaining;
  }

  /// What is done and not kept yet. To be called with the mutex held.
  void count_memory() {
    const std::vector<SettledOutput>& settled = course->settled;
    for (std::size_t k = 0; k < settled.size(); ++k)
      if (settled[k].in_memory)
        status.outputs[k].in_memory = std::max<Index>(0, status.outputs[k].done - settled[k].counts.done);
  }

  /// Brings what depends on the time up to date. To be called with the mutex held.
  void refresh() {
    status.heartbeat = detail::utc_now();
    changed = false;
    if (ended || !course) return;
    course->refreshed = std::chrono::steady_clock::now();
    status.elements_per_second = course->rate.per_second(course->calls, course->refreshed);
    status.eta_seconds.reset();
    // Nothing to compute is no end: what was computed is being stored, and nobody knows how long that takes.
    if (status.elements_per_second > 0 && remaining_calls() > 0)
      status.eta_seconds = static_cast<double>(remaining_calls()) / status.elements_per_second;
  }

  /// Of a run without a folder, whose status is brought up to date when somebody asks: no thread does it. To be
  /// called with the mutex held.
  void refresh_when_due() {
    if (!folder.empty() || !course) return;
    if (std::chrono::steady_clock::now() - course->refreshed >= interval) refresh();
  }

  /// To be called with the mutex held, which is given up while the file is written: a slow file system must
  /// not hold up the thread that tells of progress.
  void write(std::unique_lock<std::mutex>& lock, bool durable) {
    refresh();
    if (folder.empty()) return;
    const std::string text = to_json(status);
    lock.unlock();
    std::string why;
    try {
      write_file_atomically(folder / detail::kStatusName, text, durable);
    } catch (const Error& error) {  // a run goes on without its heartbeat, and tells at its end
      why = error.what();
    }
    lock.lock();
    problem = std::move(why);
  }

  /// Writes when something has changed, at most once per interval, and otherwise every ten seconds as a sign
  /// of life. Waiting ends at once when the run does.
  void keep_writing() {
    std::unique_lock lock(mutex);
    auto written = std::chrono::steady_clock::now();
    while (!ended) {
      wake.wait_for(lock, interval, [&] { return ended; });
      const auto now = std::chrono::steady_clock::now();
      if (ended || (!changed && now - written < kSignOfLife)) continue;
      write(lock, false);
      written = now;
    }
  }

  /// To be called without the mutex, which the thread needs in order to end. After this nobody but the caller
  /// writes the file.
  void stop_thread() {
    {
      const std::lock_guard lock(mutex);
      ended = true;
    }
    wake.notify_all();
    if (thread.joinable() && thread.get_id() != std::this_thread::get_id()) thread.join();
  }
};

StatusWriter::StatusWriter(std::string run_folder, std::chrono::milliseconds interval)
    : impl_(std::make_unique<Impl>()) {
  if (!run_folder.empty()) impl_->folder = resolve_path(run_folder);
  impl_->interval = interval;
}

/// Waits for a `finish` that another thread may be in, because that call uses the members.
StatusWriter::~StatusWriter() {
  const std::lock_guard alone(impl_->finishing);
  impl_->stop_thread();
}

void StatusWriter::on_start(const Plan& plan, const MachineInfo& machine,
                            const std::vector<ElementCounts>& kept) {
  // A signal may say the last word at any time: before this, and then it stays, or behind it. Between, the text of
  // the start could be written over it.
  const std::lock_guard alone(impl_->finishing);
  std::unique_lock lock(impl_->mutex);
  if (impl_->ended) return;
  if (!impl_->folder.empty()) {
    try {
      impl_->held = hold_folder(impl_->folder);
    } catch (const Error& error) {
      impl_->problem = error.what();
    }
  }
  RunStatus& status = impl_->status;
  status.state = RunState::running;
  status.ranks = machine.ranks;
  status.owner = this_process();
  status.started = detail::utc_now();
  status.outputs.assign(plan.outputs().size(), {});
  impl_->read_plan(plan);
  impl_->course = std::make_unique<Impl::Course>();
  impl_->course->outputs_of.resize(plan.pipeline().functions().size());
  for (std::size_t k = 0; k < status.outputs.size(); ++k) {
    const std::size_t function = plan.outputs()[k].function.value;
    if (k < kept.size()) {
      status.outputs[k].done = kept[k].done;
      status.outputs[k].failed = kept[k].failed;
      status.outputs[k].blocked = kept[k].blocked;
    }
    impl_->course->outputs_of[function].push_back(k);
    impl_->course->first_output.emplace(function, k);
  }
  impl_->course->begin = std::chrono::steady_clock::now();
  impl_->started = true;
  // Written before the thread exists: who waits for the file sees the run as soon as it has started.
  impl_->write(lock, false);
  if (!impl_->folder.empty() && !impl_->thread.joinable())
    impl_->thread =
        start_thread("to keep status.json up to date", [impl = impl_.get()] { impl->keep_writing(); });
}

void StatusWriter::on_progress(FunctionId function, const ElementCounts& counts, TimePoint) {
  const std::lock_guard lock(impl_->mutex);
  if (!impl_->course) return;
  impl_->course->calls += counts.done + counts.failed;
  for (const std::size_t k : impl_->course->outputs_of[function.value]) {
    OutputStatus& output = impl_->status.outputs[k];
    output.done += counts.done;
    output.failed += counts.failed;
    output.blocked += counts.blocked;
  }
  impl_->count_memory();
  impl_->changed = true;
}

/// The counts of the run itself go over those that were summed up.
void StatusWriter::on_settled(const std::vector<SettledOutput>& outputs) {
  const std::lock_guard lock(impl_->mutex);
  if (!impl_->course) return;
  impl_->course->settled = outputs;
  for (std::size_t k = 0; k < outputs.size(); ++k) {
    impl_->status.outputs[k].done = outputs[k].counts.done;
    impl_->status.outputs[k].failed = outputs[k].counts.failed;
  }
  impl_->count_memory();
  impl_->changed = true;
}

void StatusWriter::on_resolved(const Plan& plan) {
  const std::lock_guard lock(impl_->mutex);
  if (!impl_->course) return;
  impl_->read_plan(plan);
  impl_->changed = true;
}

void StatusWriter::on_end(const std::string& state, const std::string& message) {
  if (state == "completed") return finish(RunState::completed, 0, message);
  if (state == "drained") return finish(RunState::drained, 75, message);
  finish(state == "cancelled" ? RunState::cancelled : RunState::failed, 1, message);
}

void StatusWriter::set_slow(std::vector<std::string> elements) {
  const std::lock_guard lock(impl_->mutex);
  if (impl_->ended || impl_->status.slow == elements) return;
  impl_->status.slow = std::move(elements);
  impl_->changed = true;
}

void StatusWriter::set_times(std::vector<FunctionTimes> functions) {
  const std::lock_guard lock(impl_->mutex);
  impl_->status.functions = std::move(functions);
}

/// The last word. The thread has to be gone before it is written, because a heartbeat that came later would
/// overwrite it with a run that goes on. It may be said again with more detail; the time of the end stays the
/// first one.
void StatusWriter::finish(RunState state, int exit_code, const std::string& message) {
  const std::lock_guard alone(impl_->finishing);
  if (!started()) {
    const std::lock_guard lock(impl_->mutex);
    impl_->status.state = state;
    impl_->status.exit_code = exit_code;
    impl_->status.message = message;
    impl_->ended = true;
    return;
  }
  if (!impl_->folder.empty()) {
    const std::optional<FolderOwner> owner = folder_owner(impl_->folder);
    // Another start has taken the folder since, and its status is not to be overwritten by this one.
    if (owner && !owner->same_process(impl_->status.owner)) return;
  }
  impl_->stop_thread();
  std::unique_lock lock(impl_->mutex);
  RunStatus& status = impl_->status;
  // A signal ends the process while the run goes on: what that meets with meanwhile is not how it ended.
  if (impl_->ended_by_signal) return;
  constexpr int kFirstSignalCode = 128;
  impl_->ended_by_signal = state == RunState::cancelled && exit_code > kFirstSignalCode;
  status.state = state;
  status.exit_code = exit_code;
  status.slow.clear();
  std::string told = message;
  // Where a function has ended another rank, the launcher ends this one by a signal.
  if (impl_->ended_by_signal && !impl_->folder.empty())
    if (std::string crash = read_crash_note(impl_->folder); !crash.empty()) {
      status.state = RunState::failed;
      status.exit_code = mpipe::exit_code(Category::rank_lost);
      told = std::move(crash);
    }
  const std::string lost = detail::forget_memory(status);
  status.message = lost.empty() ? told : told + (told.empty() ? "" : " ") + lost;
  if (const std::unique_ptr<Impl::Course> course = std::move(impl_->course)) {
    status.finished = detail::utc_now();
    const double elapsed =
        std::chrono::duration<double>(std::chrono::steady_clock::now() - course->begin).count();
    status.elements_per_second = elapsed > 0 ? static_cast<double>(course->calls) / elapsed : 0;
  }
  status.eta_seconds = state == RunState::completed ? std::optional(0.0) : std::nullopt;
  impl_->write(lock, true);
}

/// Without a lock, and before run.json is there, only the status tells whose files are in the folder.
void StatusWriter::release_folder() noexcept {
  if (impl_->folder.empty()) return;
  try {
    const std::lock_guard alone(impl_->finishing);
    const std::optional<FolderOwner> owner = folder_owner(impl_->folder);
    std::error_code ignored;
    if (!started() && owner && owner->same_process(this_process()) &&
        !fs::exists(impl_->folder / detail::kStatusName, ignored)) {
      std::unique_lock lock(impl_->mutex);
      impl_->write(lock, true);
    }
  } catch (const Error&) {  // of a lock that cannot be read
  }
  detail::release_lock(impl_->folder);
}

void write_last_status(const RunFolder& folder, RunStatus status) {
  status.owner = this_process();
  status.started = status.heartbeat = status.finished = detail::utc_now();
  write_file_atomically(folder.path() / detail::kStatusName, to_json(status));
}

bool StatusWriter::started() const {
  const std::lock_guard lock(impl_->mutex);
  return impl_->started;
}

RunStatus StatusWriter::status() const {
  const std::lock_guard lock(impl_->mutex);
  impl_->refresh_when_due();
  return impl_->status;
}

std::string StatusWriter::problem() const {
  const std::lock_guard lock(impl_->mutex);
  return impl_->problem;
}

}  // namespace mpipe
