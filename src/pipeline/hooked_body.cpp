// SPDX-License-Identifier: BSD-3-Clause
// Calls a body one element at a time, and the hook of the user after each.
#include "pipeline/hooked_body.hpp"

#include <mpipe/core/error.hpp>

#include "core/api/suggest.hpp"

namespace mpipe {

const Value& FinishedCall::argument(const std::string& name) const {
  const auto found = arguments.find(name);
  if (found != arguments.end()) return found->second;
  std::vector<std::string> known;
  for (const auto& [parameter, unused] : arguments) known.push_back(parameter);
  throw Error(Category::unknown_name,
              "function '" + outputs.front() + "' has no parameter '" + name + "'." +
                  did_you_mean(name, known) +
                  " A hook sees the callable's own names, before renames and scopes.");
}

void HookedBody::call(BlockCall& call) const {
  call.completed = 0;
  for (Index element = call.range.begin; element < call.range.end; ++element) {
    const std::vector<ElementOutput> outputs = call_element(inner(), call, element);
    // The hook comes before the element is put into its column: when it throws, the element has failed, and
    // no value of it must be there.
    hook_(describe(call, element, outputs));
    put_element(outputs, call, element - call.range.begin);
    ++call.completed;
  }
}

FinishedCall HookedBody::describe(const BlockCall& call, Index element,
                                  const std::vector<ElementOutput>& outputs) const {
  FinishedCall finished;
  finished.outputs = outputs_;
  for (std::size_t k = 0; k < outputs.size(); ++k)
    finished.results.push_back(output_value(outputs[k], call.outputs[k]));
  for (std::size_t k = 0; k < call.arguments.size(); ++k)
    finished.arguments.emplace(names_[k], argument_value(call.arguments[k], *call.external, element));
  finished.element = element;
  finished.index = multi_index(element, *call.external);
  return finished;
}

}  // namespace mpipe
