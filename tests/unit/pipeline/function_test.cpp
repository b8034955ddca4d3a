// SPDX-License-Identifier: BSD-3-Clause
// One function by itself: its names, its values, what it refuses.
#include <mpipe/pipeline/function.hpp>

#include "support/expect_error.hpp"

#include <gtest/gtest.h>

#include <complex>
#include <string>
#include <tuple>

namespace mpipe::test {
namespace {

using Names = std::vector<std::string>;

double add(double a, double b) { return a + b; }
Function adder() { return function("sum", add).parameters("a", "b"); }

TEST(Function, NamesFollowTheRenames) {
  const Function renamed = adder().renames({{"a", "left"}, {"sum", "total"}});
  EXPECT_EQ(renamed.parameter_names(), (Names{"left", "b"}));
  EXPECT_EQ(renamed.output_names(), Names{"total"});
  EXPECT_EQ(renamed.name(), "total");
  EXPECT_NO_THROW(renamed.check());
}

TEST(Function, TheSignatureGivesTheTypes) {
  const auto typed = function("y", [](std::int32_t, const std::string&, std::vector<float>,
                                      ArrayView<const double>, Random) { return std::complex<double>(); });
  const auto& parameters = typed.body().parameters();
  ASSERT_EQ(parameters.size(), 4U) << "a Random has no name";
  EXPECT_EQ(*parameters[0].element, element_type<std::int32_t>());
  EXPECT_EQ(*parameters[1].element, element_type<std::string>());
  EXPECT_EQ(parameters[2].rank, std::size_t{1});
  EXPECT_EQ(*parameters[2].element, element_type<float>());
  EXPECT_FALSE(parameters[3].rank.has_value()) << "an ArrayView takes any rank of 1 and more";
  EXPECT_EQ(*typed.body().outputs({}).front().element, element_type<std::complex<double>>());
}

TEST(Function, SeveralOutputsFromTuplesPairsAndStructs) {
  struct Both {
    double first;
    std::int64_t second;
  };
  const auto from_tuple =
      function({"a", "b"}, [](double x) { return std::tuple(x, std::int64_t{1}); }).parameters("x");
  const auto from_pair =
      function({"a", "b"}, [](double x) { return std::pair(x, std::int64_t{1}); }).parameters("x");
  const auto from_struct = function({"a", "b"}, [](double x) { return Both{x, 1}; }).parameters("x");
  for (const Function& each : {from_tuple, from_pair, from_struct}) {
    EXPECT_NO_THROW(each.check());
    const auto outputs = each.body().outputs({});
    ASSERT_EQ(outputs.size(), 2U);
    EXPECT_EQ(*outputs[0].element, element_type<double>());
    EXPECT_EQ(*outputs[1].element, element_type<std::int64_t>());
  }
}

TEST(Function, ThreadSafetyIsAPromise) {
  EXPECT_FALSE(adder().is_thread_safe());
  EXPECT_TRUE(adder().thread_safe().is_thread_safe());
  EXPECT_FALSE(adder().thread_safe().thread_safe(false).is_thread_safe());
}

TEST(Function, CopiesShareTheBody) {
  const Function one = adder();
  const Function two =
      one;  // NOLINT(performance-unnecessary-copy-initialization): the copy is what is tested
  EXPECT_EQ(&one.body(), &two.body());
}

struct Refusal {
  const char* name;
  Function (*make)();
  Category category;
  const char* message;
};

void PrintTo(const Refusal& refusal, std::ostream* out) { *out << refusal.name; }

class FunctionRefusals : public ::testing::TestWithParam<Refusal> {};

TEST_P(FunctionRefusals, SayWhatAndWhy) {
  EXPECT_TRUE(
      contains(error_message(GetParam().category, [] { GetParam().make().check(); }), GetParam().message));
}

INSTANTIATE_TEST_SUITE_P(
    All, FunctionRefusals,
    ::testing::Values(
        Refusal{"TooFewParameters", [] { return function("sum", add).parameters("a"); },
                Category::unknown_name, "takes 2 parameters but 1 names were given"},
        Refusal{"TooManyOutputs",
                [] {
                  return function({"a", "b", "c"}, [](double x) { return std::pair(x, x); }).parameters("x");
                },
                Category::unknown_name, "returns 2 values but 3 outputs were named"},
        Refusal{"NoOutputs", [] { return Function({}, nullptr); }, Category::unknown_name,
                "needs the name of an output"},
        Refusal{"BadParameter", [] { return function("sum", add).parameters("a", "2b"); },
                Category::bad_identifier, "'2b' cannot be the name of a parameter"},
        Refusal{"BadOutput", [] { return function("a b", add).parameters("a", "b"); },
                Category::bad_identifier, "'a b' cannot be the name of an output"},
        Refusal{"SameParameters", [] { return function("sum", add).parameters("a", "a"); },
                Category::rename_collision, "two parameters of function 'sum' are called 'a'"},
        Refusal{"RenamesMeet",
                [] {
                  return adder().renames({{"a", "b"}});
                },
                Category::rename_collision, "are called 'b'"},
        Refusal{"RenameOfNothing",
                [] {
                  return adder().renames({{"c", "d"}});
                },
                Category::unknown_name, "name 'c'"},
        Refusal{"SameOutputs",
                [] {
                  return function({"y", "y"}, [](double x) { return std::pair(x, x); }).parameters("x");
                },
                Category::duplicate_output, "two outputs called 'y'"},
        Refusal{"OutputIsParameter", [] { return function("a", add).parameters("a", "b"); },
                Category::output_is_parameter, "'a' is both an output and a parameter"},
        Refusal{"DefaultOfNothing",
                [] {
                  return adder().defaults({{"c", 1.0}});
                },
                Category::unknown_name, "the defaults of function 'sum' name 'c'"},
        Refusal{"DefaultUnderTheOldName",
                [] {
                  return adder().renames({{"a", "left"}}).defaults({{"a", 1.0}});
                },
                Category::unknown_name, "the defaults of function 'sum' name 'a'"},
        Refusal{"BoundNothing",
                [] {
                  return adder().bound({{"c", 1.0}});
                },
                Category::unknown_name, "the bound values of function 'sum' name 'c'"},
        Refusal{"DefaultAndBound",
                [] {
                  return adder().defaults({{"a", 1.0}}).bound({{"a", 1.0}});
                },
                Category::default_and_bound, "both a default and a bound value"},
        Refusal{"MapspecInput", [] { return adder().mapspec("c[i] -> sum[i]"); },
                Category::mapspec_name_mismatch, "has the input 'c'"},
        Refusal{"MapspecOutput", [] { return adder().mapspec("a[i] -> total[i]"); },
                Category::mapspec_name_mismatch, "has the outputs (total)"},
        Refusal{"MapspecOrder",
                [] {
                  return function({"y", "z"}, [](double x) { return std::pair(x, x); })
                      .parameters("x")
                      .mapspec("x[i] -> z[i], y[i]");
                },
                Category::mapspec_name_mismatch, "has the outputs (z, y)"},
        Refusal{"MapspecSyntax", [] { return adder().mapspec("a[i -> sum[i]"); }, Category::mapspec_syntax,
                "column"},
        Refusal{"BoundInMapspec",
                [] {
                  return adder().bound({{"a", 1.0}}).mapspec("a[i] -> sum[i]");
                },
                Category::bound_in_mapspec, "'a'"}),
    [](const auto& tested) { return std::string(tested.param.name); });

}  // namespace
}  // namespace mpipe::test
