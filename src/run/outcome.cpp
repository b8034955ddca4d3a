// SPDX-License-Identifier: BSD-3-Clause
#include "run/outcome.hpp"

#include "run/wire_json.hpp"

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
  outcome.cancelled = json["cancelled"];
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
