// SPDX-License-Identifier: BSD-3-Clause
/// @file
/// The folder of a run, and who may use it.
#pragma once

#include <mpipe/folder/status.hpp>

#include <filesystem>
#include <memory>
#include <string>
#include <vector>

namespace mpipe {

/// A claimed run folder; the claim (a lock file, see folder_owner.hpp) ends with the object. Only rank 0 has
/// one.
class RunFolder {
 public:
  /// For a new run. The path may not exist yet, be an empty folder, or one that was begun and never got its
  /// run.json. With `overwrite` a run folder is emptied first (only of files that a run makes; symbolic links
  /// are not followed). A lock whose owner is dead is taken over; with `take_over`, also one whose owner cannot be
  /// asked and shows no sign of life. Throws `Error`: folder_refused (a run is there, something else is there, it
  /// is a file, another job is using it), storage_failed (cannot be written); then nothing was created or
  /// removed.
  static RunFolder create(const std::filesystem::path& path, bool overwrite, bool take_over = false);
  /// For going on with a run; where nothing was stored yet, as `create`. Throws the same, and folder_refused
  /// where there are results that no description tells of.
  static RunFolder resume(const std::filesystem::path& path, bool take_over = false);

  /// What `create`, or with `run_is_welcome` `resume`, would refuse as things stand; makes nothing.
  static void check(const std::filesystem::path& path, bool run_is_welcome);

  RunFolder(RunFolder&&) noexcept;
  RunFolder& operator=(RunFolder&&) noexcept;
  ~RunFolder();

  /// Absolute; the folder is held (see `HeldFolder`) under this name.
  const std::filesystem::path& path() const;
  /// True when `resume` found a run.
  bool has_run() const;
  /// Before what is stored changes: where status.json says that the run is complete, it says from now on that a
  /// later start has not got on, and that nothing of the outputs `forgotten` is done. Readers believe it should this
  /// process die before it tells how the run goes. Throws `Error` (storage_failed).
  void withdraw_completion(const std::vector<std::string>& forgotten) const;
  /// Takes everything back that was made, folders too, and ends the claim: for a run that could not even
  /// begin. What an earlier start left in a folder that was resumed stays. Throws nothing; `path()` is all
  /// that may be asked afterwards.
  void abandon();

 private:
  struct State;
  explicit RunFolder(std::unique_ptr<State> state);
  static RunFolder claim(const std::filesystem::path& given, bool run_is_welcome, bool keep_run,
                         bool take_over);
  std::unique_ptr<State> state_;
};

/// Throws `Error` (folder_refused) where a job has the run in this folder: what it computes from now on would be missing
/// in what is made of it.
void require_ended(const std::filesystem::path& run);

/// Writes status.json of a folder that this process has claimed, as the last word on a run that was not computed
/// here; the owner and all times are filled in. Throws `Error` (storage_failed).
void write_last_status(const RunFolder& folder, RunStatus status);

}  // namespace mpipe
