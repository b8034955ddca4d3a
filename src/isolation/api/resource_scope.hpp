// SPDX-License-Identifier: BSD-3-Clause
/// @file
/// What a function sees of its resources while it is called.
#pragma once

#include <mpipe/pipeline/function_body.hpp>

#include <optional>
#include <string>
#include <vector>

namespace mpipe {

/// While it lives, the thread that made it, and what it calls, use the threads and the devices of a call: the
/// number of threads of every OpenMP runtime that is loaded, `OMP_NUM_THREADS`, and the variables by which
/// the runtimes of devices know what they may see. The destructor puts back what was.
///
/// The environment belongs to the process. At most one scope that sets it may live at a time, made by the
/// thread that also reads it elsewhere.
class ResourceScope {
 public:
  enum class Sets : std::uint8_t { thread, process };  ///< `process`: the environment, too

  /// A scope is needed at all.
  static bool changes_anything(const Resources& has) { return has.threads > 0 || !has.devices.empty(); }

  ResourceScope(const Resources& has, Sets sets);
  ~ResourceScope();
  ResourceScope(const ResourceScope&) = delete;
  ResourceScope& operator=(const ResourceScope&) = delete;

 private:
  using SetThreads = void (*)(int);
  struct Variable {
    const char* name;
    std::optional<std::string> before;
  };
  struct Runtime {
    SetThreads set_threads;
    int before;
  };

  void set_threads(int threads);
  void set_variable(const char* name, const std::string& text);

  std::vector<Variable> variables_;
  std::vector<Runtime> runtimes_;
};

}  // namespace mpipe
