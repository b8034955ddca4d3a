// SPDX-License-Identifier: BSD-3-Clause
// Reads executors from text, and refuses names that no choice has.
#include <mpipe/options/choices.hpp>

#include "core/api/suggest.hpp"
#include "core/api/text.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <vector>

namespace mpipe {
namespace {

/// In the order of `ExecutorKind`.
constexpr std::array<std::string_view, 4> kExecutors{"mpi", "threads", "processes", "sequential"};
constexpr std::uint32_t kMostWorkers = 4096;

bool is_counted(ExecutorKind kind) {
  return kind == ExecutorKind::threads || kind == ExecutorKind::processes;
}

}  // namespace

void refuse_name(std::string_view option, Category category, std::string_view name,
                 std::span<const std::string_view> known) {
  std::string list(known.front());
  for (std::size_t k = 1; k < known.size(); ++k)
    list += fmt::format("{}{}", k + 1 < known.size() ? ", " : " or ", known[k]);
  throw Error(category,
              fmt::format("{} cannot be '{}'.{} Use {}.", option, printable(name),
                          did_you_mean(name, {known.begin(), known.end()}), list),
              {Subject::Kind::option, std::string(option)});
}

/// Never throws, so that callers with executors of their own can look for the name among those.
ExecutorChoice ExecutorChoice::parsed(std::string_view text) {
  ExecutorChoice choice;
  choice.kind = ExecutorKind::user;
  const std::size_t colon = std::min(text.find(':'), text.size());
  const auto found = std::find(kExecutors.begin(), kExecutors.end(), text.substr(0, colon));
  // Where no name was found this is no kind at all; it is looked at only if `valid`.
  const auto kind = static_cast<ExecutorKind>(found - kExecutors.begin());
  std::uint32_t count = 0;
  bool valid = found != kExecutors.end();
  if (colon < text.size()) {
    const char* const end = text.data() + text.size();
    const auto number = std::from_chars(text.data() + colon + 1, end, count);
    valid = valid && is_counted(kind) && number.ec == std::errc{} && number.ptr == end && count > 0 &&
            count <= kMostWorkers;
  }
  if (!valid) {
    // What is no known kind may be the name of an executor that the caller brings: it is kept here, and
    // refused by those who know that there is none.
    choice.user = text;
    return choice;
  }
  choice.kind = kind;
  choice.count = count;
  choice.calls_from_threads = is_counted(kind);  // of processes: the threads that drive them
  return choice;
}

std::string ExecutorChoice::to_string() const {
  if (kind == ExecutorKind::user) return user;
  const std::string_view name = kExecutors[static_cast<std::size_t>(kind)];
  return count == 0 ? std::string(name) : fmt::format("{}:{}", name, count);
}

void refuse_executor(std::string_view text) {
  const std::string_view kind = text.substr(0, text.find(':'));
  const bool known = std::find(kExecutors.begin(), kExecutors.end(), kind) != kExecutors.end();
  throw Error(Category::bad_option,
              known
                  ? fmt::format("'{}' is not an executor: only threads and processes take a number, from 1 "
                                "to {}.",
                                printable(text), kMostWorkers)
                  : fmt::format("there is no executor '{}'.{} Use mpi, threads[:n], processes[:n] or "
                                "sequential.",
                                printable(text), did_you_mean(kind, {kExecutors.begin(), kExecutors.end()})),
              {Subject::Kind::option, "executor"});
}

}  // namespace mpipe
