// SPDX-License-Identifier: BSD-3-Clause
/// @file
/// Checks of errors by category and text.
#pragma once

#include <mpipe/core/error.hpp>

#include <gtest/gtest.h>

#include <string>
#include <utility>

namespace mpipe::test {

/// Runs `action`, which must throw an `Error` of `category`, and returns its message; empty, and the test has
/// failed, when it does not.
template <class Action>
std::string error_message(Category category, Action&& action) {
  try {
    std::forward<Action>(action)();
  } catch (const Error& error) {
    EXPECT_EQ(to_string(error.category()), to_string(category)) << error.what();
    return error.what();
  } catch (const std::exception& error) {
    ADD_FAILURE() << "expected an Error of category " << to_string(category)
                  << ", got another: " << error.what();
    return {};
  }
  ADD_FAILURE() << "expected an Error of category " << to_string(category) << ", but nothing was thrown";
  return {};
}

/// `text` contains `part`.
inline ::testing::AssertionResult contains(const std::string& text, const std::string& part) {
  if (text.find(part) != std::string::npos) return ::testing::AssertionSuccess();
  return ::testing::AssertionFailure() << "'" << part << "' is not in:\n" << text;
}

}  // namespace mpipe::test
