// SPDX-License-Identifier: BSD-3-Clause libmpipe_python.so: functions of documents that are written in
// Python, and documents of pipelines of pipefunc.
#include <mpipe/core/error.hpp>
#include <mpipe/document/plugin.hpp>

#include "arguments.hpp"
#include "interpreter.hpp"
#include "python_body.hpp"
#include "python_error.hpp"

#include <fmt/format.h>
#include <pybind11/stl.h>

#include <filesystem>

namespace mpipe::python {
namespace {

PythonOutput::Form form_of(const std::string& word) {
  if (word.empty()) return PythonOutput::Form::unknown;
  return word == "array" ? PythonOutput::Form::array : PythonOutput::Form::value;
}

/// What support.py found out. The lock is held.
py::object find_function(const LanguageFunction& described) {
  // The folder of a document without one in its name is empty.
  const std::filesystem::path folder = std::filesystem::current_path() / described.folder;
  const py::object find = py::reinterpret_borrow<py::object>(tools().find_function);
  return find(described.code, folder.lexically_normal().string(), described.parameters, described.outputs,
              described.dtypes, described.vectorize);
}

Function make_function(const LanguageFunction& described, const py::object& found) {
  PythonFunction function;
  function.code = described.code;
  function.item_rank = described.item_rank;
  function.vectorize = described.vectorize;
  function.callable = py::object(found.attr("function")).release().ptr();
  function.slots = found.attr("slots").cast<std::vector<int>>();
  const py::tuple keywords = found.attr("keywords");
  if (!keywords.empty()) function.keywords = py::object(keywords).release().ptr();
  const auto names = found.attr("names").cast<std::vector<std::string>>();
  function.parameters = names.size();
  const auto types = found.attr("types").cast<std::vector<std::pair<std::string, std::string>>>();
  for (std::size_t k = 0; k < types.size(); ++k) {
    const auto& [dtype, form] = types[k];
    const ElementType* const type = dtype == "object" ? &object_type() : find_element_type(dtype);
    if (type == nullptr) throw Bug("the plugin of Python made up the type '" + dtype + "'");
    function.outputs.push_back({described.outputs[k], type, form_of(form)});
  }
  for (const auto& [name, digest] :
       found.attr("sources").cast<std::vector<std::pair<std::string, std::string>>>())
    function.sources.push_back({name, digest});
  Inputs defaults;
  for (const auto& [name, value] : py::dict(found.attr("defaults")))
    defaults.emplace(name.cast<std::string>(), value_of(value));
  Function made(described.outputs, make_python_body(std::move(function)));
  made.parameters(names).defaults(std::move(defaults)).thread_safe(described.thread_safe);
  return made;
}

/// `Refused` of support.py is in our own words.
[[noreturn]] void refuse(const std::string& what, const Failure& failure) {
  throw Error(
      Category::bad_document,
      fmt::format("{}: {}{}", what, failure.type == "Refused" ? "" : failure.type + ": ", failure.message));
}

Function load_function(const LanguageFunction& described) {
  start_interpreter();
  const InterpreterLock lock;
  try {
    return make_function(described, find_function(described));
  } catch (py::error_already_set& error) {
    refuse(fmt::format("the Python function '{}' cannot be used", described.code), failure_of(error));
  }
}

std::string import_pipefunc(const std::string& place, const std::filesystem::path& folder) {
  start_interpreter();
  const InterpreterLock lock;
  try {
    const py::object write = py::reinterpret_borrow<py::object>(tools().import_pipefunc);
    return write(place, std::filesystem::current_path().string(), folder.string()).cast<std::string>();
  } catch (py::error_already_set& error) {
    refuse(fmt::format("the pipeline '{}' cannot be imported", place), failure_of(error));
  }
}

}  // namespace
}  // namespace mpipe::python

MPIPE_PLUGIN(registry) {
  registry.add_language("python", mpipe::python::load_function);
  registry.add_importer("pipefunc", mpipe::python::import_pipefunc);
}
