// SPDX-License-Identifier: BSD-3-Clause
// Describes whatever was thrown, of any type, so that it can be told to others.
#include <mpipe/core/failure.hpp>

#include "core/api/text.hpp"

#include <fmt/format.h>

#include <cxxabi.h>

#include <cstdlib>
#include <exception>
#include <memory>
#include <new>

namespace mpipe {
namespace {

// A chain of nested exceptions may be of any length, and each of them adds its text.
constexpr int kMaxCauses = 16;
constexpr std::size_t kLongestMessage = 16 * 1024;

/// The message of the exception and those of the exceptions that are nested in it, from the outer to the
/// inner.
std::string with_causes(const std::exception& error) {
  std::string text = error.what();
  const std::exception* outer = &error;
  std::exception_ptr inner;
  for (int k = 0; k < kMaxCauses; ++k) {
    const auto* nested = dynamic_cast<const std::nested_exception*>(outer);
    if (nested == nullptr || nested->nested_ptr() == nullptr) break;
    inner = nested->nested_ptr();
    try {
      std::rethrow_exception(inner);
    } catch (const std::exception& cause) {
      text += std::string("; caused by: ") + cause.what();
      outer = &cause;  // `inner` keeps it alive
    } catch (...) {
      text += "; caused by: " + failure_from_current_exception().message;
      break;
    }
  }
  return text;
}

/// Writes the value of the number that was thrown into `text`, which is all that such an exception says. It
/// returns false when what was thrown is of a type that is not among `Numbers`.
template <class... Numbers>
bool read_number(std::string& text) {
  const auto read = [&](auto sample) {
    try {
      throw;
    } catch (const decltype(sample)& number) {
      text = fmt::format("{}", number);
      return true;
    } catch (...) {
      return false;
    }
  };
  return (read(Numbers{}) || ...);
}

/// A message goes into status files, into JSON and to every rank: one of megabytes would make them unreadable.
void shorten(std::string& message) {
  if (message.size() <= kLongestMessage) return;
  std::size_t end = kLongestMessage;
  while (end > 0 && continues_character(message[end])) --end;  // not within a character
  message = fmt::format("{} .. ({} bytes more)", message.substr(0, end), message.size() - end);
}

}  // namespace

std::string type_name(const std::type_info& type) {
  const std::unique_ptr<char, decltype(&std::free)> name(
      abi::__cxa_demangle(type.name(), nullptr, nullptr, nullptr), &std::free);
  return name ? name.get() : type.name();
}

/// The handlers stand in the order from the special to the general: one for `std::exception` before that for
/// `Error` would take every `Error` and lose its category, its subject and its place.
Failure failure_from_current_exception() {
  Failure failure;
  if (const std::type_info* type = abi::__cxa_current_exception_type()) failure.type = type_name(*type);
  try {
    throw;
  } catch (const ReportedError& error) {
    // Another process described this failure already. Its own words stay, with the type that was thrown there
    // and not that of the exception that carries it here.
    failure = error.failure();
  } catch (const Error& error) {
    failure.category = error.category();
    failure.subject = error.subject();
    failure.message = error.what();
    if (error.place()) {
      failure.rank = error.place()->rank;
      failure.host = error.place()->host;
    }
  } catch (const std::exception& error) {
    failure.message = with_causes(error);
  } catch (const std::string& text) {
    failure.message = text;
  } catch (const char* text) {
    failure.message = text != nullptr ? text : "a null pointer";
  } catch (...) {
    if (!read_number<int, unsigned, long, unsigned long, long long, unsigned long long, float, double>(
            failure.message))
      failure.message = "an exception without a message";
  }
  // Every message passes here, whoever wrote it, before it is told to others.
  shorten(failure.message);
  return failure;
}

Error error_of(const Failure& failure) {
  return Error(failure.category, failure.message, failure.subject).at({failure.rank, failure.host});
}

void rethrow_of_user_code(std::string_view what, Category category, const Subject& subject) {
  try {
    // An `Error` was written for the user already, so its text stays as it is.
    throw;
  } catch (const Error&) {
    throw;
  } catch (...) {
    const Failure failure = failure_from_current_exception();
    throw Error(category, fmt::format("{} threw {}: {}. Mend it.", what, failure.type, failure.message),
                subject);
  }
}

}  // namespace mpipe
