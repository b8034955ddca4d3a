// SPDX-License-Identifier: BSD-3-Clause
// Writes down what each function of a pipeline is, so that ranks can compare theirs.
#include "pipeline/api/function_texts.hpp"

#include "base/api/code_modules.hpp"

#include <fmt/format.h>
#include <fmt/ranges.h>

namespace mpipe {
namespace {

/// Values go in as bytes: the text of a value is shortened, and two values may share it.
std::string text_of(const Inputs& inputs) {
  std::string text;
  for (const auto& [name, value] : inputs) {
    const Bytes bytes = value.to_wire();
    text += name + "=" + std::string(reinterpret_cast<const char*>(bytes.data()), bytes.size()) + ";";
  }
  return text;
}

}  // namespace

std::vector<std::string> function_texts(const Pipeline& pipeline) {
  const std::vector<detail::CodeModule> modules = detail::loaded_modules();
  std::vector<std::string> texts;
  for (const FunctionNode& node : pipeline.functions()) {
    const Function& function = node.function;
    std::string text =
        fmt::format("{}({}) {} {}|", fmt::join(node.outputs, ","), fmt::join(function.parameter_names(), ","),
                    node.mapspec ? node.mapspec->to_string() : "", function.body().identity());
    const BodyCode code = function.body().code();
    for (const void* place : code.places) text += detail::place_of_code(modules, place) + ";";
    for (const BodyCode::Source& source : code.sources) text += source.name + "=" + source.digest + ";";
    text += detail::portable_bytes(modules, code.captures) + "|";
    texts.push_back(text + text_of(function.default_values()) + "|" + text_of(function.bound_values()) +
                    "\n");
  }
  return texts;
}

}  // namespace mpipe
