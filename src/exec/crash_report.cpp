// SPDX-License-Identifier: BSD-3-Clause
// Says which element ended a rank, from a handler of signals or while the process ends.
#include "exec/api/crash_report.hpp"

#include "exec/api/activity.hpp"

#include <fmt/format.h>

#include <fcntl.h>
#include <unistd.h>

#include <atomic>
#include <cstdio>
#include <cstdlib>

namespace mpipe {
namespace {

// Texts for handlers, which can make none. A run ends before its texts are others'.
std::string place_text;
std::string file_path;
std::atomic<bool> taken = false;
std::atomic<bool> reports = false;

/// The element that this thread is in; else one that the process is in, as functions may start threads.
const Activity* guilty() {
  const Activity* any = nullptr;
  const Activity* own = nullptr;
  const int self = ::gettid();
  for_each_activity([&](const Activity& activity) {
    if (any == nullptr) any = &activity;
    if (activity.thread == self) own = &activity;
  });
  return own != nullptr ? own : any;
}

void write_to_file(SignalLine& line, int flags) {
  if (file_path.empty()) return;
  const int file = ::open(file_path.c_str(), O_WRONLY | O_APPEND | O_CLOEXEC | O_NOFOLLOW | flags, 0666);
  if (file < 0) return;
  line.write(file);
  ::close(file);
}

/// `how`: "crashed by signal 11 (SIGSEGV)".
void report(const Activity* activity, const char* how, Index number, const char* name) {
  SignalLine line;
  line.add(place_text.c_str());
  line.add(how);
  line.add(number);
  line.add(name);
  if (activity == nullptr) {
    line.add(", in no function.");
  } else {
    line.add(" in ");
    add_activity(line, *activity);
    if (activity->can_be_isolated) {
      line.add(". Go on with '--resume --isolate ");
      line.add(activity->function.load());
      line.add("': what it does there costs that element alone.");
    } else {
      line.add(". Mend it, and go on with '--resume'.");
    }
  }
  write_to_file(line, O_CREAT);
  SignalLine shown;
  shown.add("mpipe: ");
  shown.add(line);
  shown.write(STDERR_FILENO);
}

const char* name_of_signal(int number) {
  switch (number) {
    case SIGSEGV:
      return " (SIGSEGV)";
    case SIGBUS:
      return " (SIGBUS)";
    case SIGFPE:
      return " (SIGFPE)";
    case SIGILL:
      return " (SIGILL)";
    default:
      return " (SIGABRT)";
  }
}

void report_signal(int number) { report(guilty(), " crashed by signal ", number, name_of_signal(number)); }

/// Only where this very thread is in a function: threads of others end together with the process, too, and so do
/// processes that were forked from it.
void report_exit(int code, void*) {
  const Activity* const activity = guilty();
  if (!reports || activity == nullptr || activity->thread != ::gettid()) return;
  report(activity, " was ended by exit(", code, ")");
  std::fflush(nullptr);  // what the function printed
  ::_exit(exit_code(Category::rank_lost));
}

}  // namespace

RankCrashReport::RankCrashReport(const ProcessPlace& place, const std::string& file) {
  if (taken.exchange(true)) return;
  place_text = fmt::format("rank {} on {}", place.rank, place.host);
  file_path = file;
  // For good, as nothing takes it back; registered late, so that it comes before what libraries do at the end.
  [[maybe_unused]] static const int registered = ::on_exit(report_exit, nullptr);
  signals_.emplace(report_signal);
  reports = true;
}

RankCrashReport::~RankCrashReport() {
  if (!signals_) return;
  reports = false;
  signals_.reset();
  taken = false;
}

void add_to_crash_report() {
  if (!reports) return;
  for_each_activity([](const Activity& activity) {
    SignalLine line;
    line.add(place_text.c_str());
    line.add(" was at ");
    add_activity(line, activity);
    line.add(".");
    write_to_file(line, 0);
  });
}

}  // namespace mpipe
