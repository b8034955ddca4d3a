// SPDX-License-Identifier: BSD-3-Clause
/// @file
/// Takes elements that earlier runs have computed into a new run: a sweep that grows costs what is new.
#pragma once

#include "store/api/run_description.hpp"

#include <filesystem>
#include <memory>
#include <optional>
#include <string>
#include <vector>

namespace mpipe {

/// What one earlier run has of an output.
struct ReuseSource {
  std::filesystem::path folder;
  Index elements = 0;   ///< that are taken from there
  std::string why_not;  ///< where there are none: the reason
};

/// What is taken of one output.
struct ReusedOutput {
  std::string name;
  std::optional<Index> selected;  ///< elements that the run is to have; nothing where that is not known yet
  std::vector<ReuseSource> sources;  ///< in the order of the earlier runs
  Index elements() const;            ///< from all of them
};

/// `'z': 1000 of 1100 elements are taken: 1000 from runs/old; 100 are new`; of a run that gives none, why.
std::string to_sentence(const ReusedOutput& output);

/// Elements of a run that is to begin which earlier runs have already: those whose function is the same, by its meaning and its
/// code, and whose arguments have the same bytes, wherever they are in the sweep. An argument that is the output of
/// another function is the same where that was computed from the same arguments. Functions that draw random numbers give the
/// same at the same place only. Where several runs have an element, the first one counts. Only what is done counts, and
/// only where its checksum is right. Local: one process does it.
class ReusePlan {
 public:
  /// Reads the runs in `folders`, which stay as they are and must not change meanwhile. `now`: the run that is to begin, with
  /// the values of its inputs; it learns shapes that follow from what is taken. Asks for some 100 bytes for each element of
  /// each function. Throws `Error`: folder_refused where there is no run, storage_failed where one cannot be read.
  ReusePlan(const std::vector<std::filesystem::path>& folders, RunDescription& now);
  ~ReusePlan();
  ReusePlan(ReusePlan&&) noexcept;
  ReusePlan& operator=(ReusePlan&&) noexcept;

  /// By output of the run; after `take`: what was really taken, beside what had been there.
  const std::vector<ReusedOutput>& outputs() const;
  /// Puts the elements into the folder `into`, which the caller has claimed: as the new run `now` (the one that this
  /// was made with), or, with `goes_on`, into the run that is there. Where from is noted in run.json. When the process
  /// dies, `into` is a run like any other that was killed. Throws `Error`: storage_failed, resume_mismatch as
  /// `resume_run_store`.
  void take(const std::filesystem::path& into, bool goes_on, RunDescription now);

 private:
  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace mpipe
