// SPDX-License-Identifier: BSD-3-Clause
// Sets the threads and devices that a function may use, and puts back what was there before.
#include "isolation/api/resource_scope.hpp"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <dlfcn.h>

#include <algorithm>
#include <cstdlib>
#include <numeric>

namespace mpipe {
namespace {

/// `action(library)` for every OpenMP runtime that is in the process. A plugin's runtime is not among the
/// names that all libraries share, so that it must be asked by its own name; nothing is loaded.
template <class Action>
void for_each_openmp(Action action) {
  action(RTLD_DEFAULT);
  for (const char* name : {"libgomp.so.1", "libomp.so.5", "libomp.so", "libiomp5.so"}) {
    void* const library = dlopen(name, RTLD_LAZY | RTLD_NOLOAD);
    if (library == nullptr) continue;
    action(library);
    dlclose(library);
  }
}

}  // namespace

ResourceScope::ResourceScope(const Resources& has, Sets sets) {
  if (has.threads > 0) set_threads(has.threads);
  if (sets == Sets::thread) return;
  if (has.threads > 0) set_variable("OMP_NUM_THREADS", fmt::format("{}", has.threads));
  if (has.devices.empty()) return;
  // AMD's lower runtime hides devices by ROCR_VISIBLE_DEVICES, and its upper one (HIP) counts what is left.
  std::vector<int> visible(has.devices.size());
  std::iota(visible.begin(), visible.end(), 0);
  set_variable("CUDA_VISIBLE_DEVICES", fmt::format("{}", fmt::join(has.devices, ",")));
  set_variable("ROCR_VISIBLE_DEVICES", fmt::format("{}", fmt::join(has.devices, ",")));
  set_variable("HIP_VISIBLE_DEVICES", fmt::format("{}", fmt::join(visible, ",")));
}

ResourceScope::~ResourceScope() {
  for (const Runtime& runtime : runtimes_) runtime.set_threads(runtime.before);
  for (const Variable& variable : variables_) {
    if (variable.before)
      ::setenv(variable.name, variable.before->c_str(), 1);
    else
      ::unsetenv(variable.name);
  }
}

void ResourceScope::set_threads(int threads) {
  using GetThreads = int (*)();
  for_each_openmp([&](void* library) {
    const auto set = reinterpret_cast<SetThreads>(dlsym(library, "omp_set_num_threads"));
    const auto get = reinterpret_cast<GetThreads>(dlsym(library, "omp_get_max_threads"));
    // The names that all libraries share may lead to a runtime that is also found by its name. Noted twice,
    // it would be put back to the number that was set here.
    const bool known = std::any_of(runtimes_.begin(), runtimes_.end(),
                                   [&](const Runtime& runtime) { return runtime.set_threads == set; });
    if (set == nullptr || get == nullptr || known) return;
    runtimes_.push_back({set, get()});
    set(threads);
  });
}

void ResourceScope::set_variable(const char* name, const std::string& text) {
  const char* const before = std::getenv(name);
  // The old text is copied, as it is gone once the variable has another.
  variables_.push_back({name, before == nullptr ? std::nullopt : std::optional<std::string>(before)});
  ::setenv(name, text.c_str(), 1);
}

}  // namespace mpipe
