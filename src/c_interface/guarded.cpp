// SPDX-License-Identifier: BSD-3-Clause
// Keeps what the last call of this thread threw, for C to ask.
#include "c_interface/guarded.hpp"

#include <mpipe/core/error.hpp>
#include <mpipe/core/failure.hpp>
#include <mpipe/core/version.hpp>
#include <mpipe/mpipe.h>

#include <exception>

namespace mpipe {
namespace {

struct LastError {
  std::string text;
  std::string category;
};

LastError& last_error() {
  static thread_local LastError error;
  return error;
}

/// What is being handled. `failure_from_current_exception` takes what is no error of mpipe for one of a function of the
/// pipeline, which it is not here.
int keep_current_exception() {
  const Failure failure = failure_from_current_exception();
  const bool known = failure.category != Category::function_raised;
  const Category category = known ? failure.category : Category::internal_error;
  last_error() = {failure.message, std::string(to_string(category))};
  return exit_code(category);
}

}  // namespace

int guarded(const std::function<void()>& action) noexcept {
  try {
    action();
    return 0;
  } catch (const Error& error) {
    last_error() = {error.what(), std::string(to_string(error.category()))};
    return exit_code(error.category());
  } catch (...) {
    return keep_current_exception();
  }
}

void need(const void* pointer, const std::string& what) {
  if (pointer == nullptr)
    throw Error(Category::bad_option,
                "the " + what + " is a null pointer. Give the one that an earlier call returned.");
}

}  // namespace mpipe

const char* mpipe_version(void) { return mpipe::version().data(); }

const char* mpipe_error_text(void) { return mpipe::last_error().text.c_str(); }

const char* mpipe_error_category(void) { return mpipe::last_error().category.c_str(); }
