// SPDX-License-Identifier: BSD-3-Clause
/// @file
/// Environment variables for the time of a test.
#pragma once

#include <cstdlib>
#include <optional>
#include <string>

namespace mpipe::test {

inline std::optional<std::string> variable(const char* name) {
  const char* const text = std::getenv(name);
  return text == nullptr ? std::nullopt : std::optional<std::string>(text);
}

/// Sets (nothing: unsets) a variable while it lives.
class WithVariable {
 public:
  WithVariable(const char* name, const std::optional<std::string>& text)
      : name_(name), before_(variable(name)) {
    set(text);
  }
  ~WithVariable() { set(before_); }
  WithVariable(const WithVariable&) = delete;
  WithVariable& operator=(const WithVariable&) = delete;

 private:
  void set(const std::optional<std::string>& text) const {
    if (text)
      ::setenv(name_, text->c_str(), 1);
    else
      ::unsetenv(name_);
  }
  const char* name_;
  std::optional<std::string> before_;
};

}  // namespace mpipe::test
