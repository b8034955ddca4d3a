// SPDX-License-Identifier: BSD-3-Clause
// Names of tasks for people, and the line that a worker writes when it crashes in one.
#include "futures/crash_report.hpp"

#include <mpipe/core/failure.hpp>

#include <fmt/format.h>

#include <cxxabi.h>
#include <dlfcn.h>
#include <unistd.h>

#include <atomic>
#include <cstdlib>
#include <map>

namespace mpipe::detail {

namespace {

/// What a thread runs. Its texts are made when a function comes for the first time: nothing may be allocated
/// in a handler of signals, nor time be lost at each task.
struct Running {
  TaskName name;
  const std::string* function = nullptr;
  bool active = false;
  std::map<std::pair<const std::type_info*, AnyFunction>, std::string> texts;
};
thread_local Running running;
/// Of the thread whose crash is reported: that of the worker, as functions may start others.
std::atomic<const Running*> reported = nullptr;
std::string reported_place;

std::string function_text(const TaskName& name) {
  Dl_info found{};
  // A function is named where the program tells its names to the loader; otherwise its type must do.
  if (name.target == nullptr || ::dladdr(reinterpret_cast<const void*>(name.target), &found) == 0 ||
      found.dli_sname == nullptr || found.dli_saddr != reinterpret_cast<const void*>(name.target))
    return type_name(*name.type);
  const std::unique_ptr<char, decltype(&std::free)> text(
      abi::__cxa_demangle(found.dli_sname, nullptr, nullptr, nullptr), &std::free);
  return text ? text.get() : found.dli_sname;
}

void report_crash(int number) {
  const Running* const task = reported.exchange(nullptr);
  if (task == nullptr || !task->active) return;
  SignalLine line;
  line.add("mpipe: ");
  line.add(reported_place.c_str());
  line.add(" crashed by signal ");
  line.add(Index{number});
  line.add(" in the submitted ");
  if (task->name.count > 0) {
    line.add("element ");
    line.add(task->name.first);
    line.add(" of a map of ");
  }
  line.add(task->function->c_str());
  line.write(STDERR_FILENO);
}

}  // namespace

std::string TaskName::text() const {
  const std::string function = function_text(*this);
  if (count == 0) return function;
  if (count == 1) return fmt::format("element {} of a map of {}", first, function);
  return fmt::format("elements {} to {} of a map of {}", first, first + count - 1, function);
}

void note_running(const TaskName& name) {
  if (running.function == nullptr || running.name.type != name.type || running.name.target != name.target) {
    std::string& text = running.texts[{name.type, name.target}];
    if (text.empty()) text = function_text(name);
    running.function = &text;
  }
  running.name = name;
  running.active = true;
}

void note_idle() { running.active = false; }

CrashReport::CrashReport(const ProcessPlace& place) : signals_(report_crash) {
  reported_place = fmt::format("rank {} on {}", place.rank, place.host);
  reported = &running;
}

CrashReport::~CrashReport() { reported = nullptr; }

}  // namespace mpipe::detail
