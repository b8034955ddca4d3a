// SPDX-License-Identifier: BSD-3-Clause
#include "run/teams.hpp"

#include <mpipe/core/error.hpp>

#include "exec/api/block_runner.hpp"

#include <fmt/format.h>

#include <charconv>
#include <cmath>
#include <cstdlib>
#include <string_view>

namespace mpipe {
namespace {

constexpr Duration kDefaultGrace = std::chrono::seconds(30);

template <class Predicate>
bool any_function(const Plan& plan, Predicate&& holds) {
  for (const Stage& stage : plan.stages())
    for (const FunctionId id : stage.functions)
      if (holds(plan.pipeline().function(id).function)) return true;
  return false;
}

bool takes_constants_only(const Plan& plan, FunctionId id) {
  const PlannedFunction& planned = *plan.function(id);
  for (const std::size_t k : plan.pipeline().function(id).function.rank_rule_positions())
    if (planned.arguments[k].output) return false;
  return true;
}

[[noreturn]] void refuse(const FunctionNode& node, const ExecutorChoice& executor, int ranks, int most) {
  const int wanted = node.function.resources().ranks;
  if (executor.kind != ExecutorKind::mpi)
    throw Error(
        Category::bad_option,
        fmt::format("function '{}' wants {} ranks for one call, which the executor '{}' does not have. "
                    "Use mpi, on {} ranks or more (mpirun -n {}).",
                    node.name(), wanted, executor.to_string(), wanted + 1, wanted + 1));
  throw Error(
      Category::bad_option,
      fmt::format("function '{}' wants {} ranks for one call, and this run on {} has {} for it (rank 0 "
                  "schedules and is in no team). Start it on {} ranks or more (mpirun -n {}).",
                  node.name(), wanted, ranks, ranks > 1 ? most : 0, wanted + 1, wanted + 1));
}

}  // namespace

bool wants_teams(const Plan& plan) {
  return any_function(plan, [](const Function& function) { return function.wants_teams(); });
}

bool takes_communicators(const Plan& plan) {
  return any_function(plan, [](const Function& function) { return function.body().takes_communicator(); });
}

int most_ranks(const Settings& settings, StageId stage, int ranks) {
  const bool mpi = settings.executors[settings.executor_of_stage[stage.value]].kind == ExecutorKind::mpi;
  return mpi ? std::max(1, ranks - 1) : 1;
}

void check_teams(const Plan& plan, const Settings& settings, int ranks) {
  for (const Stage& stage : plan.stages()) {
    const FunctionId id = stage.functions.front();
    const FunctionNode& node = plan.pipeline().function(id);
    if (!node.function.wants_teams()) continue;
    const int most = most_ranks(settings, stage.id, ranks);
    if (node.function.resources().ranks > most)
      refuse(node, settings.executors[settings.executor_of_stage[stage.id.value]], ranks, most);
    if (!node.function.rank_rule() || !is_known(plan.external_shape(stage.id)) ||
        !takes_constants_only(plan, id))
      continue;
    RunArrays none(plan);
    BlockRunner(plan, none, nullptr, {}).teams_of(id, plan.selected(stage.id), most);
  }
}

Duration team_grace(const MapOptions& options) {
  if (options.team_grace) {
    if (*options.team_grace < Duration::zero())
      throw Error(Category::bad_option,
                  fmt::format("team_grace is {} s. Give 0 or more.", seconds(*options.team_grace)));
    return *options.team_grace;
  }
  const char* text = std::getenv("MPIPE_TEAM_GRACE");
  if (text == nullptr) return kDefaultGrace;
  const std::string_view all(text);
  double number = 0;
  const auto parsed = std::from_chars(all.data(), all.data() + all.size(), number);
  constexpr double kMost = 1e9;
  if (parsed.ec != std::errc{} || parsed.ptr != all.data() + all.size() || !(number >= 0 && number <= kMost))
    throw Error(Category::bad_option,
                fmt::format("MPIPE_TEAM_GRACE is '{}'. Give a number of seconds, 0 or more.", all));
  return std::chrono::duration_cast<Duration>(std::chrono::duration<double>(number));
}

}  // namespace mpipe
