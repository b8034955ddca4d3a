// SPDX-License-Identifier: BSD-3-Clause
// Sends log messages to standard error and to the log of this rank in the run folder.
#include "logging.hpp"

#include <mpipe/core/error.hpp>

#include "base/api/file.hpp"
#include "core/api/suggest.hpp"
#include "table.hpp"

#include <fmt/format.h>
#include <spdlog/pattern_formatter.h>
#include <spdlog/sinks/base_sink.h>
#include <spdlog/sinks/stdout_color_sinks.h>
#include <spdlog/spdlog.h>

#include <fstream>
#include <mutex>
#include <optional>

namespace mpipe::app {

/// A file that comes into being when its folder does.
class LogFile final : public spdlog::sinks::base_sink<std::mutex> {
 public:
  explicit LogFile(int rank) : rank_(rank) {}

  void open(const fs::path& run_folder) {
    const std::lock_guard lock(mutex_);
    try {
      held_ = hold_folder(run_folder);
      make_folder(run_folder / "logs");
      open_in(run_folder);
    } catch (const Error&) {  // problems with logs are no reason to end a run
    }
  }

  void close() {
    const std::lock_guard lock(mutex_);
    file_.close();
  }

 private:
  static constexpr std::size_t kMostWaiting = std::size_t{1} << 20;

  void sink_it_(const spdlog::details::log_msg& message) override {
    spdlog::memory_buf_t text;
    formatter_->format(message, text);
    // Before the folder is known to be this run's, nothing may be written there. Messages wait in memory, up
    // to a bound, because a job without a folder never writes them.
    if (file_.is_open())
      file_.write(text.data(), static_cast<std::streamsize>(text.size()));
    else if (waiting_.size() + text.size() < kMostWaiting)
      waiting_.append(text.data(), text.size());
  }

  void flush_() override { file_.flush(); }

  void open_in(const fs::path& run_folder) {
    if (file_.is_open()) return;
    const fs::path path = path_now(run_folder / "logs" / fmt::format("rank-{:04}.log", rank_));
    std::error_code ignored;
    // A link in the place of the log could lead anywhere, so it is not written to.
    if (fs::is_symlink(path, ignored)) return;
    file_.open(path, std::ios::app);
    file_ << waiting_ << std::flush;
    waiting_.clear();
  }

  int rank_;
  std::optional<HeldFolder> held_;  ///< so that rank 0 can tell the others, at the end, where it is
  std::ofstream file_;
  std::string waiting_;
};

Logging::Logging(int rank, const std::string& level) : file_(std::make_shared<LogFile>(rank)) {
  const auto mode = stderr_has_colours() ? spdlog::color_mode::always : spdlog::color_mode::never;
  auto console = std::make_shared<spdlog::sinks::stderr_color_sink_mt>(mode);
  const spdlog::level::level_enum shown = spdlog::level::from_str(level);
  console->set_level(shown);
  console->set_pattern(fmt::format("pipeline_app[{}] %^%l%$: %v", rank));
  file_->set_level(spdlog::level::info);
  file_->set_formatter(std::make_unique<spdlog::pattern_formatter>(
      fmt::format("%Y-%m-%dT%H:%M:%S.%eZ rank={} level=%l %v", rank), spdlog::pattern_time_type::utc));
  auto logger = std::make_shared<spdlog::logger>("mpipe", spdlog::sinks_init_list{console, file_});
  // The logger lets through what either of the two wants; each of them then keeps its own level.
  logger->set_level(std::min(shown, spdlog::level::info));
  // A warning may be the last message before a crash, so it does not wait for others to fill the buffer.
  logger->flush_on(spdlog::level::warn);
  spdlog::set_default_logger(std::move(logger));
}

Logging::~Logging() { spdlog::shutdown(); }

void Logging::open(const fs::path& run_folder) { file_->open(run_folder); }

void Logging::move_to(const fs::path& run_folder) {
  // A log that is open stays as it is in `open`, so the one before has to be closed.
  file_->close();
  file_->open(run_folder);
}

void Logging::error_to_file(const std::string& text) {
  file_->log(spdlog::details::log_msg("mpipe", spdlog::level::err, text));
  file_->flush();
}

void Logging::flush() { file_->flush(); }

}  // namespace mpipe::app
