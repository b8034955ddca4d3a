// SPDX-License-Identifier: BSD-3-Clause
/// @file
/// What is told about a run: to standard error, and to logs/rank-NNNN.log of the run folder.
#pragma once

#include <filesystem>
#include <memory>
#include <string>

namespace mpipe::app {

class LogFile;

/// The log of this rank; spdlog's default logger while it lives. Messages of the level `info` and up go to
/// the file; they wait in memory until there is one.
class Logging {
 public:
  /// `level`: one of the option `--log-level`, for standard error.
  Logging(int rank, const std::string& level);
  ~Logging();
  Logging(const Logging&) = delete;
  Logging& operator=(const Logging&) = delete;

  /// The folder has this run, and keeps it: the file may be made. Never throws; a log that cannot be written
  /// stops no run.
  void open(const std::filesystem::path& run_folder);
  /// As `open`, and what follows goes to this run's file: of several runs, one after the other.
  void move_to(const std::filesystem::path& run_folder);
  /// Into the file only: what standard error is told in another way.
  void error_to_file(const std::string& text);
  void flush();

 private:
  std::shared_ptr<LogFile> file_;
};

}  // namespace mpipe::app
