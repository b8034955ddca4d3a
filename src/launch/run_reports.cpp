// SPDX-License-Identifier: BSD-3-Clause
#include "launch/run_reports.hpp"

#include <mpipe/plan/plan.hpp>

namespace mpipe {
namespace {

constexpr Duration kPeriod = std::chrono::milliseconds(100);

/// What functions throw may hold any bytes.
std::string dump(const Json& json) { return json.dump(-1, ' ', false, Json::error_handler_t::replace); }

Json encode_counts(const ElementCounts& counts) { return {counts.done, counts.failed, counts.blocked}; }

ElementCounts decode_counts(const Json& json) {
  const std::vector<Index> counts = decode_indices(json);
  if (counts.size() != 3) throw Bug("a rank told numbers of elements that are not three");
  return {counts[0], counts[1], counts[2]};
}

Json encode_machine(const MachineInfo& machine) {
  return {{"ranks", machine.ranks}, {"hosts", machine.hosts},
          {"cores", machine.cores}, {"oversubscribed", machine.oversubscribed},
          {"bound", machine.bound}, {"executor", machine.executor},
          {"rank0", machine.rank0}};
}

MachineInfo decode_machine(const Json& json) {
  return {whole_number<int>(json.at("ranks")),
          json.at("hosts"),
          whole_number<int>(json.at("cores")),
          json.at("oversubscribed"),
          json.at("bound"),
          json.at("executor"),
          json.at("rank0")};
}

}  // namespace

RunStart decode_start(const std::string& text) {
  const Json json = Json::parse(text);
  RunStart start{decode_machine(json.at("machine")), {}, json.at("shapes")};
  for (const Json& counts : json.at("kept")) start.kept.push_back(decode_counts(counts));
  return start;
}

std::vector<std::pair<FunctionId, ElementCounts>> decode_progress(const std::string& text) {
  std::vector<std::pair<FunctionId, ElementCounts>> progress;
  for (const Json& entry : Json::parse(text))
    progress.emplace_back(FunctionId{whole_number<std::uint32_t>(entry.at(0))}, decode_counts(entry.at(1)));
  return progress;
}

Json ResultsCodec::encode(const Results& results) {
  Json outputs = Json::array();
  for (const std::string& name : results.names_) {
    const OutputResult& output = results.outputs.at(name);
    outputs.push_back({encode_elements(output.selected), encode_elements(output.done),
                       encode_elements(output.failed), encode_elements(output.blocked),
                       encode_elements(output.blocked_by_array)});
  }
  Json functions = Json::object();
  for (const auto& [name, statistics] : results.functions)
    functions[name] = {statistics.calls, statistics.seconds, statistics.mean_seconds, statistics.max_seconds};
  return {{"outputs", outputs},
          {"functions", functions},
          {"failures", encode_failures(results.failures)},
          {"failed_elements", results.failed_elements},
          {"new_failures", results.new_failures},
          {"ranks", results.ranks},
          {"wall_seconds", results.wall_seconds},
          {"busy_workers", results.busy_workers},
          {"busy_all_ranks", results.busy_all_ranks}};
}

Results ResultsCodec::decode(const Json& json, const Plan& plan) {
  Results results;
  for (std::size_t k = 0; k < plan.outputs().size(); ++k) {
    const PlannedOutput& planned = plan.outputs()[k];
    const Json& sets = json.at("outputs").at(k);
    results.names_.push_back(planned.name);
    results.outputs[planned.name] = {planned.name,
                                     planned.layout,
                                     planned.mapped,
                                     decode_elements(sets.at(0)),
                                     decode_elements(sets.at(1)),
                                     decode_elements(sets.at(2)),
                                     decode_elements(sets.at(3)),
                                     decode_elements(sets.at(4)),
                                     {}};
  }
  for (const auto& [name, numbers] : json.at("functions").items())
    results.functions[name] = {whole_number<Index>(numbers.at(0)), numbers.at(1).get<double>(),
                               numbers.at(2).get<double>(), numbers.at(3).get<double>()};
  results.resolved_shapes = plan.shapes();
  results.masks = plan.masks();
  results.failures = decode_failures(json.at("failures"));
  results.failed_elements = whole_number<Index>(json.at("failed_elements"));
  results.new_failures = whole_number<Index>(json.at("new_failures"));
  results.ranks = whole_number<int>(json.at("ranks"));
  results.wall_seconds = json.at("wall_seconds");
  results.busy_workers = json.at("busy_workers");
  results.busy_all_ranks = json.at("busy_all_ranks");
  results.lineage_ = Lineage(plan);
  return results;
}

Json encode_outcome(const MapOutcome& outcome) {
  Json json{{"state", to_string(outcome.state)}, {"exit_code", outcome.exit_code}, {"error", nullptr}};
  if (!outcome.error) return json;
  json["error"] = {to_string(outcome.error->category()), outcome.error->what()};
  const auto* of_function = dynamic_cast<const FunctionError*>(outcome.error.get());
  json["failures"] = of_function == nullptr ? Json() : encode_failures(of_function->failures());
  return json;
}

namespace {

RunState decode_state(const Json& json) {
  for (const RunState state : {RunState::completed, RunState::failed, RunState::cancelled})
    if (json == to_string(state)) return state;
  throw Bug("a rank told how a run ended that has not ended");
}

std::vector<Failure> decode_some_failures(const Json& json) {
  std::vector<Failure> failures = decode_failures(json);
  if (failures.empty()) throw Bug("a rank told of failures, but of none");
  return failures;
}

}  // namespace

MapOutcome decode_outcome(const Json& json, const std::string& name, std::shared_ptr<const Results> results) {
  MapOutcome outcome{name, decode_state(json.at("state")), whole_number<int>(json.at("exit_code")),
                     std::move(results), nullptr};
  const Json& error = json.at("error");
  if (error.is_null() != outcome.completed())
    throw Bug("a rank told of a run that neither completed nor failed");
  if (error.is_null()) return outcome;
  const std::string text = error.at(1);
  if (json.at("failures").is_null() || !outcome.results)
    outcome.error = std::make_shared<const Error>(category_from_string(error.at(0).get<std::string>()), text);
  else
    outcome.error = std::make_shared<const FunctionError>(text, decode_some_failures(json.at("failures")),
                                                          outcome.results);
  return outcome;
}

void RunReporter::on_start(const Plan& plan, const MachineInfo& machine,
                           const std::vector<ElementCounts>& kept) {
  for (const PlannedOutput& output : plan.outputs()) outputs_.push_back(output.name);
  news_.resize(plan.pipeline().functions().size());
  shapes_ = encode_shapes(plan);
  Json counts = Json::array();
  for (const ElementCounts& each : kept) counts.push_back(encode_counts(each));
  send(LaunchKind::started, {{"machine", encode_machine(machine)}, {"kept", counts}, {"shapes", shapes_}});
}

void RunReporter::on_progress(FunctionId function, const ElementCounts& counts, TimePoint now) {
  ElementCounts& news = news_[function.value];
  news.done += counts.done;
  news.failed += counts.failed;
  news.blocked += counts.blocked;
  any_news_ = true;
  on_tick(now);
}

void RunReporter::on_note(const std::string& text) {
  link_.send({LaunchKind::note, run_, 0, to_bytes(text)});
}

void RunReporter::on_resolved(const Plan& plan) {
  Json shapes = encode_shapes(plan);
  if (shapes == shapes_) return;
  shapes_ = std::move(shapes);
  send(LaunchKind::resolved, shapes_);
}

void RunReporter::on_failure(const Failure& failure) { send(LaunchKind::failure, failure_to_json(failure)); }

void RunReporter::on_tick(TimePoint now) {
  if (any_news_ && now - told_ >= kPeriod) flush(now);
}

void RunReporter::flush(TimePoint now) {
  told_ = now;
  if (!std::exchange(any_news_, false)) return;
  Json entries = Json::array();
  for (std::uint32_t k = 0; k < news_.size(); ++k) {
    const ElementCounts counts = std::exchange(news_[k], {});
    if (counts.done + counts.failed + counts.blocked != 0)
      entries.push_back(Json::array({k, encode_counts(counts)}));
  }
  send(LaunchKind::progress, entries);
}

void RunReporter::send_over(const MapOutcome& outcome) {
  flush(told_);
  Json json = encode_outcome(outcome);
  json["results"] = outcome.results ? ResultsCodec::encode(*outcome.results) : Json();
  json["shapes"] = Json::array();
  for (std::uint32_t k = 0; outcome.results && k < outputs_.size(); ++k) {
    const OutputResult& output = outcome.results->at(outputs_[k]);
    json["shapes"].push_back(encode_internal(output.layout));
    if (output.value.has_value()) link_.send({LaunchKind::value, run_, k, output.value.to_wire()});
  }
  send(LaunchKind::over, json);
}

void RunReporter::send(LaunchKind kind, const Json& json) {
  link_.send({kind, run_, 0, to_bytes(dump(json))});
}

}  // namespace mpipe
