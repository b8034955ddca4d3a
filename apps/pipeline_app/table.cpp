// SPDX-License-Identifier: BSD-3-Clause
// Tables, amounts and command lines as text.
#include "table.hpp"

#include <fmt/format.h>

#include <fcntl.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <limits>
#include <optional>
#include <string_view>

namespace mpipe::app {
namespace {

/// Characters, not bytes, of UTF-8 text.
std::size_t width_of(const std::string& text) {
  return static_cast<std::size_t>(std::count_if(
      text.begin(), text.end(), [](char c) { return (static_cast<unsigned char>(c) & 0xC0U) != 0x80U; }));
}

std::string quoted_for_shell(std::string_view word) {
  constexpr std::string_view kPlain =
      "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_-./:=,+@%";
  if (!word.empty() && word.find_first_not_of(kPlain) == std::string_view::npos) return std::string(word);
  std::string quoted = "'";
  for (const char c : word) quoted += c == '\'' ? std::string("'\\''") : std::string(1, c);
  return quoted + "'";
}

}  // namespace

std::string Table::text(const std::string& indent) const {
  std::vector<std::size_t> widths;
  for (const auto& row : rows_) {
    widths.resize(std::max(widths.size(), row.size()));
    for (std::size_t k = 0; k < row.size(); ++k) widths[k] = std::max(widths[k], width_of(row[k]));
  }
  std::string text;
  for (const auto& row : rows_) {
    std::string line = indent;
    for (std::size_t k = 0; k < row.size(); ++k) {
      line += row[k];
      if (k + 1 < row.size()) line.append(widths[k] - width_of(row[k]) + 2, ' ');
    }
    text += line + "\n";
  }
  return text;
}

std::string bytes_text(std::uint64_t bytes) {
  constexpr std::array kUnits{"kB", "MB", "GB", "TB", "PB", "EB"};
  if (bytes < 1000) return fmt::format("{} B", bytes);
  double value = static_cast<double>(bytes) / 1000;
  std::size_t unit = 0;
  // Three digits would round 999.5 to 1e+03, so the next unit begins there. The bounds below are chosen in
  // the same way.
  while (value >= 999.5 && unit + 1 < kUnits.size()) {
    value /= 1000;
    ++unit;
  }
  return fmt::format("{:.3g} {}", value, kUnits[unit]);
}

std::string duration_text(double seconds) {
  if (seconds < 0.9995) return fmt::format("{:.3g} ms", seconds * 1000);
  if (seconds < 59.95) return fmt::format("{:.3g} s", seconds);
  // Larger times would not fit into the integer; nobody waits for them.
  const auto whole = std::llround(std::min(seconds, 1e15));
  if (whole < 3600) return fmt::format("{} min {} s", whole / 60, whole % 60);
  if (whole < 48 * 3600) return fmt::format("{} h {} min", whole / 3600, whole % 3600 / 60);
  return fmt::format("{} days {} h", whole / 86400, whole % 86400 / 3600);
}

std::string call_time_text(double seconds) {
  if (seconds < 1e-6) return fmt::format("{:.3g} ns", seconds * 1e9);
  if (seconds < 1e-3) return fmt::format("{:.3g} \u00b5s", seconds * 1e6);
  return duration_text(seconds);
}

std::string rate_text(double per_second) {
  constexpr double kLargeEnough = 999.5;  // for whole numbers
  return per_second < kLargeEnough ? fmt::format("{:.3g}/s", per_second)
                                   : fmt::format("{:.0f}/s", per_second);
}

std::string count_text(std::int64_t count, const std::string& thing) {
  return fmt::format("{} {}{}", count, thing, count == 1 ? "" : "s");
}

std::string command_line_text(int argc, const char* const* argv) {
  std::string text;
  for (int k = 0; k < argc; ++k) text += (k == 0 ? "" : " ") + quoted_for_shell(argv[k]);
  return text;
}

namespace {

/// What standard error of another process leads to, as the kernel calls it: `/dev/pts/3`, `pipe:[4711]`.
std::string stderr_of(const std::string& process) {
  std::error_code error;
  return std::filesystem::read_symlink("/proc/" + process + "/fd/2", error).string();
}

std::string parent_of(const std::string& process) {
  std::ifstream file("/proc/" + process + "/status");
  for (std::string line; std::getline(file, line);)
    if (line.starts_with("PPid:")) return line.substr(line.find_first_not_of(" \t", 5));
  return {};
}

/// The terminal on which standard error appears; nothing where it goes elsewhere. mpirun reads what its ranks
/// say from a pipe, and its own standard error is the nearest one above them that is not that pipe.
std::string find_terminal() {
  constexpr const char* kNoTerminal = "";
  if (isatty(STDERR_FILENO) != 0) return "/dev/stderr";
  if (std::getenv("OMPI_COMM_WORLD_SIZE") == nullptr) return kNoTerminal;
  const std::string own = stderr_of("self");
  std::string process = parent_of("self");
  while (!process.empty() && process != "0" && stderr_of(process) == own) process = parent_of(process);
  const std::string path = process.empty() ? "" : stderr_of(process);
  return path.starts_with("/dev/pts/") || path.starts_with("/dev/tty") ? path : kNoTerminal;
}

const std::string& terminal() {
  static const std::string path = find_terminal();
  return path;
}

std::optional<int> terminal_width(int file) {
  winsize size{};
  if (ioctl(file, TIOCGWINSZ, &size) != 0 || size.ws_col == 0) return std::nullopt;
  return size.ws_col;
}

}  // namespace

bool stderr_has_colours() {
  // The convention of no-color.org: any text in the variable refuses colours, an empty one does not.
  const char* refused = std::getenv("NO_COLOR");
  return (refused == nullptr || *refused == '\0') && stderr_is_terminal();
}

bool stderr_is_terminal() { return !terminal().empty(); }

int stderr_width() {
  const bool is_own = isatty(STDERR_FILENO) != 0;
  const int file = is_own ? ::dup(STDERR_FILENO)
                          : ::open(terminal().c_str(), O_WRONLY | O_NOCTTY | O_CLOEXEC | O_NONBLOCK);
  const std::optional<int> width = terminal_width(file);
  if (file >= 0) ::close(file);
  if (width) return *width;
  constexpr int kUsual = 80;
  const char* const columns = std::getenv("COLUMNS");
  const int said = columns != nullptr ? std::atoi(columns) : 0;
  return said > 0 ? said : kUsual;
}

int stdout_width() { return terminal_width(STDOUT_FILENO).value_or(std::numeric_limits<int>::max()); }

}  // namespace mpipe::app
