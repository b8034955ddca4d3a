// SPDX-License-Identifier: BSD-3-Clause
/// @file
/// What Python raises, as failures.
#pragma once

#include <mpipe/core/failure.hpp>

#include "interpreter.hpp"

namespace mpipe::python {

/// Type, message and the last lines of the traceback of an exception of Python. The lock is held.
Failure failure_of(py::error_already_set& error);

/// Calls code that may raise exceptions of Python, and throws these as `ReportedError`. The lock is held.
template <class Code>
decltype(auto) as_failures(Code&& code) {
  try {
    return std::forward<Code>(code)();
  } catch (py::error_already_set& error) {
    throw ReportedError(failure_of(error));
  }
}

}  // namespace mpipe::python
