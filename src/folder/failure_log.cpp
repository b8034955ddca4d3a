// SPDX-License-Identifier: BSD-3-Clause
// Writes and reads errors/failures.jsonl, which tells of elements that failed.
#include "folder/api/failure_log.hpp"

#include <mpipe/core/error.hpp>

#include "base/api/file.hpp"
#include "base/api/json_integer.hpp"
#include "folder/status_format.hpp"

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include <map>
#include <sstream>
#include <utility>

namespace mpipe {
namespace {

using nlohmann::json;

// A million failures have few causes, and a folder of one run is no place for gigabytes of them.
constexpr std::uint64_t kMostBytes = std::uint64_t{16} << 20;
constexpr std::size_t kMostRead = 2 * kMostBytes;

std::filesystem::path log_path(const std::filesystem::path& run_folder) {
  return run_folder / "errors" / "failures.jsonl";
}

std::string line_of(const Failure& failure, std::uint64_t seed) {
  const json fields{{"time", detail::utc_now()},      {"output", failure.output},
                    {"index", failure.index},         {"element", failure.element},
                    {"message", failure.message},     {"type", failure.type},
                    {"arguments", failure.arguments}, {"rank", failure.rank},
                    {"host", failure.host},           {"seed", seed}};
  // Messages are those of functions of the user, which need not be UTF-8.
  return fields.dump(-1, ' ', false, json::error_handler_t::replace);
}

/// Throws exceptions of the parser where a line is not what `line_of` makes.
LoggedFailure failure_from(const std::string& line) {
  const json fields = json::parse(line);
  LoggedFailure failure;
  failure.time = fields.at("time").get<std::string>();
  failure.output = fields.at("output").get<std::string>();
  for (const json& position : fields.at("index"))
    failure.index.push_back(detail::json_integer<Index>(position));
  failure.element = detail::json_integer<Index>(fields.at("element"));
  failure.message = fields.at("message").get<std::string>();
  failure.type = fields.at("type").get<std::string>();
  failure.arguments = fields.at("arguments").get<std::string>();
  failure.rank = detail::json_integer<int>(fields.at("rank"));
  failure.host = fields.at("host").get<std::string>();
  failure.seed = detail::json_integer<std::uint64_t>(fields.at("seed"));
  return failure;
}

/// A folder that somebody else has made must not lead what is appended to another file.
void require_no_link(const std::filesystem::path& path) {
  std::error_code ignored;
  if (std::filesystem::symlink_status(path, ignored).type() == std::filesystem::file_type::symlink)
    throw Error(Category::storage_failed,
                fmt::format("'{}' is a symbolic link, and a run does not write through one. Remove it.",
                            path.string()));
}

}  // namespace

FailureLog::FailureLog(std::filesystem::path run_folder, std::uint64_t seed)
    : folder_(std::move(run_folder)), seed_(seed) {}

void FailureLog::on_failure(const Failure& failure) {
  // Of a rank, and not of an element; or of an element at which it showed what the job lacks.
  if (failure.output.empty() || failure.category == Category::rank_lost) return;
  try {
    append(line_of(failure, seed_));
  } catch (const Error& error) {
    problem_ = error.what();
  }
}

void FailureLog::open() {
  const std::filesystem::path path = log_path(folder_);
  require_no_link(path.parent_path());
  require_no_link(path);
  file_ = File::open_existing(path, File::Mode::update);
  if (!file_) {
    make_folder(path.parent_path());
    file_.emplace(path, File::Mode::make);
  }
  size_ = file_->size();
}

void FailureLog::append(const std::string& line) {
  if (!file_) open();
  // A line feed on both sides: what a process left there that died while it wrote is a line of its own.
  const std::string text = (size_ == 0 ? "" : "\n") + line + "\n";
  if (size_ + text.size() > kMostBytes) return;
  file_->write_at(size_, std::as_bytes(std::span(text)));
  size_ += text.size();
}

std::vector<LoggedFailure> read_failures(const std::filesystem::path& run_folder) {
  const std::filesystem::path path = log_path(run_folder);
  std::string text;
  const ReadResult result = read_small_file(path, kMostRead, text);
  if (result == ReadResult::absent) return {};
  if (result != ReadResult::ok)
    throw Error(
        Category::storage_failed,
        fmt::format("'{}' is {}, so that it is not what a run has noted. Remove it: no result depends on it.",
                    path.string(), result == ReadResult::too_large ? "too large" : "no file"));
  std::vector<LoggedFailure> failures;
  std::map<std::pair<std::string, Index>, std::size_t> known;
  std::istringstream lines(text);
  for (std::string line; std::getline(lines, line);) {
    LoggedFailure failure;
    try {
      failure = failure_from(line);
    } catch (const std::exception&) {
      continue;  // an empty line, or one that was cut
    }
    const auto [entry, is_new] = known.try_emplace({failure.output, failure.element}, failures.size());
    if (is_new)
      failures.push_back(std::move(failure));
    else
      failures[entry->second] = std::move(failure);
  }
  return failures;
}

}  // namespace mpipe
