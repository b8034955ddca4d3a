// SPDX-License-Identifier: BSD-3-Clause
// Tells what lies in a folder: a run, the remains of one, or something else.
#include "folder/folder_contents.hpp"

#include "base/api/file.hpp"
#include "folder/api/crash_note.hpp"
#include "folder/folder_lock.hpp"
#include "store/api/run_description.hpp"

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include <algorithm>
#include <array>
#include <string_view>

namespace mpipe::detail {
namespace {

using nlohmann::json;

/// A folder of a run, with the beginning and the end of the names of the files that a run makes in it.
struct RunSubfolder {
  const char* name;
  const char* prefix;
  const char* suffix;
  int depth = 0;       ///< of folders between it and the files
  bool trees = false;  ///< not of files, but of whole folders, in which programs of the user have run
};
// See docs/formats.md.
constexpr std::array kSubfolders{
    RunSubfolder{"journal", "", ""},
    RunSubfolder{"segments", "", ""},
    RunSubfolder{"elements", "", ".npy", 2},
    RunSubfolder{"elements", "", ".tmp", 2},
    RunSubfolder{"errors", "failures", ".jsonl"},
    RunSubfolder{"logs", "rank-", ".log"},
    RunSubfolder{"work", "element-", "", 1, true},
};
constexpr std::array<std::string_view, 8> kFiles{kDescriptionName, kDescriptionCopyName, kStatusName,
                                                 kCrashName,       "results.h5",         "results.extents",
                                                 "trace.json",     "store.json"};  // of an earlier format

bool matches(std::string_view name, const RunSubfolder& folder) {
  return name.starts_with(folder.prefix) && name.ends_with(folder.suffix);
}

/// A damaged file that a resume has set aside: `results.h5.damaged`, `output-0004.h5.damaged-2`.
bool is_set_aside(std::string_view name) {
  return (name.starts_with("results.h5.damaged") || name.starts_with("output-")) &&
         name.find(".h5.damaged") != std::string_view::npos;
}

/// A file at the top of a run folder, or what was to become one when its writer died: `run.json.4711-0.tmp`.
bool is_run_file(std::string_view name) {
  const auto belongs = [name](std::string_view known) {
    return name == known || (name.starts_with(known) && name[known.size()] == '.' && name.ends_with(".tmp"));
  };
  return std::any_of(kFiles.begin(), kFiles.end(), belongs) || (name != kLockName && belongs(kLockName)) ||
         is_set_aside(name);
}

enum class Format { ours, other, damaged };

/// Whether `path` is a JSON file of that format. Readers of its content check the rest.
/// A file that cannot be read, or is too large to be one of ours, counts as somebody else's, since that is
/// the answer which destroys nothing.
Format format_of(const fs::path& path, std::string_view format) {
  constexpr std::size_t kLimit = std::size_t{64} << 20;
  std::string text;
  if (read_small_file(path, kLimit, text) != ReadResult::ok) return Format::other;
  const json parsed = json::parse(text, nullptr, false);
  if (parsed.is_discarded()) return Format::damaged;
  return parsed.is_object() && parsed.value("format", json()) == std::string(format) ? Format::ours
                                                                                     : Format::other;
}

/// A process is about to lock the folder, or died at that moment.
bool only_beginnings_of_locks(const fs::path& path) {
  std::error_code error;
  fs::directory_iterator entries(path, error);
  return !error && std::all_of(begin(entries), end(entries), [](const fs::directory_entry& entry) {
    const std::string name = entry.path().filename().string();
    return name.starts_with(kLockName) && name != kLockName && is_run_file(name);
  });
}

bool is_there(const fs::path& path) {
  std::error_code ignored;
  return fs::exists(fs::symlink_status(path, ignored));
}

void remove_tree(const fs::path& path) {
  std::error_code error;
  fs::remove_all(path, error);
  if (error) throw_file_error("remove", path, error.value());
}

/// Journals are made after the description, and checksums and elements after those: a folder that has any of
/// them had a description. results.h5 alone is of a start that was killed before it computed anything.
bool has_results(const fs::path& path) {
  if (is_there(path / "results.extents") || is_there(path / "elements") || is_there(path / "segments"))
    return true;
  std::error_code error;
  fs::directory_iterator journals(path / "journal", error);
  return !error && journals != fs::directory_iterator();
}

/// Removes the files that a run makes in this folder and leaves all others. Symbolic links are not followed:
/// what they lead to lies outside of the run.
void clear_subfolder(const fs::path& path, const RunSubfolder& folder, int depth) {
  std::error_code error;
  if (fs::symlink_status(path, error).type() != fs::file_type::directory) return;
  fs::directory_iterator entries(path, error);
  if (error) throw_file_error("read", path, error.value());
  for (const fs::directory_entry& entry : entries) {
    const bool is_file = !entry.is_directory(error) || entry.is_symlink(error);
    if (!is_file && depth > 0)
      clear_subfolder(entry.path(), folder, depth - 1);
    else if (is_file != folder.trees && depth == 0 && matches(entry.path().filename().string(), folder))
      is_file ? remove_file(entry.path()) : remove_tree(entry.path());
  }
  fs::remove(path, error);  // stays when somebody else has put something there
}

}  // namespace

/// Whether a folder may be used is decided by what is in it and not by its name: files of somebody else are
/// never touched, even if the user names their folder by mistake.
FolderKind classify_folder(const fs::path& path) {
  std::error_code error;
  // A dangling symbolic link is `not_found` here although its name is taken, so it counts as a file; a folder
  // could not be made in its place.
  const fs::file_status status = fs::status(path, error);
  if (status.type() == fs::file_type::not_found)
    return is_there(path) ? FolderKind::file : FolderKind::absent;
  if (error) throw_file_error("read the run folder", path, error.value());
  if (status.type() != fs::file_type::directory) return FolderKind::file;
  const fs::directory_iterator entries(path, error);
  if (error) throw_file_error("read the run folder", path, error.value());
  if (entries == fs::directory_iterator()) return FolderKind::empty;
  // The lock is the first file that a run makes, and status.json bears its format too.
  const LockContent lock = read_lock(path / kLockName);
  const bool claimed =
      (lock.exists && lock.ours) || format_of(path / kStatusName, "mpipe-status") == Format::ours;
  bool is_foreign = false;
  for (const char* name : {kDescriptionName, kDescriptionCopyName}) {
    if (!is_there(path / name)) continue;
    // A damaged run.json alone does not make a run: it could be of another program. Where the lock or the
    // status say that the folder is a run's, it is, and the user is told of the damage later on.
    const Format format = format_of(path / name, "mpipe-run");
    if (format == Format::ours || (format == Format::damaged && claimed)) return FolderKind::run;
    is_foreign = true;
  }
  if (is_foreign || !(claimed || only_beginnings_of_locks(path))) return FolderKind::foreign;
  return has_results(path) ? FolderKind::undescribed : FolderKind::begun;
}

/// To be called with the lock of the folder held, which stays: another process could otherwise claim the
/// folder while it is being emptied.
void remove_run_files(const fs::path& path) {
  // What makes it a run goes first: a folder that is half removed is never taken for a run that is whole.
  for (const std::string_view name : kFiles) remove_file(path / name);
  std::error_code error;
  // The files that are left may have names that are not known beforehand: those that a writer was about to
  // rename when it died.
  fs::directory_iterator entries(path, error);
  if (error) throw_file_error("read the run folder", path, error.value());
  for (const fs::directory_entry& entry : entries)
    if (is_run_file(entry.path().filename().string())) remove_file(entry.path());
  for (const RunSubfolder& folder : kSubfolders) clear_subfolder(path / folder.name, folder, folder.depth);
}

}  // namespace mpipe::detail
