// SPDX-License-Identifier: BSD-3-Clause
// Elements that several ranks compute together, and how many those are.
#include <mpipe/core/error.hpp>

#include "exec/api/activity.hpp"
#include "exec/block_runner_parts.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <utility>

namespace mpipe {
namespace {

/// So many elements are asked for their number of ranks in one call of the rule.
constexpr Index asked_at_once = 4096;

}  // namespace

std::optional<Failure> BlockRunner::try_element(const Block& block, const Comm& comm,
                                                const Attempt& attempt) {
  const Stage& stage = plan_.stages()[block.stage.value];
  if (stage.functions.size() != 1 || !functions_[stage.functions.front().value] || block.range.size() != 1)
    throw Bug(fmt::format("a block of stage {} is none for a team", block.stage.value));
  const PreparedFunction& function = *functions_[stage.functions.front().value];
  // The buffers stay from the first try to `end_element`, which keeps what the last try has left in them.
  if (!team_try_) team_try_ = std::make_unique<TeamTry>(TeamTry{take_scratch(), {}, 0, {}, false});
  Scratch& scratch = *team_try_->scratch;
  team_try_->leads = comm.rank() == 0;
  const TimePoint begin = SteadyClock().now();
  try {
    bind_arguments(function, block.range, scratch);
  } catch (const Error& error) {
    return argument_failure(function, block.range.begin, error);
  }
  bind_outputs(function, block.range, scratch);
  if (!team_try_->leads) put_apart(scratch);
  BlockCall call = call_of(function, block.range, scratch, attempt);
  call.comm = &comm;
  ActivityNote activity(function.node->outputs.front(), function.external, block.range, false);
  std::optional<Failure> failure;
  try {
    Index calls = 0;
    call_body(function, call, scratch, calls);
    if (const auto overlooked = overlooked_error(comm))
      throw Error(Category::function_raised,
                  fmt::format("MPI reported an error that the function went over (what it returned cannot be "
                              "trusted): {}. Look at the codes that MPI returns.",
                              *overlooked));
  } catch (...) {
    failure = failure_of(function, block.range.begin, scratch);
    if (was_told_to_stop(*failure, call.stop)) failure->category = Category::drained;
    overlooked_error(comm);  // what is left of it belongs to this call
  }
  ++team_try_->calls;
  team_try_->took += SteadyClock().now() - begin;
  return failure;
}

/// Members that do not lead put what they compute where nobody looks.
void BlockRunner::put_apart(Scratch& scratch) {
  team_try_->apart.assign(scratch.columns.size(), {});
  for (std::size_t k = 0; k < scratch.columns.size(); ++k) {
    if (scratch.columns[k].fixed == nullptr) continue;
    // Columns that collect values are apart already; only those that write straight into the array are not.
    team_try_->apart[k].resize(scratch.columns[k].type->size);
    scratch.columns[k].fixed = team_try_->apart[k].data();
  }
}

BlockReport BlockRunner::end_element(const Block& block, std::optional<Failure> failure) {
  const std::unique_ptr<TeamTry> last = std::move(team_try_);
  const PreparedFunction& function = *functions_[plan_.stages()[block.stage.value].functions.front().value];
  BlockReport report;
  report.block = block;
  report.completed = 1;
  if (!last) {  // it threw before it began
    report.completed = 0;
    report.failure = std::move(failure);
    return report;
  }
  if (last->leads) {
    if (!failure) failure = keep_element(function, block, *last->scratch, report);
    if (failure) clear(function, block.range);
    if (failure && failure->category == Category::drained) {
      report.stopped = true;
      report.completed = 0;
    } else if (failure && (!options_.keep_going || ends_the_run(function, *failure))) {
      report.failure = std::move(failure);
      report.completed = 0;
    } else if (failure) {
      note_failed(function, std::move(*failure), report);
    }
    // The leader alone notes the cost, so that a call counts once and not once per member.
    note_cost(function.planned->id, last->calls, last->took);
    if (sink_ != nullptr) report.journal_bytes = sink_->journal_bytes();
  }
  return_scratch(std::move(last->scratch));
  return report;
}

/// Returns what is wrong with the shape of the value.
std::optional<Failure> BlockRunner::keep_element(const PreparedFunction& function, const Block& block,
                                                 Scratch& scratch, BlockReport& report) {
  check_files();
  try {
    const auto guard = lock();
    keep(function, block.range, scratch, report);
    return std::nullopt;
  } catch (const Error& error) {
    if (!is_of_shapes(error)) throw;
    return failure_of(function, block.range.begin, scratch);
  }
}

std::vector<TeamElements> BlockRunner::teams_of(FunctionId id, const RangeSet& elements, int most) {
  const Function& function = plan_.pipeline().function(id).function;
  if (!function.rank_rule()) return {{static_cast<std::uint32_t>(function.resources().ranks), elements}};
  const PlannedFunction& planned = *plan_.function(id);
  const Shape external = known_shape(plan_.external_shape(planned.stage));
  std::vector<PreparedArgument> arguments(planned.arguments.size());
  std::vector<ArgumentView> views;
  for (const std::size_t k : function.rank_rule_positions()) {
    // Only the arguments that the rule takes are prepared, as preparing may convert or join a whole array.
    prepare_argument(planned, k, arguments[k]);
    views.push_back(arguments[k].view);
  }
  std::map<std::uint32_t, RangeSet> teams;
  for (const IndexRange& range : elements.ranges())
    for (Index begin = range.begin; begin < range.end; begin += asked_at_once) {
      const IndexRange asked{begin, std::min(range.end, begin + asked_at_once)};
      for (const PreparedArgument& argument : arguments) argument.fetch(external, asked);
      ask_rule(id, external, asked, views, most, teams);
    }
  std::vector<TeamElements> all;
  for (auto& [ranks, some] : teams) all.push_back({ranks, std::move(some)});
  return all;
}

/// Adds what the rule says of a range of elements.
void BlockRunner::ask_rule(FunctionId id, const Shape& external, IndexRange range,
                           std::span<const ArgumentView> views, int most,
                           std::map<std::uint32_t, RangeSet>& teams) const {
  const FunctionNode& node = plan_.pipeline().function(id);
  const FunctionBody& rule = *node.function.rank_rule()->body;
  std::vector<ValueType> types;
  for (const ArgumentView& view : views) types.push_back({view.type, view.slice_shape.size(), false});
  const ElementType& type = *rule.outputs(types).front().element;
  std::vector<std::byte> numbers(type.size * static_cast<std::size_t>(range.size()));
  std::vector<OutputColumn> columns(1);
  columns[0].type = &type;
  columns[0].fixed = numbers.data();
  BlockCall call{range, &external, views, columns, 0, 0, 0};
  const auto where = [&](Index element) {
    return fmt::format("{}{}", node.name(),
                       external.empty() ? "" : index_to_string(multi_index(element, external)));
  };
  try {
    rule.call(call);
  } catch (...) {
    throw Error(Category::bad_option,
                fmt::format("the rule for the ranks of '{}' failed at {}: {}", node.name(),
                            where(range.begin + call.completed), failure_from_current_exception().message));
  }
  const Value values = Value::copy_of(type, {range.size()}, numbers).converted(element_type<double>());
  const auto* ranks = reinterpret_cast<const double*>(values.data());
  for (Index k = 0; k < range.size(); ++k) {
    const Index element = range.begin + k;
    // The comparison is negated so that it refuses a NaN, too.
    if (!(ranks[k] >= 1 && ranks[k] <= most) || ranks[k] != std::floor(ranks[k]))
      throw Error(
          Category::bad_option,
          fmt::format("the rule for the ranks of '{}' says {} for {}, and the run has {} for one call "
                      "(rank 0 schedules and is in no team). Give a whole number from 1 to {}, or start "
                      "the run on more ranks.",
                      node.name(), ranks[k], where(element), most, most));
    teams[static_cast<std::uint32_t>(ranks[k])].insert({element, element + 1});
  }
}

}  // namespace mpipe
