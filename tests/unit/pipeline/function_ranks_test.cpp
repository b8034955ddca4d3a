// SPDX-License-Identifier: BSD-3-Clause
// Functions that take a communicator, and how many ranks they ask for.
#include <mpipe/core/error.hpp>
#include <mpipe/pipeline/pipeline.hpp>

#include "support/expect_error.hpp"

#include <gtest/gtest.h>

namespace mpipe {
namespace {

double on_ranks(double x, int n, Comm comm) { return x * n + 100 * comm.rank() + comm.size(); }
Function ranked() { return function("y", on_ranks).parameters("x", "n"); }

void expect_refused(const Function& function, Category category, const char* text) {
  try {
    function.check();
    ADD_FAILURE() << "not refused";
  } catch (const Error& error) {
    EXPECT_EQ(error.category(), category) << error.what();
    EXPECT_NE(std::string(error.what()).find(text), std::string::npos) << error.what();
  }
}

TEST(FunctionRanks, ACommunicatorHasNoName) {
  const Function y = ranked();
  EXPECT_NO_THROW(y.check());
  EXPECT_EQ(y.body().parameters().size(), 2U);
  EXPECT_TRUE(y.body().takes_communicator());
  EXPECT_FALSE(y.body().draws_random_numbers());
  EXPECT_FALSE(function("z", [](double x) { return x; }).parameters("x").body().takes_communicator());
}

TEST(FunctionRanks, RunIsOneRankWithoutMpi) {
  const Pipeline pipeline{ranked().resources({.ranks = 4})};
  EXPECT_EQ(pipeline.run("y", {{"x", 2.0}, {"n", 3}}).as<double>(), 7.0);
}

TEST(FunctionRanks, ACommunicatorIsForOneThread) { EXPECT_FALSE(ranked().thread_safe().is_thread_safe()); }

TEST(FunctionRanks, AreRefusedWhereTheyCannotBe) {
  const auto plain = [] { return function("z", [](double x) { return x; }).parameters("x"); };
  expect_refused(plain().resources({.ranks = 2}), Category::bad_option, "takes no mpipe::Comm");
  expect_refused(plain().ranks({"x"}, [](double) { return 1; }), Category::bad_option,
                 "takes no mpipe::Comm");
  expect_refused(ranked().cache(5), Category::bad_option, "cannot be cached");
  expect_refused(ranked().isolation(Isolation::process), Category::bad_option, "cannot be isolated");
  expect_refused(ranked().resources({.ranks = 2}).ranks({"n"}, [](int n) { return n; }), Category::bad_option,
                 "both 2 ranks and a rule");
  expect_refused(ranked().ranks({"m"}, [](int n) { return n; }), Category::unknown_name, "'m'");
  expect_refused(ranked().ranks({"x", "n"}, [](int n) { return n; }), Category::unknown_name,
                 "takes 1 arguments");
  expect_refused(ranked().ranks({"n"}, [](double n) { return static_cast<int>(n); }), Category::type_mismatch,
                 "takes 'n' as float64");
}

TEST(FunctionRanks, ARuleKeepsItsParametersThroughRenames) {
  Function y = ranked().ranks({"n"}, [](int n) { return n; });
  y.update_renames({{"n", "count"}});
  EXPECT_NO_THROW(y.check());
  EXPECT_EQ(y.rank_rule_positions(), std::vector<std::size_t>{1});
}

TEST(FunctionRanks, NestedFunctionsPassTheCommunicatorOn) {
  const auto twice = function("z", [](double y) { return 2 * y; }).parameters("y");
  const Pipeline nested = Pipeline{ranked().resources({.ranks = 2}), twice}.nest({"y", "z"}, {"z"});
  EXPECT_TRUE(nested.functions()[0].function.body().takes_communicator());
  EXPECT_EQ(nested.functions()[0].function.resources().ranks, 2);
  EXPECT_EQ(nested.run("z", {{"x", 2.0}, {"n", 3}}).as<double>(), 14.0);
  const Pipeline ruled{ranked().ranks({"n"}, [](int n) { return n; }), twice};
  EXPECT_THROW(ruled.nest({"y", "z"}, {"z"}), Error);
}

}  // namespace
}  // namespace mpipe
