// SPDX-License-Identifier: BSD-3-Clause
#include <mpipe/core/hash.hpp>
#include <mpipe/run/map.hpp>
#include <mpipe/run/status.hpp>

#include "run/agreement.hpp"
#include "run/map_run.hpp"
#include "run/request.hpp"
#include "run/settings.hpp"

#include <fmt/format.h>

namespace mpipe {
namespace {

std::string text_of(const std::vector<Failure>& failures) {
  const Failure& first = failures.front();
  std::string text = fmt::format("function '{}' failed", first.output);
  if (!first.index.empty()) text += " at " + first.output + index_to_string(first.index);
  text += fmt::format(": {}", first.message);
  text += fmt::format(" ({}; called with {}; on rank {}, {})", first.type,
                      first.arguments.empty() ? "nothing" : first.arguments, first.rank, first.host);
  if (failures.size() > 1) text += fmt::format(" and {} more", failures.size() - 1);
  return text + ".";
}

}  // namespace

FunctionError::FunctionError(std::vector<Failure> failures, std::shared_ptr<const Results> partial)
    : Error(failures.front().category, text_of(failures)),
      failures_(std::move(failures)),
      partial_(std::move(partial)) {}

std::vector<bool> OutputResult::mask() const {
  Shape outer;
  for (std::size_t axis = 0; axis < layout.axes.size(); ++axis)
    if (layout.external[axis]) outer.push_back(layout.shape[axis].value_or(0));
  const Shape shape = known_shape(layout.shape);
  const auto count = static_cast<std::size_t>(element_count(shape));
  std::vector<bool> mask(count);
  for (std::size_t k = 0; k < count; ++k) {
    const MultiIndex index = multi_index(static_cast<Index>(k), shape);
    MultiIndex element;
    for (std::size_t axis = 0; axis < index.size(); ++axis)
      if (layout.external[axis]) element.push_back(index[axis]);
    mask[k] = done.contains(linear_index(element, outer));
  }
  return mask;
}

const OutputResult& Results::at(const std::string& output) const {
  const auto found = outputs.find(output);
  if (found != outputs.end()) return found->second;
  std::vector<std::string> known;
  for (const auto& [name, unused] : outputs) known.push_back(name);
  throw Error(Category::unknown_output,
              fmt::format("this run has no output '{}'.{}", output, did_you_mean(output, known)));
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

namespace {

/// Rank 0's run, with its state in status.json where nobody else writes it.
Results run_and_keep_status(const Communicator& comm, const Pipeline& pipeline, const Inputs& inputs,
                            MapOptions options) {
  if (options.run_folder.empty() || !options.keep_status)
    return MapRun(comm, pipeline, inputs, options).run();
  const auto status = std::make_shared<StatusWriter>(options.run_folder);
  const auto all = std::make_shared<ObserverList>();
  all->add(status);
  if (options.observer) all->add(options.observer);
  options.observer = all;
  try {
    Results results = MapRun(comm, pipeline, inputs, std::move(options)).run();
    status->finish(RunState::completed, 0, "");
    return results;
  } catch (const Error& error) {
    status->finish(RunState::failed, exit_code(error.category()), error.what());
    throw;
  }
}

}  // namespace

namespace {

/// What of the pipeline is to run. Names that it does not have are left to the plan to refuse.
Pipeline wanted_part(const Pipeline& pipeline, const Inputs& inputs, const MapOptions& options) {
  if (!options.auto_subpipeline) return pipeline;
  std::vector<std::string> given;
  for (const auto& [name, unused] : inputs)
    if (pipeline.has_name(name)) given.push_back(name);
  return pipeline.subpipeline(given, options.outputs);
}

}  // namespace

Results map(const Pipeline& pipeline, const Communicator& comm, const Inputs& inputs,
            const MapOptions& options) {
  const Communicator own = comm.size() > 1 ? comm.duplicate() : comm;
  if (!own.all_agree(fnv1a(pipeline.digest_text())))
    throw Error(Category::bad_option,
                "the ranks brought different pipelines to one map (functions, mapspecs, defaults or bound "
                "values differ). Build the same pipeline on every rank.");
  // Rank 0 finds what is wrong before anybody else does anything.
  const Bytes bytes = on_root(own, [&] {
    const Pipeline part = wanted_part(pipeline, inputs, options);
    const Plan plan(part, {inputs, options.outputs, options.fixed, options.internal_shapes});
    make_settings(plan, options, own.size());
    return own.size() > 1 ? encode_request(inputs, options) : Bytes{};
  });
  if (own.is_root()) return run_and_keep_status(own, wanted_part(pipeline, inputs, options), inputs, options);
  Request request = decode_request(bytes);
  const Pipeline part = wanted_part(pipeline, request.inputs, request.options);
  return MapRun(own, part, request.inputs, std::move(request.options)).run();
}

Results Pipeline::map(const Communicator& comm, const Inputs& inputs, const MapOptions& options) const {
  return mpipe::map(*this, comm, inputs, options);
}

}  // namespace mpipe
