// SPDX-License-Identifier: BSD-3-Clause
// Whatever is thrown can be told, and code of users throws nothing but errors.
#include <mpipe/core/failure.hpp>

#include <gtest/gtest.h>

#include <exception>
#include <stdexcept>
#include <string>

namespace mpipe {
namespace {

template <class Thrown>
Failure thrown(Thrown&& what) {
  try {
    throw std::forward<Thrown>(what);
  } catch (...) {
    return failure_from_current_exception();
  }
}

TEST(Failure, tells_type_and_text_of_whatever_is_thrown) {
  EXPECT_EQ(thrown(std::out_of_range("beyond")).message, "beyond");
  EXPECT_EQ(thrown(std::out_of_range("beyond")).type, "std::out_of_range");
  EXPECT_EQ(thrown(42).message, "42");
  EXPECT_EQ(thrown(42).type, "int");
  EXPECT_EQ(thrown(2.5).message, "2.5");
  EXPECT_EQ(thrown(-7L).message, "-7");
  EXPECT_EQ(thrown(std::string("text")).message, "text");
  const char* const text = "plain text";
  EXPECT_EQ(thrown(text).message, "plain text");
  struct Odd {};
  EXPECT_EQ(thrown(Odd{}).message, "an exception without a message");
  EXPECT_EQ(thrown(Odd{}).category, Category::function_raised);
}

TEST(Failure, keeps_what_an_error_knows) {
  const Failure failure =
      thrown(Error(Category::bad_option, "no such thing", {Subject::Kind::output, "y"}).at({3, "node7"}));
  EXPECT_EQ(failure.category, Category::bad_option);
  EXPECT_EQ(failure.subject, (Subject{Subject::Kind::output, "y"}));
  EXPECT_EQ(failure.rank, 3);
  EXPECT_EQ(failure.host, "node7");
  const Error again = error_of(failure);
  EXPECT_STREQ(again.what(), "no such thing");
  ASSERT_TRUE(again.place());
  EXPECT_EQ(again.place()->rank, 3);
  EXPECT_EQ(again.place()->host, "node7");
  EXPECT_EQ(again.subject().name, "y");
}

TEST(Failure, tells_causes_that_are_nested) {
  try {
    try {
      try {
        throw 42;
      } catch (...) {
        std::throw_with_nested(std::runtime_error("the grid is bad"));
      }
    } catch (...) {
      std::throw_with_nested(std::runtime_error("the solver gave up"));
    }
  } catch (...) {
    EXPECT_EQ(failure_from_current_exception().message,
              "the solver gave up; caused by: the grid is bad; caused by: 42");
  }
}

TEST(GuardUserCode, returns_what_the_code_returns) {
  int number = 1;
  EXPECT_EQ(guard_user_code("a rule", [] { return 5; }), 5);
  static_assert(std::is_same_v<decltype(guard_user_code("a rule", [&]() -> int& { return number; })), int&>);
}

TEST(GuardUserCode, turns_anything_into_an_error) {
  const Subject subject{Subject::Kind::option, "chunksizes"};
  try {
    guard_user_code(
        "the chunk-size function of 'y'", []() -> int { throw 42; }, Category::bad_option, subject);
    FAIL() << "nothing was thrown";
  } catch (const Error& error) {
    EXPECT_EQ(error.category(), Category::bad_option);
    EXPECT_EQ(error.subject(), subject);
    EXPECT_STREQ(error.what(), "the chunk-size function of 'y' threw int: 42. Mend it.");
  }
  // An error says by itself what is wrong.
  try {
    guard_user_code("a hook", [] { throw Error(Category::too_large, "it is too large"); });
    FAIL() << "nothing was thrown";
  } catch (const Error& error) {
    EXPECT_EQ(error.category(), Category::too_large);
  }
}

TEST(Failure, cuts_messages_of_megabytes) {
  const std::string message = thrown(std::runtime_error(std::string(50'000'000, 'x'))).message;
  EXPECT_TRUE(message.ends_with("xx .. (49983616 bytes more)")) << message.size();
  EXPECT_EQ(thrown(std::runtime_error(std::string(16'384, 'x'))).message.size(), 16'384U);
}

}  // namespace
}  // namespace mpipe
