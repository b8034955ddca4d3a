// SPDX-License-Identifier: BSD-3-Clause
// The beginning of a map run: the machine, the run folder and its store.
#include <mpipe/core/error.hpp>
#include <mpipe/core/version.hpp>

#include "comm/api/collective.hpp"
#include "core/api/hash.hpp"
#include "run/map_run.hpp"
#include "run/map_run_sink.hpp"
#include "run/teams.hpp"

#include <fmt/chrono.h>
#include <fmt/format.h>

#include <algorithm>
#include <ctime>
#include <random>

namespace mpipe {
namespace {

std::string hexadecimal(std::uint64_t digest) { return fmt::format("{:016x}", digest); }

std::string attribute(const Function& function, const std::string& output, const std::string& key) {
  const auto of_output = function.attributes().find(output);
  if (of_output == function.attributes().end()) return {};
  const auto text = of_output->second.find(key);
  return text == of_output->second.end() ? std::string() : text->second;
}

std::string random_id() {
  std::random_device device;
  return fmt::format("{:08x}{:08x}", device(), device());
}

std::string now_in_utc() { return fmt::format("{:%Y-%m-%dT%H:%M:%SZ}", fmt::gmtime(std::time(nullptr))); }

}  // namespace

MachineInfo MapRun::describe_machine(const Supply& supply) const {
  MachineInfo machine;
  machine.ranks = comm_.size();
  for (const ExecutorChoice& executor : settings_.executors)
    machine.executor += (machine.executor.empty() ? "" : ", ") + executor.to_string();
  machine.cores = 0;
  for (const NodeSupply& node : supply.nodes) {
    machine.hosts.push_back(node.host);
    machine.cores += node.cores;
    machine.oversubscribed = machine.oversubscribed || static_cast<int>(node.ranks.size()) > node.cores;
  }
  machine.bound = supply.bound;
  return machine;
}

/// All functions may be called by a thread beside the one that schedules. Calls with threads or gpus change
/// the environment, which is left to the thread that reads it.
bool MapRun::may_have_thread() const {
  const auto may = [&](FunctionId id) {
    const Function& function = pipeline_.function(id).function;
    return runs_in_threads(function) && function.resources().threads == 0 && function.resources().gpus == 0;
  };
  return std::all_of(plan_.stages().begin(), plan_.stages().end(), [&](const Stage& stage) {
    return std::all_of(stage.functions.begin(), stage.functions.end(), may);
  });
}

void MapRun::choose_workers(const DeviceShares& devices) {
  const bool with_others = settings_.uses(ExecutorKind::mpi) && comm_.size() > 1;
  rank0_computes_ = !with_others || (options_.rank0 != Rank0::schedule && devices.rank0_computes);
  rank0_has_thread_ = with_others && rank0_computes_ && may_have_thread() && comm_.threads_allowed();
  machine_.rank0 = rank0_computes_ ? (with_others ? "schedules and works" : "works") : "schedules";
}

/// Collective. Gets ready for functions that take communicators. Returns the one of this rank alone.
Comm MapRun::form_teams(const Supply& supply) {
  if (wants_teams(plan_) && comm_.size() > 1) {
    team_maker_ = make_team_maker(comm_.duplicate());
    node_of_rank_.resize(static_cast<std::size_t>(comm_.size()));
    for (std::uint32_t node = 0; node < supply.nodes.size(); ++node)
      for (const int rank : supply.nodes[node].ranks) node_of_rank_[static_cast<std::size_t>(rank)] = node;
  }
  if (!takes_communicators(plan_) || !comm_.uses_mpi()) return {};
  const int self = comm_.rank();
  return function_comm(comm_.subgroup(std::span(&self, 1)));
}

/// What is called in place of the functions: those that are isolated by themselves, or by their executor.
std::vector<CalledBody> MapRun::isolate_functions() {
  std::vector<CalledBody> bodies(pipeline_.functions().size());
  for (std::uint32_t id = 0; id < bodies.size(); ++id) {
    const auto& planned = plan_.function({id});
    if (!planned) continue;
    const Function& function = pipeline_.function({id}).function;
    const ExecutorChoice& executor = settings_.executors[settings_.executor_of_stage[planned->stage.value]];
    const bool alone = function.isolation() == Isolation::process;
    if (!alone && (executor.kind != ExecutorKind::processes || !comm_.is_root())) continue;
    if (!isolated_) isolated_ = std::make_unique<IsolatedBodies>(comm_.zygote());
    bodies[id] = {isolated_->isolate(function, alone ? ChildLife::one_call : ChildLife::many), alone};
  }
  if (!isolated_) bodies.clear();
  return bodies;
}

RunDescription MapRun::describe() const {
  RunDescription description;
  description.run_id = random_id();
  description.document = options_.document;
  description.pipeline_digest = hexadecimal(fnv1a(pipeline_.digest_text()));
  description.error_handling = options_.error_handling;
  description.seed = options_.seed;
  description.command_line = options_.command_line;
  description.created = now_in_utc();
  description.versions["mpipe"] = std::string(version());
  for (std::size_t k = 0; k < plan_.outputs().size(); ++k) {
    const PlannedOutput& output = plan_.outputs()[k];
    const auto& spec = pipeline_.function(output.function).mapspec;
    description.outputs.push_back({output.name, std::string(output.layout.type->dtype()),
                                   spec ? spec->to_string() : "", output.layout.axes, output.layout.shape,
                                   std::string(to_string(settings_.storage[k])), output.layout.rank_known});
  }
  for (const auto& [name, value] : inputs_)
    description.inputs.push_back(
        {name, std::string(value.type().dtype()), value.shape(), hexadecimal(value.digest())});
  return description;
}

RunLayout MapRun::layout() const {
  RunLayout layout;
  for (std::size_t k = 0; k < plan_.outputs().size(); ++k) {
    const PlannedOutput& output = plan_.outputs()[k];
    const FunctionNode& node = pipeline_.function(output.function);
    OutputLayout out;
    out.name = output.name;
    out.type = output.layout.type;
    out.mapspec = node.mapspec ? node.mapspec->to_string() : "";
    out.dims = output.layout.axes;
    out.external = output.layout.external;
    out.shape = output.layout.shape;
    out.rank_known = output.layout.rank_known;
    out.storage = settings_.storage[k];
    out.units = attribute(node.function, output.name, "units");
    out.long_name = attribute(node.function, output.name, "long_name");
    if (plan_.is_selection() && is_known(plan_.external_shape(output.stage)))
      out.selected = plan_.selected(output.stage);
    layout.outputs.push_back(std::move(out));
  }
  std::vector<MapSpec> specs;
  for (const FunctionNode& node : pipeline_.functions())
    if (node.mapspec) specs.push_back(*node.mapspec);
  const auto axes = axes_of_arrays(specs);
  for (const auto& [name, value] : inputs_) {
    const auto named = axes.find(name);
    if (value.rank() > 1 || (value.rank() == 1 && (named == axes.end() || !named->second.front()))) continue;
    InputLayout input;
    input.name = name;
    if (!value.is_scalar()) input.dims = {*named->second.front()};
    input.value = value;
    layout.inputs.push_back(std::move(input));
  }
  return layout;
}

/// A run that goes on after failures does not try them again, unless it is told to; one that stopped at a
/// failure does.
bool MapRun::keeps_failed() const { return options_.error_handling == "continue" && !options_.retry_failed; }

/// What earlier starts failed at. A call fails with all of its outputs, whatever of that was noted before a
/// start was killed.
void MapRun::keep_failed() {
  if (!keeps_failed()) return;
  const std::vector<OutputProgress>& progress = store_->progress();
  for (std::uint32_t id = 0; id < pipeline_.functions().size(); ++id) {
    const auto& function = plan_.function({id});
    if (!function) continue;
    RangeSet failed;
    RangeSet done = stored_[function->outputs.front().value];
    for (const OutputId output : function->outputs) {
      failed = failed.united(progress[output.value].failed);
      done = done.intersection(stored_[output.value]);
    }
    for (const OutputId output : function->outputs)
      lost_[output.value] = failed_[output.value] = failed.difference(done);
  }
}

void MapRun::open_store() {
  if (options_.run_folder.empty()) return;
  const Bytes id = on_root(comm_, [&] {
    RunDescription description = describe();
    folder_.emplace(options_.resume ? RunFolder::resume(options_.run_folder)
                                    : RunFolder::create(options_.run_folder, options_.overwrite));
    if (folder_->has_run()) {
      const RunDescription earlier = read_description(folder_->path());
      check_same_run(earlier, description);
      description.run_id = earlier.run_id;
      description.created = earlier.created;
    }
    Bytes bytes;
    const std::uint8_t goes_on = folder_->has_run() ? 1 : 0;
    detail::append(bytes, &goes_on, 1);
    detail::append(bytes, description.run_id.data(), description.run_id.size());
    description_ = std::move(description);
    return bytes;
  });
  const bool goes_on = id.front() != std::byte{0};
  files_.run_id.assign(reinterpret_cast<const char*>(id.data()) + 1, id.size() - 1);
  try {
    store_ = goes_on ? resume_run_store(comm_, options_.run_folder, files_, {.keep_failed = keeps_failed()})
                     : create_run_store(comm_, options_.run_folder, files_, {});
    // The folder becomes a run when its files are there: a start that fails before leaves nothing to go on
    // with.
    on_root(comm_, [&] {
      if (!goes_on) folder_->write_description(description_);
      return Bytes{};
    });
  } catch (...) {
    if (folder_ && !goes_on) folder_->abandon();
    throw;
  }
  stored_ = store_->stored();
  done_ = stored_;
  keep_failed();
  for (std::size_t k = 0; k < plan_.outputs().size(); ++k) {
    const ArrayLayout& planned = plan_.outputs()[k].layout;
    if (!store_->shape_known(k)) continue;
    resolved_in_store_[k] = true;
    const Shape shape = known_shape(store_->shape(k));
    Shape internal;
    for (std::size_t axis = 0; axis < shape.size(); ++axis)
      if (!planned.rank_known || !planned.external[axis]) internal.push_back(shape[axis]);
    if (!planned.rank_known || !is_known(planned.internal_shape()))
      plan_.resolve({static_cast<std::uint32_t>(k)}, internal);
  }
}

}  // namespace mpipe
