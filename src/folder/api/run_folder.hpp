// SPDX-License-Identifier: BSD-3-Clause
/// @file
/// The folder of a run: who may use it, and what the run is.
#pragma once

#include <mpipe/core/shape.hpp>
#include <mpipe/folder/status.hpp>

#include <cstdint>
#include <filesystem>
#include <map>
#include <memory>
#include <string>
#include <vector>

namespace mpipe {

/// What a run *is*, as kept in `run.json`. Two starts with equal descriptions (but for `command_line`,
/// `created` and `versions`) compute the same bytes, so that one can go on where the other stopped.
struct RunDescription {
  struct Output {
    std::string name;
    std::string dtype;
    std::string mapspec;  ///< empty for a single value
    std::vector<std::string> dims;
    PartialShape shape;  ///< as planned
    std::string storage;
    bool rank_known = true;  ///< false: not even the number of axes is known; no `dims`, no `shape`
  };
  struct Input {
    std::string name;
    std::string dtype;
    Shape shape;
    std::string digest;  ///< of type, shape and bytes, hexadecimal
  };
  std::string run_id;           ///< random, hexadecimal
  std::string document;         ///< text of the pipeline document, or empty
  std::string pipeline_digest;  ///< of names, mapspecs, defaults, bound values and bodies
  std::string error_handling = "raise";
  std::uint64_t seed = 0;
  std::vector<Output> outputs;
  std::vector<Input> inputs;
  std::string command_line;
  std::string created;                          ///< ISO 8601, UTC
  std::map<std::string, std::string> versions;  ///< mpipe, HDF5, MPI, ..
};

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
  /// For going on with a run; with no run.json there, as `create`. Throws the same.
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
  /// Written atomically (temporary file, fsync, rename).
  void write_description(const RunDescription& description) const;
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

/// The text of run.json.
std::string to_json(const RunDescription& description);

/// Reads run.json of any run folder (untrusted: version, sizes and types are checked). Throws `Error`:
/// folder_refused (there is no run, or one of another version), storage_failed (it is damaged, or cannot be
/// read).
RunDescription read_description(const std::filesystem::path& run_folder);

/// Throws `Error` (resume_mismatch) that names the first field in which the two differ, both values, and what
/// to do.
void check_same_run(const RunDescription& stored, const RunDescription& now);

}  // namespace mpipe
