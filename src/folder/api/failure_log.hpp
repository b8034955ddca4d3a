// SPDX-License-Identifier: BSD-3-Clause
/// @file
/// What is kept of elements that failed: a file of a run folder, for people who look for the cause afterwards.
#pragma once

#include <mpipe/core/failure.hpp>
#include <mpipe/exec/observer.hpp>

#include "base/api/file.hpp"

#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>
#include <vector>

namespace mpipe {

/// Appends a line to errors/failures.jsonl for each failed element that rank 0 hears of, as long as the file is not
/// large (see docs/formats.md). Nothing is made before the first of them. A log that cannot be written stops no run:
/// `problem` tells why. Rank 0, one thread.
class FailureLog final : public RunObserver {
 public:
  /// `run_folder` is one that this process holds; `seed` is that of the run's random numbers.
  FailureLog(std::filesystem::path run_folder, std::uint64_t seed);

  void on_failure(const Failure& failure) override;

  /// Empty while all could be written.
  const std::string& problem() const { return problem_; }

 private:
  void open();
  void append(const std::string& line);

  std::filesystem::path folder_;
  std::uint64_t seed_;
  std::optional<File> file_;  ///< from the first failure on: each opening would cost a trip to a file server
  std::uint64_t size_ = 0;
  std::string problem_;
};

/// A failure as a start of the run has noted it.
struct LoggedFailure : Failure {
  std::string time;        ///< ISO 8601, UTC: when rank 0 heard of it
  std::uint64_t seed = 0;  ///< of the random numbers of that start
};

/// What the starts of a run have noted, in this order; of an element that failed more than once, only the last time.
/// Lines that are damaged, as a crash leaves them, are left out. Throws `Error` (storage_failed) when the file cannot be
/// read.
std::vector<LoggedFailure> read_failures(const std::filesystem::path& run_folder);

}  // namespace mpipe
