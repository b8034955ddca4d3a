// SPDX-License-Identifier: BSD-3-Clause
// Pipelines of C: functions, inputs and options, from a document or one by one.
#include <mpipe/core/error.hpp>
#include <mpipe/mpipe.h>

#include "c_interface/array.hpp"
#include "c_interface/c_body.hpp"
#include "c_interface/guarded.hpp"
#include "c_interface/objects.hpp"
#include "core/api/suggest.hpp"
#include "core/api/text.hpp"
#include "options/api/option_table.hpp"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <memory>
#include <utility>

namespace mpipe {
namespace {

void take_document(Document document, mpipe_pipeline** out) {
  if (!document.runs().empty())
    throw Error(Category::not_supported,
                fmt::format("{}: this document has runs, and a map from C is one run. Launch it by "
                            "pipeline_app, or remove 'runs'.",
                            document.file().string()));
  auto made = std::make_unique<mpipe_pipeline>();
  made->functions = document.functions();
  made->options = document.map();
  made->document = std::move(document);
  *out = made.release();
}

/// The row of an option of maps. Those that only the program has are none.
const OptionRow& row_of(const std::string& name) {
  const OptionRow* const row = find_option(name);
  std::vector<std::string> known;
  bool of_maps = false;
  MapOptions options;
  detail::visit_options(options, [&](const char* option, const auto&) {
    if (find_option(option) == nullptr) return;
    known.emplace_back(option);
    of_maps |= name == option;
  });
  if (row == nullptr || !of_maps)
    throw Error(Category::bad_option,
                fmt::format("a map has no option '{}'.{} Those that there are: {}.", printable(name),
                            did_you_mean(name, known), fmt::join(known, ", ")),
                {Subject::Kind::option, name});
  return *row;
}

void set_option(OptionValues& options, const std::string& name, const std::string& value) {
  const OptionRow& row = row_of(name);
  const std::string by = fmt::format("mpipe_set_option, {}", name);
  if (row.per_output) return options.say_entries(row, value, by);
  if (row.type == OptionType::list || row.type == OptionType::names) return options.add(row, {value, by});
  if (row.type == OptionType::presence && value != "true")
    throw Error(
        Category::bad_option,
        fmt::format("{}: '{}' is not 'true', and such an option is said or not said.", by, printable(value)),
        {Subject::Kind::option, name});
  options.say(row, "", {value, by});
}

}  // namespace
}  // namespace mpipe

using namespace mpipe;

int mpipe_create(mpipe_pipeline** pipeline) {
  return guarded([&] {
    need(pipeline, "place for the pipeline");
    *pipeline = new mpipe_pipeline();
  });
}

int mpipe_load(const char* file, mpipe_pipeline** pipeline) {
  return guarded([&] {
    need(pipeline, "place for the pipeline");
    *pipeline = nullptr;
    need(file, "name of the document");
    take_document(Document::load(file), pipeline);
  });
}

int mpipe_parse(const char* text, const char* file, mpipe_pipeline** pipeline) {
  return guarded([&] {
    need(pipeline, "place for the pipeline");
    *pipeline = nullptr;
    need(text, "text of the document");
    need(file, "name of the document");
    take_document(Document::parse(text, file), pipeline);
  });
}

void mpipe_free_pipeline(mpipe_pipeline* pipeline) { delete pipeline; }

int mpipe_add_function(mpipe_pipeline* pipeline, const char* outputs, const char* parameters,
                       const char* mapspec, mpipe_callable call, void* context, int thread_safe) {
  return guarded([&] {
    need(pipeline, "pipeline");
    need(outputs, "list of outputs");
    need(parameters, "list of parameters");
    need(reinterpret_cast<const void*>(call), "function");
    const bool mapped = mapspec != nullptr && *mapspec != '\0';
    pipeline->functions.push_back(
        c_function(outputs, parameters, mapped ? mapspec : nullptr, call, context, thread_safe != 0));
  });
}

int mpipe_set_input(mpipe_pipeline* pipeline, const char* name, const mpipe_array* value) {
  return guarded([&] {
    need(pipeline, "pipeline");
    need(name, "name of the input");
    const CArray array = read_array(value, fmt::format("input '{}'", name));
    pipeline->inputs[name] = Value::copy_of(*array.type, array.shape, array.bytes);
  });
}

int mpipe_set_option(mpipe_pipeline* pipeline, const char* name, const char* value) {
  return guarded([&] {
    need(pipeline, "pipeline");
    need(name, "name of the option");
    need(value, "value of the option");
    set_option(pipeline->options, name, value);
  });
}
