// SPDX-License-Identifier: BSD-3-Clause
// Claims, checks and gives up the folder of a run.
#include "folder/api/run_folder.hpp"

#include <mpipe/core/error.hpp>

#include "base/api/file.hpp"
#include "folder/api/crash_note.hpp"
#include "folder/folder_contents.hpp"
#include "folder/folder_lock.hpp"
#include "store/api/run_description.hpp"

#include <fmt/format.h>

namespace mpipe {

using detail::FolderKind;
using detail::FolderLock;

struct RunFolder::State {
  fs::path path;
  std::vector<fs::path> made;  ///< folders that did not exist before, outermost first
  std::optional<HeldFolder> held;
  std::optional<FolderLock> lock;
  bool has_run = false;
};

namespace {

/// Removes folders that were made, unless something is in them by now.
/// The innermost folder goes first, since a folder with contents cannot be removed.
void remove_made(const std::vector<fs::path>& made) {
  std::error_code ignored;
  for (auto folder = made.rbegin(); folder != made.rend(); ++folder) fs::remove(*folder, ignored);
}

/// Makes the folder and those that it lies in; returns which were made.
std::vector<fs::path> make_folders(const fs::path& path) {
  std::vector<fs::path> missing;
  std::error_code error;
  for (fs::path folder = path; !folder.empty(); folder = folder.parent_path()) {
    if (fs::exists(fs::symlink_status(folder, error)) || folder == folder.root_path()) break;
    if (error && error != std::errc::no_such_file_or_directory)
      throw_file_error("create the run folder", path, error.value());
    missing.push_back(folder);
  }
  std::vector<fs::path> made;
  for (auto folder = missing.rbegin(); folder != missing.rend(); ++folder) {
    const bool created = fs::create_directory(*folder, error);
    if (error) {
      remove_made(made);
      throw_file_error("create the run folder", path, error.value());
    }
    if (created) made.push_back(*folder);  // otherwise another process was faster
  }
  return made;
}

[[noreturn]] void refuse(const fs::path& path, const std::string& problem) {
  throw Error(Category::folder_refused, fmt::format("the run folder '{}' {}", path.string(), problem));
}

[[noreturn]] void refuse_run(const fs::path& path) {
  const std::optional<FolderOwner> owner = folder_owner(path);
  if (owner && detail::owner_liveness(path) == Liveness::alive)
    refuse(
        path,
        fmt::format(
            "is in use by {} (a second run in it would destroy its results). Wait for it to end, or choose "
            "another folder.",
            describe(*owner)));
  refuse(path,
         "already has a run (its results would be lost). Go on with it by --resume, replace it by "
         "--overwrite, or choose "
         "another folder.");
}

/// Throws when a run may not begin in a folder of this kind. `keeps_run`: it goes on with what is there.
void require_usable(const fs::path& path, FolderKind kind, bool run_is_welcome, bool keeps_run) {
  switch (kind) {
    case FolderKind::absent:
    case FolderKind::empty:
    case FolderKind::begun:
      return;
    case FolderKind::run:
      if (!run_is_welcome) refuse_run(path);
      return;
    case FolderKind::undescribed:
      if (keeps_run || !run_is_welcome)
        refuse(
            path,
            "has results, and neither run.json nor its copy, run-copy.json (nobody knows what the results "
            "are, and a new run would lose them). Put one of the two back, replace the run by --overwrite, "
            "or choose another folder.");
      return;
    case FolderKind::file:
      if (std::error_code problem; fs::is_symlink(path, problem) && !fs::exists(path, problem))
        refuse(path,
               fmt::format(
                   "is a link to '{}', which is not there (the results would have no place). Restore that "
                   "folder, or choose another path.",
                   fs::read_symlink(path, problem).string()));
      refuse(path, "is a file (a run needs a folder). Choose another path, or move the file away.");
    case FolderKind::foreign:
      refuse(path,
             "has contents that are not of a run (they belong to something else, and are never touched). "
             "Choose a path that "
             "does not exist yet, or an empty folder.");
  }
}

fs::path resolved(const fs::path& path) {
  if (path.empty()) throw Error(Category::bad_option, "the path of the run folder is empty. Name a folder.");
  return resolve_path(path);
}

/// What starts that were killed left of files that they were about to rename. Only under the lock: others may be
/// about to use theirs, but for that of a lock, of which they make another one.
void remove_all_temporaries(const fs::path& folder) {
  for (const char* name : {kDescriptionName, kDescriptionCopyName, detail::kStatusName, detail::kLockName})
    remove_temporaries(folder / name);
}

}  // namespace

RunFolder::RunFolder(std::unique_ptr<State> state) : state_(std::move(state)) {}
RunFolder::RunFolder(RunFolder&&) noexcept = default;
RunFolder& RunFolder::operator=(RunFolder&&) noexcept = default;
RunFolder::~RunFolder() = default;

/// The folder is looked at twice. The first look refuses what may not be used before a lock is written into
/// it; the second one happens under the lock, and only it is sure to hold.
RunFolder RunFolder::claim(const fs::path& given, bool run_is_welcome, bool keep_run, bool take_over) {
  auto state = std::make_unique<State>();
  state->path = resolved(given);
  const fs::path& path = state->path;
  require_usable(path, detail::classify_folder(path), run_is_welcome,
                 keep_run);  // before anything is created in it
  state->made = make_folders(path);
  try {
    // A run that has stored something is to be found after a power failure, too.
    for (const fs::path& folder : state->made) sync_folder(folder.parent_path());
    state->held = hold_folder(path);
    state->lock = FolderLock::acquire(path, take_over);
    const FolderKind kind = detail::classify_folder(path);  // another job may have been here meanwhile
    require_usable(path, kind, run_is_welcome, keep_run);
    state->has_run = keep_run && kind == FolderKind::run;
    // Only under the lock, because another job could be writing those files.
    if (state->has_run) {
      remove_all_temporaries(path);
      remove_file(path / kCrashName);  // how an earlier start ended
    } else {
      detail::remove_run_files(path);
    }
  } catch (...) {
    // The lock is given up before the folders are removed, as it lies in one of them.
    state->lock.reset();
    remove_made(state->made);
    throw;
  }
  return RunFolder(std::move(state));
}

/// The folder is not claimed, and may change until it is. It lets a user know of a mistake before anything is
/// started.
void RunFolder::check(const fs::path& given, bool run_is_welcome) {
  const fs::path path = resolved(given);
  require_usable(path, detail::classify_folder(path), run_is_welcome, false);
}

RunFolder RunFolder::create(const fs::path& path, bool overwrite, bool take_over) {
  return claim(path, overwrite, false, take_over);
}

RunFolder RunFolder::resume(const fs::path& path, bool take_over) {
  return claim(path, true, true, take_over);
}

const fs::path& RunFolder::path() const { return state_->path; }

bool RunFolder::has_run() const { return state_->has_run; }

/// The files go while the lock is still held, then the lock, and the folder last, because it must be empty by
/// then.
void RunFolder::abandon() {
  if (state_->has_run) return;
  try {
    detail::remove_run_files(path());
  } catch (const Error&) {  // the error that made the caller abandon the run matters more
  }
  state_->lock.reset();
  remove_made(state_->made);
}

}  // namespace mpipe
