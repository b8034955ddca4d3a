// SPDX-License-Identifier: BSD-3-Clause
// Reads how a run goes from its folder, and whether its process still lives.
#include <mpipe/core/error.hpp>
#include <mpipe/folder/status.hpp>

#include "base/api/file.hpp"
#include "folder/api/crash_note.hpp"
#include "folder/api/run_folder.hpp"
#include "folder/folder_contents.hpp"
#include "folder/folder_lock.hpp"
#include "folder/status_format.hpp"
#include "store/api/run_description.hpp"

#include <fmt/format.h>

#include <algorithm>

namespace mpipe {
namespace {

/// Of a job on another host nothing is known but its heartbeat, which comes every ten seconds.
constexpr double kSilence = 60;

std::optional<RunStatus> read_file(const fs::path& folder) {
  constexpr std::size_t kLimit = std::size_t{16} << 20;
  std::string text;
  if (read_small_file(folder / detail::kStatusName, kLimit, text) != ReadResult::ok) return std::nullopt;
  return detail::parse_status(text);
}

void require_folder(const fs::path& folder) {
  std::error_code ignored;
  const fs::file_status status = fs::status(folder, ignored);
  const char* problem = !fs::exists(status)         ? "does not exist"
                        : !fs::is_directory(status) ? "is not a folder"
                                                    : nullptr;
  if (problem == nullptr) return;
  throw Error(
      Category::folder_refused,
      fmt::format("'{}' {}. Name the folder that was given to --run-folder.", folder.string(), problem));
}

/// What is known without a status.json: the plan, and what is in the file.
RunStatus from_description(const fs::path& folder) {
  const RunDescription description = read_description(folder);
  RunStatus status;
  status.started = description.created;
  for (const OutputLayout& planned : description.outputs) {
    OutputStatus output;
    output.name = planned.name;
    output.dims = planned.axes;
    output.shape = planned.shape;
    output.dtype = planned.type->dtype();
    status.outputs.push_back(std::move(output));
  }
  return status;
}

bool is_over(RunState state) { return state != RunState::pending && state != RunState::running; }

/// Whether the writer of the status lives. The process itself is asked where that is possible. A heartbeat alone
/// may be late for many reasons, so it only counts where nobody can be asked: that of the lock, else the status.
Liveness writer_liveness(const fs::path& folder, const std::optional<FolderOwner>& of_lock,
                         const FolderOwner& owner, double age) {
  if (of_lock && of_lock->same_process(owner)) return detail::owner_liveness(folder);
  const Liveness alive = liveness(owner);
  if (alive != Liveness::unknown) return alive;
  return age > kSilence ? Liveness::dead : Liveness::alive;
}

}  // namespace

/// The file is believed in everything but whether its writer still lives: a process that was killed could not
/// say so any more.
RunStatus read_status(const std::string& folder) {
  const fs::path run_folder(folder);
  require_folder(run_folder);
  const std::optional<FolderOwner> owner = folder_owner(run_folder);
  const std::optional<RunStatus> written = read_file(run_folder);
  if (written) {
    RunStatus status = *written;
    status.heartbeat_age_seconds = detail::seconds_since(status.heartbeat).value_or(0);
    // Somebody has taken the folder since, and has not begun to tell.
    const bool next =
        owner && !owner->same_process(status.owner) && detail::owner_liveness(run_folder) == Liveness::alive;
    if (next) {
      status.state = RunState::pending;
      status.owner = *owner;
      status.exit_code.reset();
      status.finished.clear();
    } else if (!is_over(status.state) && writer_liveness(run_folder, owner, status.owner,
                                                         status.heartbeat_age_seconds) == Liveness::dead) {
      status.state = RunState::stale;
      status.message = detail::forget_memory(status);
      // A process that was ended by a function could not say so in its status.
      if (const std::string crash = read_crash_note(run_folder); !crash.empty()) {
        status.state = RunState::failed;
        status.exit_code = exit_code(Category::rank_lost);
        status.message = crash + (status.message.empty() ? "" : " ") + status.message;
      }
      status.elements_per_second = 0;
      status.eta_seconds.reset();
    }
    return status;
  }
  const detail::FolderKind kind = detail::classify_folder(run_folder);
  RunStatus status = kind == detail::FolderKind::begun ? RunStatus{} : from_description(run_folder);
  if (owner) status.owner = *owner;
  status.state = detail::owner_liveness(run_folder) == Liveness::alive ? RunState::pending : RunState::stale;
  return status;
}

void require_ended(const fs::path& run) {
  const RunStatus status = read_status(run.string());
  if (status.state != RunState::running && status.state != RunState::pending) return;
  throw Error(
      Category::folder_refused,
      fmt::format(
          "the run '{0}' is {1}, by {2} (what it computes from now on would be missing). Wait for it: "
          "pipeline_app watch {0}",
          run.string(), to_string(status.state), describe(status.owner)));
}

/// The owner stays the one of the start that completed the run: while this one lives it is the other one that has the
/// lock, by which readers see that it has begun.
void RunFolder::withdraw_completion(const std::vector<std::string>& forgotten) const {
  std::optional<RunStatus> status = read_file(path());
  if (!status || status->state != RunState::completed) return;
  status->state = RunState::failed;
  status->exit_code = exit_code(Category::rank_lost);
  status->message =
      "a later start of this complete run has not told how it goes (it ended too early). Resume the run.";
  for (OutputStatus& output : status->outputs)
    if (std::find(forgotten.begin(), forgotten.end(), output.name) != forgotten.end()) output.done = 0;
  write_file_atomically(path() / detail::kStatusName, to_json(*status));
}

}  // namespace mpipe
