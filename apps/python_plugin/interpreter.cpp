// SPDX-License-Identifier: BSD-3-Clause
// Starts the interpreter, tells it of forks, and loads the part of the plugin that is written in Python.
#include "interpreter.hpp"

#include <mpipe/core/error.hpp>

#include "python_error.hpp"

#include <fmt/format.h>
#include <pybind11/numpy.h>

#include <dlfcn.h>
#include <pthread.h>

#include <cstdlib>
#include <filesystem>
#include <string>

namespace mpipe::python {
namespace {

namespace fs = std::filesystem;

Tools known_tools;

[[noreturn]] void refuse(const std::string& problem) { throw Error(Category::bad_plugin, problem); }

/// The interpreter finds its packages by the place of its program, be it a virtual environment's.
std::string program() {
  const char* const given = std::getenv("VIRTUAL_ENV");
  if (given == nullptr || *given == '\0') return MPIPE_PYTHON_PROGRAM;
  const fs::path environment = given;
  const fs::path python = environment / "bin" / "python";
  std::error_code ignored;
  // The packages of another version would be found, and then fail one by one.
  if (!fs::exists(environment / "lib" / "python" MPIPE_PYTHON_VERSION, ignored) ||
      !fs::exists(python, ignored))
    refuse(fmt::format("the virtual environment '{}' (VIRTUAL_ENV) is none of Python " MPIPE_PYTHON_VERSION
                       ", which functions in Python are called with. Make one by {} -m venv, leave it "
                       "(deactivate), or build mpipe "
                       "with its Python (-DPython_EXECUTABLE={}).",
                       given, MPIPE_PYTHON_PROGRAM, python.string()));
  return python.string();
}

/// Modules in C take the symbols of the interpreter from the whole process, but this plugin was loaded with
/// its libraries to itself.
void share_symbols() {
  Dl_info info{};
  if (::dladdr(reinterpret_cast<void*>(&Py_InitializeFromConfig), &info) == 0 ||
      ::dlopen(info.dli_fname, RTLD_NOW | RTLD_GLOBAL | RTLD_NOLOAD) == nullptr)
    refuse(
        "the library of Python that belongs to libmpipe_python.so cannot be shared with modules of Python.");
}

/// `PyConfig`, which must be cleared.
class Config {
 public:
  Config() {
    PyConfig_InitPythonConfig(&config_);
    config_.parse_argv = 0;
    config_.install_signal_handlers = 0;  // signals are the program's
    // Many ranks would write the same files, and what changes within a second would be mistaken for what was
    // there.
    config_.write_bytecode = 0;
    // Sets have the same order on every rank, and so have the objects that are pickled.
    if (std::getenv("PYTHONHASHSEED") == nullptr) {
      config_.use_hash_seed = 1;
      config_.hash_seed = 0;
    }
  }
  ~Config() { PyConfig_Clear(&config_); }
  Config(const Config&) = delete;
  Config& operator=(const Config&) = delete;

  void start(const std::string& program) {
    check(PyConfig_SetBytesString(&config_, &config_.program_name, program.c_str()), program);
    check(Py_InitializeFromConfig(&config_), program);
  }

 private:
  static void check(const PyStatus& status, const std::string& program) {
    if (PyStatus_Exception(status) != 0)
      refuse(fmt::format(
          "the interpreter of Python ({}) does not start: {}. Look at VIRTUAL_ENV, PYTHONHOME and "
          "PYTHONPATH.",
          program, status.err_msg != nullptr ? status.err_msg : "no reason given"));
  }
  PyConfig config_;
};

// A fork that Python makes itself has its own care; any other one, as that of the process from which isolated
// functions are forked, must find the interpreter at rest: locks that other threads hold stay locked for ever
// in the child.
thread_local bool cares_for_fork = false;
thread_local PyGILState_STATE state_at_fork;

void before_fork() {
  cares_for_fork = PyGILState_Check() == 0;
  if (!cares_for_fork) return;
  state_at_fork = PyGILState_Ensure();
  PyOS_BeforeFork();
}

void after_fork_in_parent() {
  if (!cares_for_fork) return;
  PyOS_AfterFork_Parent();
  PyGILState_Release(state_at_fork);
}

void after_fork_in_child() {
  if (!cares_for_fork) return;
  PyOS_AfterFork_Child();
  PyGILState_Release(state_at_fork);
}

/// The module `_mpipe`, from its text, and what is needed of others. The lock is held.
Tools make_tools() {
  const auto code =
      py::reinterpret_steal<py::object>(Py_CompileString(kSupportText, "_mpipe", Py_file_input));
  if (!code) throw py::error_already_set();
  const auto module = py::reinterpret_steal<py::object>(PyImport_ExecCodeModule("_mpipe", code.ptr()));
  if (!module) throw py::error_already_set();
  const auto kept = [&](const char* name) { return py::object(module.attr(name)).release().ptr(); };
  // Imported here, once: a thread that imports may give up the lock, and others would wait for it for ever.
  py::detail::npy_api::get();
  return {kept("load_pickle"), kept("dump"),     kept("fit"),  kept("flatten"),         kept("repeat"),
          kept("generator"),   kept("describe"), kept("load"), kept("import_pipefunc"), kept("log_to")};
}

}  // namespace

void start_interpreter() {
  if (known_tools.load != nullptr) return;
  const std::string path = program();
  if (Py_IsInitialized() == 0) {
    share_symbols();
    Config config;
    config.start(path);
    // The thread that starts the interpreter holds its lock; from here on everybody takes it when it is
    // needed.
    PyEval_SaveThread();
    ::pthread_atfork(before_fork, after_fork_in_parent, after_fork_in_child);
  }
  const InterpreterLock lock;
  try {
    known_tools = make_tools();
  } catch (py::error_already_set& error) {
    refuse(fmt::format("functions in Python need NumPy, which {} cannot use: {}. Install it for this Python.",
                       path, failure_of(error).message));
  }
}

const Tools& tools() { return known_tools; }

}  // namespace mpipe::python
