// SPDX-License-Identifier: BSD-3-Clause
// Runs a sweep in virtual time.
#include "pilot/predict.hpp"

#include <mpipe/core/error.hpp>

#include "run/api/rank0_work.hpp"
#include "schedule/api/virtual_cluster.hpp"
#include "table.hpp"

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include <algorithm>

namespace mpipe::app {
namespace {

using nlohmann::json;

/// Of messages between ranks of a cluster, as far as they matter: elements that are shorter are handed out many at a time.
constexpr Duration kLatency = std::chrono::microseconds(3);
constexpr Duration kMessageCost = std::chrono::microseconds(2);
/// Shorter blocks are not made where there is enough to do (`SchedulerOptions::target_block`).
constexpr Duration kShortestBlock = std::chrono::microseconds(100);
/// Elements that are simulated one by one; of more, several count as one.
constexpr Index kMostSimulated = 100'000;
constexpr Index kLeastPerWorker = 20;

[[noreturn]] void refuse(const std::string& problem) {
  throw Error(Category::bad_option, fmt::format("pilot: {}.", problem), {Subject::Kind::option, "pilot"});
}

/// A number that looks random, the same for the same two.
std::uint64_t mixed(std::uint64_t stage, std::uint64_t element) {
  std::uint64_t x = (stage << 48) + element + 0x9e3779b97f4a7c15U;
  x = (x ^ (x >> 30)) * 0xbf58476d1ce4e5b9U;
  x = (x ^ (x >> 27)) * 0x94d049bb133111ebU;
  return x ^ (x >> 31);
}

/// A stage whose elements are counted several at a time.
struct Bundles {
  const StageModel* stage = nullptr;
  Index size = 1;
  Duration mean{};

  explicit Bundles(const StageModel& model, std::size_t workers) : stage(&model) {
    const Index most = std::max(kMostSimulated, kLeastPerWorker * static_cast<Index>(workers));
    size = (model.elements + most - 1) / most;
    Duration sum{};
    for (const Duration time : model.times) sum += time;
    mean = sum / static_cast<Duration::rep>(model.times.size());
  }
  /// Blocks that the scheduler would make of a bundle.
  Index blocks() const { return std::max<Index>(1, mean * size / std::max(mean, kShortestBlock)); }
  Index count() const { return (stage->elements + size - 1) / size; }
  Duration time(Index bundle) const {
    constexpr Index kMostDrawn = 16;
    const Index begin = bundle * size;
    const Index end = std::min(begin + size, stage->elements);
    // A sum of many is near enough to as many times the mean.
    if (end - begin > kMostDrawn) return mean * (end - begin);
    Duration sum{};
    for (Index k = begin; k < end; ++k)
      sum += stage->times[mixed(stage->id.value, static_cast<std::uint64_t>(k)) % stage->times.size()];
    return sum;
  }
};

}  // namespace

WorkerModel worker_model(const Plan& plan, const MapOptions& options, int ranks) {
  for (const Stage& stage : plan.stages())
    for (const FunctionId id : stage.functions)
      if (const FunctionNode& node = plan.pipeline().function(id); node.function.wants_teams())
        refuse(
            fmt::format("the calls of '{}' are made by several ranks together, which cannot be predicted. "
                        "Leave --pilot out",
                        node.name()));
  const Settings settings = make_settings(plan, options, ranks);
  if (settings.executors.size() > 1)
    refuse(
        "a run with several executors cannot be predicted (they share the cores in ways that nobody knows "
        "beforehand). Give one executor, or leave --pilot out");
  const ExecutorChoice& executor = settings.executors.front();
  switch (executor.kind) {
    case ExecutorKind::sequential:
      return {1, {}};
    case ExecutorKind::threads:
    case ExecutorKind::processes:
      return {std::max<std::size_t>(1, executor.count), {}};
    case ExecutorKind::user:
      refuse("a run with an executor of your own cannot be predicted. Leave --pilot out");
    case ExecutorKind::mpi:
      break;
  }
  const auto others = static_cast<std::size_t>(ranks - 1);
  if (ranks == 1) return {1, {}};
  if (options.rank0 == Rank0::schedule) return {others, {}};
  if (may_have_thread(plan)) return {others + 1, {}};
  return {others + 1, options.rank0 == Rank0::work ? Duration::max() : kRank0Slice};
}

Prediction predict(const RunModel& model, const WorkerModel& workers, int ranks) {
  std::map<std::uint32_t, Bundles> bundles;
  std::map<std::size_t, std::vector<std::pair<StageId, RangeSet>>> waves;
  double busy = 0;
  Index most_blocks = 1;
  for (const StageModel& stage : model.stages) {
    const Bundles& all = bundles.emplace(stage.id.value, Bundles(stage, workers.workers)).first->second;
    waves[stage.wave].emplace_back(stage.id, RangeSet{{0, all.count()}});
    busy += seconds(all.mean) * static_cast<double>(stage.elements);
    most_blocks = std::max(most_blocks, all.blocks());
  }
  VirtualClusterOptions cluster{
      .workers = workers.workers, .latency = kLatency, .message_cost = kMessageCost};
  cluster.max_block_of_rank0 = workers.max_block_of_rank0;
  // A message about several blocks stands for as many messages.
  cluster.message_cost *= static_cast<Duration::rep>(most_blocks);
  VirtualCluster simulated(cluster, {},
                           [&](StageId stage, Index bundle) { return bundles.at(stage.value).time(bundle); });
  Duration makespan{};
  for (const auto& [wave, stages] : waves) makespan = simulated.run(stages);
  Prediction prediction{ranks, workers.workers, seconds(makespan), 0, 0};
  constexpr double kSecondsPerHour = 3600;
  const double rank_seconds = prediction.makespan_seconds * ranks;
  prediction.core_hours = rank_seconds / kSecondsPerHour;
  if (rank_seconds > 0) prediction.efficiency = busy / rank_seconds;
  return prediction;
}

std::string pilot_text(const PilotReport& report) {
  Table functions({"function", "calls", "mean", "longest", "elements of the run"});
  for (const PilotFunction& each : report.functions)
    functions.add({each.name, fmt::format("{}", each.calls), call_time_text(each.mean_seconds),
                   call_time_text(each.max_seconds), fmt::format("{}", each.elements)});
  Table predictions({"ranks", "time", "core-hours", "efficiency"});
  for (const Prediction& each : report.predictions)
    predictions.add({fmt::format("{}", each.ranks), duration_text(each.makespan_seconds),
                     fmt::format("{:.3g}", each.core_hours), fmt::format("{:.0f} %", 100 * each.efficiency)});
  std::string text =
      fmt::format("pilot: some elements were computed, in {}; nothing was stored\n{}\npredicted\n{}",
                  duration_text(report.seconds), functions.text("  "), predictions.text("  "));
  text += fmt::format("  results take {}\n", bytes_text(report.file_bytes));
  for (const std::string& note : report.notes) text += fmt::format("  note: {}\n", note);
  return text;
}

json pilot_json(const PilotReport& report) {
  json functions = json::object();
  for (const PilotFunction& each : report.functions)
    functions[each.name] = {{"calls", each.calls},
                            {"mean_seconds", each.mean_seconds},
                            {"max_seconds", each.max_seconds},
                            {"elements", each.elements},
                            {"scale", each.scale}};
  json predictions = json::array();
  for (const Prediction& each : report.predictions)
    predictions.push_back({{"ranks", each.ranks},
                           {"workers", each.workers},
                           {"makespan_seconds", each.makespan_seconds},
                           {"core_hours", each.core_hours},
                           {"efficiency", each.efficiency}});
  return {{"seconds", report.seconds},
          {"functions", functions},
          {"predictions", predictions},
          {"file_bytes", report.file_bytes},
          {"notes", report.notes}};
}

}  // namespace mpipe::app
