// SPDX-License-Identifier: BSD-3-Clause
// Reads the types and the number of axes of the outputs of one function.
#include "document/sections/output_types.hpp"

#include <mpipe/mapspec/mapspec.hpp>

#include "document/text.hpp"

#include <fmt/format.h>

#include <algorithm>

namespace mpipe::detail {
namespace {

std::string read_dtype(const Yaml& spec, std::span<const std::string_view> allowed) {
  std::string name = read_text(spec, "the name of a dtype, such as float64, int64, bool or str");
  if (std::find(allowed.begin(), allowed.end(), name) == allowed.end())
    spec.refuse(fmt::format("'{}' is no dtype of this function's outputs.{}", printable(name),
                            suggestion(name, {allowed.begin(), allowed.end()})));
  return name;
}

}  // namespace

std::map<std::string, std::string> read_dtypes(const Yaml& function, const std::vector<std::string>& outputs,
                                               std::span<const std::string_view> allowed) {
  std::map<std::string, std::string> types;
  const auto spec = function.find("dtype");
  if (!spec) return types;
  if (!spec->is_map()) {
    for (const std::string& output : outputs) types[output] = read_dtype(*spec, allowed);
    return types;
  }
  for (std::size_t k = 0; k < spec->size(); ++k) {
    const std::string& name = spec->key(k).text();
    if (std::find(outputs.begin(), outputs.end(), name) == outputs.end())
      spec->key(k).refuse(
          fmt::format("'{}' is no output of this function.{}", printable(name), suggestion(name, outputs)),
          Category::unknown_name);
    types[name] = read_dtype(spec->value(k), allowed);
  }
  return types;
}

std::optional<std::size_t> read_item_rank(const Yaml& function) {
  if (const auto mapspec = function.find("mapspec"))
    return at_place(*mapspec,
                    [&] { return MapSpec::parse(read_text(*mapspec, "a mapspec")).internal_axes().size(); });
  const auto shape = function.find("internal_shape");
  if (shape) return shape->is_sequence() ? shape->size() : 1;
  return std::nullopt;
}

}  // namespace mpipe::detail
