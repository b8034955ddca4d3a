// SPDX-License-Identifier: BSD-3-Clause
/// @file
/// Text for people.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

namespace mpipe::app {

/// Columns of equal width, two spaces between them; the first row is the header. Rows may be shorter than
/// others.
class Table {
 public:
  explicit Table(std::vector<std::string> header) : rows_{std::move(header)} {}
  void add(std::vector<std::string> row) { rows_.push_back(std::move(row)); }
  bool empty() const { return rows_.size() == 1; }
  std::string text(const std::string& indent = "") const;

 private:
  std::vector<std::vector<std::string>> rows_;
};

std::string bytes_text(std::uint64_t bytes);  ///< `1.5 MB`
std::string duration_text(double seconds);    ///< `0.31 s`, `4 min 10 s`, `2 h 5 min`
std::string call_time_text(double seconds);   ///< as `duration_text`, but also `3.2 µs`, `15 ns`
std::string rate_text(double per_second);     ///< `12.5/s`, `43900/s`
std::string count_text(std::int64_t count, const std::string& thing);  ///< `1 element`, `3 elements`
/// The command as one would type it into a shell.
std::string command_line_text(int argc, const char* const* argv);

/// Whether text to standard error may have colours: a terminal, and no NO_COLOR.
bool stderr_has_colours();
/// Whether standard error appears on a terminal: its own, or that of the mpirun that passes it on.
bool stderr_is_terminal();
/// Characters per line of that terminal, else `COLUMNS`, else 80.
int stderr_width();
/// The same of standard output; no bound where that is no terminal.
int stdout_width();

}  // namespace mpipe::app
