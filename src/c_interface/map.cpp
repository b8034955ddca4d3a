// SPDX-License-Identifier: BSD-3-Clause
// Maps pipelines of C, and shows what came out.
#include <mpipe/comm/native_comm.hpp>
#include <mpipe/core/error.hpp>
#include <mpipe/mpipe.h>
#include <mpipe/pipeline/pipeline.hpp>

#include "c_interface/array.hpp"
#include "c_interface/guarded.hpp"
#include "c_interface/objects.hpp"
#include "comm/api/collective.hpp"
#include "run/api/bind_options.hpp"

#include <fmt/format.h>

#include <memory>
#include <optional>
#include <utility>

namespace mpipe {
namespace {

/// Inputs of the caller go over those of the document. What is missing, and what nothing needs, `map` finds.
Inputs inputs_of(const mpipe_pipeline& pipeline) {
  Inputs inputs = pipeline.inputs;
  if (!pipeline.document) return inputs;
  std::vector<std::string> names;
  for (const std::string& name : pipeline.document->input_names())
    if (!inputs.contains(name)) names.push_back(name);
  inputs.merge(pipeline.document->load_inputs(names));
  return inputs;
}

/// Collective. What a rank finds wrong before the map begins is told to all, as the others would wait for it.
void map_on(const Communicator& comm, mpipe_pipeline* described, mpipe_results** out) {
  std::optional<Pipeline> pipeline;
  Inputs inputs;
  MapOptions options;
  together(comm, [&] {
    need(out, "place for the results");
    *out = nullptr;
    need(described, "pipeline");
    pipeline.emplace(described->functions);
    options = bind_options(described->options);
    fill_defaults(options, comm.size());
    if (described->document) options.document = described->document->text();
    if (comm.is_root()) inputs = inputs_of(*described);
  });
  auto results = std::make_unique<mpipe_results>();
  results->results = map(*pipeline, comm, inputs, options);
  *out = results.release();
}

const OutputResult& output_of(const mpipe_results* results, const char* output, const mpipe_array* value) {
  need(results, "object of results");
  need(output, "name of the output");
  need(value, "place for the value");
  const OutputResult& found = results->results.at(output);
  if (!found.value.has_value())
    throw Error(Category::missing_input,
                fmt::format("the value of '{}' is not here: rank 0 alone gets values, of outputs that "
                            "have a known shape. Ask there, or read the results file.",
                            output));
  return found;
}

}  // namespace
}  // namespace mpipe

using namespace mpipe;

int mpipe_map(mpipe_pipeline* pipeline, MPI_Comm comm, mpipe_results** results) {
  return guarded([&] { map_on(communicator_from(comm), pipeline, results); });
}

int mpipe_map_fortran(mpipe_pipeline* pipeline, MPI_Fint comm, mpipe_results** results) {
  return guarded([&] { map_on(communicator_from(MPI_Comm_f2c(comm)), pipeline, results); });
}

int mpipe_map_alone(mpipe_pipeline* pipeline, mpipe_results** results) {
  return guarded([&] { map_on(Communicator(), pipeline, results); });
}

void mpipe_free_results(mpipe_results* results) { delete results; }

int64_t mpipe_failed_elements(const mpipe_results* results) {
  return results == nullptr ? 0 : results->results.failed_elements;
}

int mpipe_result(const mpipe_results* results, const char* output, mpipe_array* value) {
  return guarded([&] {
    output_of(results, output, value);
    *value = c_array(results->results.value(output), fmt::format("output '{}'", output));
  });
}

int mpipe_partial_result(mpipe_results* results, const char* output, mpipe_array* value,
                         const unsigned char** done) {
  return guarded([&] {
    const OutputResult& found = output_of(results, output, value);
    need(done, "place for what is done");
    const mpipe_array array = c_array(found.value, fmt::format("output '{}'", output));
    std::vector<unsigned char>& bytes = results->done[output];
    if (bytes.empty()) {
      const std::vector<bool> mask = found.mask();
      bytes.assign(mask.begin(), mask.end());
    }
    *value = array;
    *done = bytes.data();
  });
}
