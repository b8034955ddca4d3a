// SPDX-License-Identifier: BSD-3-Clause
#include "launch.hpp"

#include <fmt/format.h>

#include <cstdlib>
#include <optional>

namespace mpipe::app {
namespace {

struct Problem {
  Category category;
  std::string message;
};

std::optional<Problem> attempt(const std::function<void()>& step) {
  try {
    step();
    return std::nullopt;
  } catch (const Error& error) {
    return Problem{error.category(), error.what()};
  } catch (const std::exception& error) {
    return Problem{Category::internal_error, error.what()};
  }
}

}  // namespace

int launched_rank() {
  for (const char* name : {"OMPI_COMM_WORLD_RANK", "PMIX_RANK", "PMI_RANK", "SLURM_PROCID"})
    if (const char* text = std::getenv(name)) return std::atoi(text);
  return 0;
}

void together(const Communicator& comm, const std::function<void()>& step) {
  const std::optional<Problem> problem = attempt(step);
  const int me = problem ? comm.rank() : comm.size();
  const auto first = static_cast<int>(comm.all_reduce(std::int64_t{me}, ReduceOp::min));
  if (first == comm.size()) return;
  const auto category = comm.broadcast_value(problem ? problem->category : Category::internal_error, first);
  std::string message = problem ? problem->message : std::string();
  if (first != 0 && first == comm.rank())
    message = fmt::format("rank {} on {}: {}", first, host_name(), message);
  message = comm.broadcast_text(std::move(message), first);
  throw Error(category, message);
}

}  // namespace mpipe::app
