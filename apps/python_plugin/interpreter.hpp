// SPDX-License-Identifier: BSD-3-Clause
/// @file
/// The interpreter of Python in this process.
#pragma once

#include <pybind11/pybind11.h>

namespace mpipe::python {

namespace py = pybind11;

/// Text of the module `_mpipe`, see support.py.
extern const char* const kSupportText;

/// Starts the interpreter when it is called for the first time: of the virtual environment that VIRTUAL_ENV
/// names, else of the Python that the plugin was built with. It is never ended, as functions may be called
/// until the process ends. A process that is forked later has it as well, ready to be used by the thread that
/// forked. Called by one thread at a time, which must not hold the lock of the interpreter. Throws `Error`
/// (bad_plugin).
void start_interpreter();

/// Holds the lock of the interpreter while it lives. From any thread, once the interpreter has been started.
class InterpreterLock {
 public:
  InterpreterLock() : state_(PyGILState_Ensure()) {}
  ~InterpreterLock() { PyGILState_Release(state_); }
  InterpreterLock(const InterpreterLock&) = delete;
  InterpreterLock& operator=(const InterpreterLock&) = delete;

 private:
  PyGILState_STATE state_;
};

/// Functions in Python that are called for elements; they live as long as the process.
struct Tools {
  PyObject* load = nullptr;  ///< pickle.loads
  // Of support.py:
  PyObject* dump = nullptr;
  PyObject* fit = nullptr;
  PyObject* flatten = nullptr;
  PyObject* repeat = nullptr;
  PyObject* generator = nullptr;
  PyObject* describe = nullptr;
  PyObject* find_function = nullptr;
  PyObject* import_pipefunc = nullptr;
  PyObject* log_to = nullptr;
};
/// Complete once the interpreter has been started.
const Tools& tools();

}  // namespace mpipe::python
