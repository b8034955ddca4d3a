// SPDX-License-Identifier: BSD-3-Clause
/// @file
/// What was thrown, described so that it can be told to other processes, and the guard around code of users.
#pragma once

#include <mpipe/core/error.hpp>
#include <mpipe/core/shape.hpp>

#include <string>
#include <string_view>
#include <typeinfo>
#include <utility>

namespace mpipe {

/// What was thrown, and where. It is the one form in which exceptions travel between processes; its bytes are
/// those of `put_failure`. Of an element of a pipeline it also says which one it is.
struct Failure {
  std::string output;     ///< the function's first output; empty where no element is concerned
  Index element = 0;      ///< linear index over the function's external axes
  MultiIndex index;       ///< the same as multi-index; empty for a single value
  std::string message;    ///< what() of what was thrown
  std::string type;       ///< its C++ type, as in `std::runtime_error`
  std::string arguments;  ///< `x=1.5, y="a"`, shortened
  std::string host;
  int rank = 0;                                   ///< of the job (see `Communicator::job_rank`)
  Category category = Category::function_raised;  ///< that of an `Error`, else function_raised
  Subject subject;                                ///< that of an `Error`
};

/// What another process threw and told of, thrown in this one: `failure_from_current_exception` gives the
/// failure back as it was told.
class ReportedError final : public Error {
 public:
  explicit ReportedError(Failure failure)
      : Error(failure.category, failure.message, failure.subject), failure_(std::move(failure)) {}
  const Failure& failure() const { return failure_; }

 private:
  Failure failure_;
};

/// Message, type, category and subject of the exception that is being handled, whatever its type; for use in
/// a `catch` block. Causes that are nested in it (std::throw_with_nested) are in the message. The rest of the
/// failure is the caller's to fill in.
Failure failure_from_current_exception();

/// The error that a failure describes, at its rank and host.
Error error_of(const Failure& failure);

/// The name of a C++ type as a person writes it.
std::string type_name(const std::type_info& type);

/// Throws the exception that is being handled as an `Error`: an `Error` as it is; another one, of any type,
/// as `category`, with a text that says that `what` threw it. For `guard_user_code`.
[[noreturn]] void rethrow_of_user_code(std::string_view what, Category category, const Subject& subject);

/// Calls code of the user: a rule, a factory, a hook, an observer. Whatever it throws, an `int` too, becomes
/// an `Error`, so that no rank is left waiting for one that was thrown out of a collective call. `what` names
/// the code, as in "the chunk-size function of 'y'". (Functions of pipelines are called by their bodies,
/// whose failures are those of elements.)
template <class Code>
decltype(auto) guard_user_code(std::string_view what, Code&& code, Category category = Category::bad_option,
                               const Subject& subject = {}) {
  try {
    return std::forward<Code>(code)();
  } catch (...) {
    rethrow_of_user_code(what, category, subject);
  }
}

}  // namespace mpipe
