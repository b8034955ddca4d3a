// SPDX-License-Identifier: BSD-3-Clause
#include "run/api/wire_json.hpp"

#include <algorithm>

namespace mpipe {

std::vector<Index> decode_indices(const Json& json) {
  if (!json.is_array()) throw Bug("a message of a rank has no list where one is due");
  std::vector<Index> indices;
  for (const Json& index : json) {
    indices.push_back(whole_number<Index>(index));
    if (indices.back() < 0) throw Bug("an index or an extent in a message of a rank is negative");
  }
  return indices;
}

Json failure_to_json(const Failure& failure) {
  return {
      {"output", failure.output},   {"element", failure.element}, {"index", failure.index},
      {"message", failure.message}, {"type", failure.type},       {"arguments", failure.arguments},
      {"host", failure.host},       {"rank", failure.rank},       {"category", to_string(failure.category)}};
}

Failure failure_from_json(const Json& json) {
  Failure failure;
  failure.output = json.at("output");
  failure.element = whole_number<Index>(json.at("element"));
  failure.index = decode_indices(json.at("index"));
  failure.message = json.at("message");
  failure.type = json.at("type");
  failure.arguments = json.at("arguments");
  failure.host = json.at("host");
  failure.rank = whole_number<int>(json.at("rank"));
  failure.category = category_from_string(json.at("category").get<std::string>());
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
  const std::vector<Index> ends = decode_indices(json);
  if (ends.size() % 2 != 0 || !std::is_sorted(ends.begin(), ends.end()))
    throw Bug("ranges of elements in a message of a rank are none, or not in order");
  RangeSet elements;
  for (std::size_t k = 0; k < ends.size(); k += 2) elements.insert({ends[k], ends[k + 1]});
  return elements;
}

Json encode_internal(const ArrayLayout& layout) {
  if (!layout.rank_known || !is_known(layout.internal_shape())) return nullptr;
  return known_shape(layout.internal_shape());
}

Json encode_shapes(const Plan& plan) {
  Json shapes = Json::array();
  for (const PlannedOutput& output : plan.outputs()) shapes.push_back(encode_internal(output.layout));
  return shapes;
}

void apply_shapes(const Json& shapes, Plan& plan) {
  for (std::uint32_t k = 0; k < plan.outputs().size(); ++k) {
    const ArrayLayout& layout = plan.outputs()[k].layout;
    const Json& internal = shapes.at(k);
    if (internal.is_null() || (layout.rank_known && is_known(layout.internal_shape()))) continue;
    const Shape shape = decode_indices(internal);
    try {
      plan.resolve({k}, shape);
    } catch (const Error&) {
      // The run found so too, and ends with this error.
    }
  }
}

}  // namespace mpipe
