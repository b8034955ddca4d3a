// SPDX-License-Identifier: BSD-3-Clause
#include "run/outcome.hpp"

#include "run/api/wire_json.hpp"

namespace mpipe {
namespace {

std::string encode(const WaveOutcome& outcome) {
  Json json{{"error", nullptr},
            {"failures", encode_failures(outcome.failures)},
            {"shapes", Json::array()},
            {"failed", Json::array()},
            {"details", encode_failures(outcome.details)},
            {"too_many_failures", outcome.too_many_failures},
            {"cancelled", outcome.cancelled}};
  if (outcome.error) json["error"] = {to_string(outcome.error->first), outcome.error->second};
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
  if (const Json& error = json.at("error"); !error.is_null())
    outcome.error = {category_from_string(error.at(0).get<std::string>()), error.at(1).get<std::string>()};
  outcome.failures = decode_failures(json.at("failures"));
  outcome.details = decode_failures(json.at("details"));
  outcome.too_many_failures = json.at("too_many_failures");
  outcome.cancelled = json.at("cancelled");
  for (const Json& failed : json.at("failed"))
    outcome.failed.push_back({{whole_number<std::uint32_t>(failed.at(0))}, decode_elements(failed.at(1))});
  for (const Json& late : json.at("shapes"))
    outcome.shapes.push_back({{whole_number<std::uint32_t>(late.at(0))}, decode_indices(late.at(1))});
  return outcome;
}

}  // namespace

WaveOutcome agree_on_outcome(const Communicator& comm, WaveOutcome outcome) {
  if (comm.size() == 1) return outcome;
  return decode(comm.broadcast_text(comm.is_root() ? encode(outcome) : std::string()));
}

}  // namespace mpipe
