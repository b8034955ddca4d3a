// SPDX-License-Identifier: BSD-3-Clause Describes exceptions of Python by the words of support.py, and
// without them where that module is not there yet.
#include "python_error.hpp"

#include <string>
#include <tuple>
#include <utility>

namespace mpipe::python {

namespace {

/// Without the module that describes, pybind11 knows type and message.
Failure by_pybind(const py::error_already_set& error) {
  Failure failure;
  failure.type = "Exception";
  failure.message = error.what();
  return failure;
}

}  // namespace

Failure failure_of(py::error_already_set& error) {
  if (tools().describe == nullptr) return by_pybind(error);
  Failure failure;
  try {
    // The traceback is kept beside the exception; `describe` looks for it in the exception.
    if (error.trace()) PyException_SetTraceback(error.value().ptr(), error.trace().ptr());
    const auto described =
        py::reinterpret_steal<py::object>(PyObject_CallOneArg(tools().describe, error.value().ptr()));
    if (!described) throw py::error_already_set();
    std::tie(failure.type, failure.message) = described.cast<std::pair<std::string, std::string>>();
  } catch (const std::exception&) {
    failure = by_pybind(error);
  }
  return failure;
}

}  // namespace mpipe::python
