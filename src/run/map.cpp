// SPDX-License-Identifier: BSD-3-Clause
// `map` itself, what its results tell, and the errors that it ends with.
#include <mpipe/base/bytes.hpp>
#include <mpipe/run/map.hpp>

#include "base/api/file.hpp"
#include "comm/api/collective.hpp"
#include "core/api/hash.hpp"
#include "core/api/suggest.hpp"
#include "pipeline/api/function_texts.hpp"
#include "plan/api/lineage.hpp"
#include "run/api/check_resources.hpp"
#include "run/api/execute_request.hpp"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <map>
#include <utility>

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

namespace {

/// A function by its name, and what it is on one rank.
using Digests = std::map<std::string, std::uint64_t>;

Digests digests_of(const Pipeline& pipeline) {
  const std::vector<std::string> texts = function_texts(pipeline);
  Digests digests;
  for (std::size_t k = 0; k < texts.size(); ++k) digests[pipeline.functions()[k].name()] = fnv1a(texts[k]);
  return digests;
}

Bytes encode_digests(const Digests& digests) {
  ByteWriter out;
  for (const auto& [name, digest] : digests) {
    out.put_text(name);
    out.put(digest);
  }
  return std::move(out.bytes());
}

Digests decode_digests(const Bytes& bytes) {
  ByteReader in(bytes, "what another rank tells of its pipeline");
  Digests digests;
  while (!in.at_end()) {
    std::string name = in.get_text();
    digests[std::move(name)] = in.get<std::uint64_t>();
  }
  return digests;
}

/// `'y' (on ranks 1, 3)`: functions that are not what they are on rank 0, or that one of the two lacks.
std::string differing_functions(const std::vector<Digests>& by_rank) {
  std::map<std::string, std::vector<std::size_t>> ranks;
  for (std::size_t rank = 1; rank < by_rank.size(); ++rank)
    for (const auto& [here, there] :
         {std::pair(&by_rank[rank], &by_rank[0]), std::pair(&by_rank[0], &by_rank[rank])})
      for (const auto& [name, digest] : *here)
        if (const auto found = there->find(name); found == there->end() || found->second != digest)
          if (auto& of = ranks[name]; of.empty() || of.back() != rank) of.push_back(rank);
  std::vector<std::string> texts;
  for (const auto& [name, of] : ranks)
    texts.push_back(fmt::format("'{}' (on rank{} {})", name, of.size() == 1 ? "" : "s", fmt::join(of, ", ")));
  constexpr std::size_t kMostShown = 10;
  if (texts.size() > kMostShown) {
    texts.resize(kMostShown);
    texts.emplace_back("..");
  }
  return texts.empty() ? "only their order" : fmt::format("{}", fmt::join(texts, ", "));
}

/// Collective. Functions are called wherever there is time, so all ranks must have the same ones.
void require_same_pipeline(const Communicator& comm, const Pipeline& pipeline) {
  if (comm.all_agree(fnv1a(pipeline.digest_text()))) return;
  const auto gathered = comm.gather(encode_digests(digests_of(pipeline)));
  on_root(comm, [&]() -> Bytes {
    std::vector<Digests> by_rank;
    for (const auto& bytes : gathered) by_rank.push_back(decode_digests(bytes));
    throw Error(
        Category::bad_option,
        fmt::format("the ranks brought different pipelines to one map: what differs from rank 0 is {} "
                    "(code, captured values, mapspec, defaults or bound values; each element would "
                    "depend on the rank that computes it). Build the same pipeline from the same "
                    "program and plugins on every rank.",
                    differing_functions(by_rank)));
  });
}

}  // namespace

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
  require_same_pipeline(own, pipeline);
  const NodeInventory inventory = find_inventory(own, needs_devices(pipeline));
  // The request is made on rank 0 before anybody else does anything, because only its arguments count. What a
  // relative path means is found now: a function may go to another working directory.
  Request request;
  const Bytes bytes = on_root(own, [&] {
    request = {inputs, options};
    if (!options.run_folder.empty()) request.options.run_folder = resolve_path(options.run_folder);
    if (!options.scratch.empty()) request.options.scratch = resolve_path(options.scratch);
    for (std::string& folder : request.options.reuse) folder = resolve_path(folder);
    return own.size() > 1 ? encode_request(request.inputs, request.options) : Bytes{};
  });
  return execute_request(
      own, pipeline, [&] { return own.is_root() ? std::move(request) : decode_request(bytes); }, inventory);
}

Results Pipeline::map(const Communicator& comm, const Inputs& inputs, const MapOptions& options) const {
  return mpipe::map(*this, comm, inputs, options);
}

Results Pipeline::map(const Communicator& comm, const Inputs& inputs) const {
  return mpipe::map(*this, comm, inputs, MapOptions());
}

}  // namespace mpipe
