// SPDX-License-Identifier: BSD-3-Clause
#include "run/outcome.hpp"

#include <nlohmann/json.hpp>

namespace mpipe {
namespace {

using Json = nlohmann::json;

Json encode_failure(const Failure& failure) {
  return {{"output", failure.output},
          {"element", failure.element},
          {"index", failure.index},
          {"message", failure.message},
          {"type", failure.type},
          {"arguments", failure.arguments},
          {"host", failure.host},
          {"rank", failure.rank},
          {"category", static_cast<int>(failure.category)}};
}

Failure decode_failure(const Json& json) {
  Failure failure;
  failure.output = json["output"];
  failure.element = json["element"];
  failure.index = json["index"].get<MultiIndex>();
  failure.message = json["message"];
  failure.type = json["type"];
  failure.arguments = json["arguments"];
  failure.host = json["host"];
  failure.rank = json["rank"];
  failure.category = static_cast<Category>(json["category"].get<int>());
  return failure;
}

Json encode_failures(const std::vector<Failure>& failures) {
  Json json = Json::array();
  for (const Failure& failure : failures) json.push_back(encode_failure(failure));
  return json;
}

std::vector<Failure> decode_failures(const Json& json) {
  std::vector<Failure> failures;
  for (const Json& failure : json) failures.push_back(decode_failure(failure));
  return failures;
}

/// The ends of the ranges in a row.
Json encode_elements(const RangeSet& elements) {
  std::vector<Index> ends;
  for (const IndexRange& range : elements.ranges()) ends.insert(ends.end(), {range.begin, range.end});
  return ends;
}

RangeSet decode_elements(const Json& json) {
  const auto ends = json.get<std::vector<Index>>();
  RangeSet elements;
  for (std::size_t k = 0; k + 1 < ends.size(); k += 2) elements.insert({ends[k], ends[k + 1]});
  return elements;
}

std::string encode(const WaveOutcome& outcome) {
  Json json{{"error", nullptr},
            {"failures", encode_failures(outcome.failures)},
            {"shapes", Json::array()},
            {"failed", Json::array()},
            {"details", encode_failures(outcome.details)},
            {"too_many_failures", outcome.too_many_failures}};
  if (outcome.error) json["error"] = {static_cast<int>(outcome.error->first), outcome.error->second};
  for (const FailedElements& failed : outcome.failed)
    json["failed"].push_back(Json::array({failed.function.value, encode_elements(failed.elements)}));
  for (const LateShape& late : outcome.shapes)
    json["shapes"].push_back(Json::array({late.output.value, late.internal}));
  // What functions throw may hold any bytes; they are shown, so they are made valid text here.
  return json.dump(-1, ' ', false, Json::error_handler_t::replace);
}

WaveOutcome decode(const std::string& text) {
  const Json json = Json::parse(text);
  WaveOutcome outcome;
  if (!json["error"].is_null())
    outcome.error = {static_cast<Category>(json["error"][0].get<int>()), json["error"][1].get<std::string>()};
  outcome.failures = decode_failures(json["failures"]);
  outcome.details = decode_failures(json["details"]);
  outcome.too_many_failures = json["too_many_failures"];
  for (const Json& failed : json["failed"])
    outcome.failed.push_back({{failed[0].get<std::uint32_t>()}, decode_elements(failed[1])});
  for (const Json& late : json["shapes"])
    outcome.shapes.push_back({{late[0].get<std::uint32_t>()}, late[1].get<Shape>()});
  return outcome;
}

}  // namespace

WaveOutcome agree_on_outcome(const Communicator& comm, WaveOutcome outcome) {
  if (comm.size() == 1) return outcome;
  return decode(comm.broadcast_text(comm.is_root() ? encode(outcome) : std::string()));
}

}  // namespace mpipe
