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

std::string encode(const WaveOutcome& outcome) {
  Json json{{"error", nullptr}, {"failures", Json::array()}, {"shapes", Json::array()}};
  if (outcome.error) json["error"] = {static_cast<int>(outcome.error->first), outcome.error->second};
  for (const Failure& failure : outcome.failures) json["failures"].push_back(encode_failure(failure));
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
  for (const Json& failure : json["failures"]) outcome.failures.push_back(decode_failure(failure));
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
