// SPDX-License-Identifier: BSD-3-Clause
// Keeps status.json and the log of failures of a run, and says in them how it ended.
#include "run/kept_status.hpp"

#include <mpipe/run/map.hpp>

#include "base/api/file.hpp"

namespace mpipe {
namespace {

std::string joined(const std::string& text, const std::string& note) {
  return text.empty() || note.empty() ? text + note : text + " (" + note + ")";
}

}  // namespace

KeptStatus::KeptStatus(MapOptions& options, const StatusHook& hook) : hook_(hook) {
  if (options.run_folder.empty() || !options.keep_status) return;
  writer_ = std::make_shared<StatusWriter>(options.run_folder);
  failures_ = std::make_shared<FailureLog>(resolve_path(options.run_folder), options.seed);
  const auto all = std::make_shared<ObserverList>();
  all->add(writer_);
  all->add(failures_);
  if (options.observer) all->add(options.observer);
  options.observer = observer_ = all;
  if (hook_) hook_(writer_);
}

/// The hook forgets the writer before it goes: whoever got it could otherwise write to a folder that the
/// run has left already.
KeptStatus::~KeptStatus() {
  if (writer_ && hook_) hook_(nullptr);
}

void KeptStatus::finish(const Results& results, const std::string& note) {
  if (!writer_) return;
  tell_problem();
  const bool failed = results.failed_elements > 0;
  keep_times(results);
  writer_->finish(RunState::completed, failed ? exit_code(Category::function_raised) : 0,
                  joined(failed ? failures_text(results) : "", note));
}

void KeptStatus::finish(const Error& error, const std::string& note) {
  if (!writer_) return;
  tell_problem();
  // What was computed before a run ended early took time as well.
  if (const auto* failed = dynamic_cast<const FunctionError*>(&error)) keep_times(failed->partial());
  if (const auto* stopped = dynamic_cast<const RunStopped*>(&error); stopped && stopped->partial())
    keep_times(*stopped->partial());
  writer_->finish(end_state(error.category()), exit_code(error.category()), joined(error.what(), note));
}

void KeptStatus::tell_problem() {
  if (!failures_->problem().empty())
    observer_->on_note("not all failures are noted in the run folder: " + failures_->problem());
}

void KeptStatus::keep_times(const Results& results) {
  std::vector<FunctionTimes> functions;
  for (const auto& [name, times] : results.functions)
    functions.push_back({name, times.calls, times.seconds, times.mean_seconds, times.max_seconds});
  writer_->set_times(std::move(functions));
}

}  // namespace mpipe
