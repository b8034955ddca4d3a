// SPDX-License-Identifier: BSD-3-Clause
// `map` itself, what its results tell, and the errors that it ends with.
#include <mpipe/run/map.hpp>

#include "comm/api/collective.hpp"
#include "core/api/hash.hpp"
#include "core/api/suggest.hpp"
#include "plan/api/lineage.hpp"
#include "run/api/check_resources.hpp"
#include "run/api/execute_request.hpp"

#include <fmt/format.h>

#include <algorithm>

namespace mpipe {
namespace {

std::string text_of(const std::vector<Failure>& failures, Index count, const std::string& why) {
  const Failure& first = failures.front();
  std::string text = fmt::format("{}function '{}' failed", why, first.output);
  if (!first.index.empty()) text += " at " + first.output + index_to_string(first.index);
  text += fmt::format(": {}", first.message);
  text += fmt::format(" ({}; called with {}; on rank {}, {})", first.type,
                      first.arguments.empty() ? "nothing" : first.arguments, first.rank, first.host);
  if (count > 1) text += fmt::format(" and {} more", count - 1);
  return text + ".";
}

}  // namespace

FunctionError::FunctionError(std::vector<Failure> failures, std::shared_ptr<const Results> partial,
                             Index count, const std::string& why)
    : Error(failures.front().category, text_of(failures, count, why)),
      failures_(std::move(failures)),
      partial_(std::move(partial)) {}

FunctionError::FunctionError(const std::string& text, std::vector<Failure> failures,
                             std::shared_ptr<const Results> partial)
    : Error(failures.front().category, text), failures_(std::move(failures)), partial_(std::move(partial)) {}

/// By value, in the order of the array: the element that it belongs to. One element has several values where
/// the function returns an array, whose axes are the internal ones.
std::vector<Index> OutputResult::elements_of_values() const {
  Shape outer;
  Shape shape;
  for (std::size_t axis = 0; axis < layout.axes.size(); ++axis) {
    shape.push_back(layout.shape[axis].value_or(0));
    if (layout.external[axis]) outer.push_back(shape.back());
  }
  std::vector<Index> elements(static_cast<std::size_t>(element_count(shape)));
  for (std::size_t k = 0; k < elements.size(); ++k) {
    const MultiIndex index = multi_index(static_cast<Index>(k), shape);
    MultiIndex element;
    for (std::size_t axis = 0; axis < index.size(); ++axis)
      if (layout.external[axis]) element.push_back(index[axis]);
    elements[k] = linear_index(element, outer);
  }
  return elements;
}

void OutputResult::set_states(const ElementStates& states) {
  done = states.done();
  failed = states.failed();
  blocked = states.blocked();
  blocked_by_array = states.blocked_by_array();
}

std::vector<bool> OutputResult::mask() const {
  std::vector<bool> mask;
  for (const Index element : elements_of_values()) mask.push_back(done.contains(element));
  return mask;
}

ValueState OutputResult::state(Index element) const {
  if (done.contains(element)) return ValueState::done;
  if (failed.contains(element)) return ValueState::failed;
  // The order matters: an element that is blocked by an array is in `blocked`, too, and the more precise word
  // is the one to return.
  if (blocked_by_array.contains(element)) return ValueState::blocked_by_array;
  return blocked.contains(element) ? ValueState::blocked_by_value : ValueState::missing;
}

std::vector<ValueState> OutputResult::states() const {
  std::vector<ValueState> states;
  for (const Index element : elements_of_values()) states.push_back(state(element));
  return states;
}

const OutputResult& Results::at(const std::string& output) const {
  const auto found = outputs.find(output);
  if (found != outputs.end()) return found->second;
  std::vector<std::string> known;
  for (const auto& [name, unused] : outputs) known.push_back(name);
  throw Error(Category::unknown_output,
              fmt::format("this run has no output '{}'.{}", output, did_you_mean(output, known)));
}

/// Only an element that is blocked has causes elsewhere; one that failed is its own cause.
std::vector<RootCause> Results::root_causes(const std::string& output, Index element,
                                            std::size_t most) const {
  std::vector<RootCause> causes;
  if (!at(output).blocked.contains(element)) return causes;
  std::vector<RangeSet> failed;
  std::vector<RangeSet> blocked;
  for (const std::string& name : names) {
    failed.push_back(outputs.at(name).failed);
    blocked.push_back(outputs.at(name).blocked);
  }
  const auto id = std::find(names.begin(), names.end(), output) - names.begin();
  const auto found = lineage->root_causes({static_cast<std::uint32_t>(id)}, element, failed, blocked);
  for (std::size_t k = 0; k < found.size(); ++k) {
    if (found[k].empty()) continue;
    const Shape shape = known_shape(outputs.at(names[k]).layout.external_shape());
    for (const IndexRange& range : found[k].ranges())
      for (Index cause = range.begin; cause < range.end && causes.size() < most; ++cause)
        causes.push_back({names[k], cause, multi_index(cause, shape)});
  }
  return causes;
}

const Value& Results::value(const std::string& output) const {
  const OutputResult& result = at(output);
  if (!result.value.has_value())
    throw Error(
        Category::missing_input,
        fmt::format("the values of '{}' are not here: they are brought to rank 0 only, with return_results.",
                    output));
  const Shape outer = known_shape(result.layout.external_shape());
  if (!result.done.contains(IndexRange{0, element_count(outer)}))
    throw Error(
        Category::missing_input,
        fmt::format("'{}' is not complete: {} of {} elements are done. Look at Results::at(\"{}\").done.",
                    output, result.done.count(), element_count(outer), output));
  return result.value;
}

std::string failures_text(const Results& results) {
  Index blocked = 0;
  for (const auto& [name, output] : results.outputs) blocked += output.blocked.count();
  return fmt::format("{} element{} failed, {} element{} of outputs {} blocked by that",
                     results.failed_elements, results.failed_elements == 1 ? "" : "s", blocked,
                     blocked == 1 ? "" : "s", blocked == 1 ? "is" : "are");
}

void check_map(const Pipeline& pipeline, const Inputs& inputs, const MapOptions& options, int ranks) {
  const NodeInventory inventory = inventory_here(needs_devices(pipeline));
  check_request(pipeline, {inputs, options}, ranks, {&inventory, 1});
}

Results map(const Pipeline& pipeline, const Communicator& comm, const Inputs& inputs) {
  return map(pipeline, comm, inputs, {});
}

Results map(const Pipeline& pipeline, const Communicator& comm, const Inputs& inputs,
            const MapOptions& options) {
  // The messages of the run travel apart from those of the program, which may have some under way on `comm`.
  const Communicator own = comm.size() > 1 ? comm.duplicate() : comm;
  // Checked before anything is planned: ranks with different plans would make different collective calls and
  // wait for each other for ever.
  if (!own.all_agree(fnv1a(pipeline.digest_text())))
    throw Error(Category::bad_option,
                "the ranks brought different pipelines to one map (functions, mapspecs, defaults or bound "
                "values differ). Build the same pipeline on every rank.");
  const NodeInventory inventory = find_inventory(own, needs_devices(pipeline));
  // The request is made on rank 0 before anybody else does anything, because only its arguments count.
  const Bytes bytes =
      on_root(own, [&] { return own.size() > 1 ? encode_request(inputs, options) : Bytes{}; });
  return execute_request(
      own, pipeline,
      [&] {
        return own.is_root() ? Request{inputs, options} : decode_request(bytes);
      },
      inventory);
}

Results Pipeline::map(const Communicator& comm, const Inputs& inputs, const MapOptions& options) const {
  return mpipe::map(*this, comm, inputs, options);
}

Results Pipeline::map(const Communicator& comm, const Inputs& inputs) const {
  return mpipe::map(*this, comm, inputs, MapOptions());
}

}  // namespace mpipe
