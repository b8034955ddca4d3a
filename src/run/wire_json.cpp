// SPDX-License-Identifier: BSD-3-Clause
#include "run/wire_json.hpp"

namespace mpipe {

Json failure_to_json(const Failure& failure) {
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

Failure failure_from_json(const Json& json) {
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
  for (const Failure& failure : failures) json.push_back(failure_to_json(failure));
  return json;
}

std::vector<Failure> decode_failures(const Json& json) {
  std::vector<Failure> failures;
  for (const Json& failure : json) failures.push_back(failure_from_json(failure));
  return failures;
}

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

}  // namespace mpipe
