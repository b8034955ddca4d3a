// SPDX-License-Identifier: BSD-3-Clause
/// @file
/// Bodies of functions in Python.
#pragma once

#include <mpipe/pipeline/function_body.hpp>

#include "interpreter.hpp"

#include <memory>
#include <string>
#include <vector>

namespace mpipe::python {

/// One output, as far as it is known before the first call.
struct PythonOutput {
  enum class Form : std::uint8_t { unknown, value, array };
  std::string name;  ///< the function's own
  const ElementType* type = nullptr;
  Form form = Form::unknown;  ///< of what one call returns
};

/// A function in Python, ready to be called.
struct PythonFunction {
  static constexpr int kGenerator = -1;

  std::string code;              ///< as the document names it
  PyObject* callable = nullptr;  ///< lives as long as the process
  std::vector<int> slots;        ///< what is passed, in order: the number of a parameter, or `kGenerator`
  PyObject* keywords =
      nullptr;  ///< tuple of the names of the last of them, which are passed by these; nullptr: none
  std::size_t parameters = 0;
  std::vector<PythonOutput> outputs;
  std::optional<std::size_t> item_rank;  ///< axes of the function's own; empty: nobody says
  bool vectorize = false;
  std::vector<BodyCode::Source> sources;
};

/// A body that calls the function, with the lock of the interpreter held for each block. Exceptions are
/// failures of elements, thrown as `ReportedError` with the type that they have in Python.
std::shared_ptr<const FunctionBody> make_python_body(PythonFunction function);

}  // namespace mpipe::python
