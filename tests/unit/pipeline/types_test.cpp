// SPDX-License-Identifier: BSD-3-Clause
// Types on the edges: what fits, what widens, what is refused when the pipeline is built.
#include <mpipe/pipeline/pipeline.hpp>

#include "support/expect_error.hpp"

#include <gtest/gtest.h>

#include <complex>

namespace mpipe::test {
namespace {

template <class T>
Function make(const std::string& output, const std::string& parameter = "n") {
  return function(output, [](std::int64_t) { return T(); }).parameters(parameter);
}
template <class T>
Function take(const std::string& output, const std::string& parameter) {
  return function(output, [](T) { return 1.0; }).parameters(parameter);
}

/// The error of joining a producer of `From` to a consumer of `To`, or empty.
template <class From, class To>
std::string join() {
  try {
    Pipeline{make<From>("x"), take<To>("y", "x")};
    return {};
  } catch (const Error& error) {
    EXPECT_EQ(error.category(), Category::type_mismatch) << error.what();
    return error.what();
  }
}

TEST(Edges, EqualAndWiderTypesFit) {
  EXPECT_EQ((join<double, double>()), "");
  EXPECT_EQ((join<std::int32_t, std::int64_t>()), "");
  EXPECT_EQ((join<std::int64_t, double>()), "");
  EXPECT_EQ((join<bool, std::int32_t>()), "");
  EXPECT_EQ((join<float, double>()), "");
  EXPECT_EQ((join<std::uint8_t, std::int16_t>()), "");
  EXPECT_EQ((join<double, std::complex<double>>()), "");
  EXPECT_EQ((join<std::string, std::string>()), "");
  EXPECT_EQ((join<Array<double>, ArrayView<const double>>()), "");
  EXPECT_EQ((join<std::vector<std::int32_t>, ArrayView<const std::int32_t>>()), "");
}

TEST(Edges, NarrowingAndOtherKindsDoNot) {
  EXPECT_TRUE(
      contains(join<double, std::int64_t>(), "parameter 'x' of function 'y' is int64 but gets float64"));
  EXPECT_NE((join<std::int64_t, std::int32_t>()), "");
  EXPECT_NE((join<double, float>()), "");
  EXPECT_NE((join<std::int64_t, std::uint64_t>()), "");
  EXPECT_NE((join<std::string, double>()), "");
  EXPECT_NE((join<double, std::string>()), "");
  EXPECT_NE((join<std::complex<double>, double>()), "");
}

TEST(Edges, ArraysAndScalarsAreTwoThings) {
  EXPECT_TRUE(contains(join<Array<double>, double>(),
                       "an index takes elements, ':' a slice, no mention the whole array"));
  EXPECT_NE((join<double, ArrayView<const double>>()), "");
}

TEST(Edges, MappedElementsAreScalarsAgain) {
  EXPECT_NO_THROW(
      (Pipeline{make<double>("x").mapspec("n[i] -> x[i]"), take<double>("y", "x").mapspec("x[i] -> y[i]")}));
  EXPECT_THROW((Pipeline{make<double>("x").mapspec("n[i] -> x[i]"), take<double>("y", "x")}), Error)
      << "without a mention it gets the whole array";
  EXPECT_NO_THROW(
      (Pipeline{make<double>("x").mapspec("n[i] -> x[i]"), take<ArrayView<const double>>("y", "x")}));
}

TEST(Edges, SlicesHaveTheRankOfTheirColons) {
  const auto make_2d = [] {
    return function("x", [](double a, double b) { return a * b; })
        .parameters("a", "b")
        .mapspec("a[i], b[j] -> x[i, j]");
  };
  EXPECT_NO_THROW((Pipeline{make_2d(), take<ArrayView<const double>>("y", "x").mapspec("x[i, :] -> y[i]")}));
  EXPECT_NO_THROW((Pipeline{make_2d(), take<std::vector<double>>("y", "x").mapspec("x[i, :] -> y[i]")}));
  EXPECT_THROW((Pipeline{make_2d(), take<std::vector<double>>("y", "x")}), Error) << "a vector has rank 1";
  EXPECT_THROW((Pipeline{make_2d(), take<double>("y", "x").mapspec("x[i, :] -> y[i]")}), Error);
}

TEST(Edges, BoundValuesAreNotEdges) {
  EXPECT_NO_THROW(
      (Pipeline{make<double>("x"), take<std::int64_t>("y", "x").bound({{"x", std::int64_t{1}}})}));
}

TEST(InternalAxes, RanksAreCheckedBeforehand) {
  EXPECT_NO_THROW((Pipeline{make<std::vector<double>>("x").mapspec("n[i] -> x[i, j]")}));
  EXPECT_TRUE(
      contains(error_message(Category::internal_shape_rank,
                             [] { Pipeline{make<std::vector<double>>("x").mapspec("n[i] -> x[i, j, k]")}; }),
               "names 2 axes of its own"));
  EXPECT_THROW((Pipeline{make<double>("x").mapspec("n[i] -> x[i, j]")}), Error);
}

TEST(InferredTypes, OfEveryName) {
  const Pipeline pipeline{make<float>("x").mapspec("n[i] -> x[i]"), make<std::vector<std::int32_t>>("v", "m"),
                          make<std::vector<double>>("r", "k").mapspec("k[i] -> r[i]")};
  const auto types = pipeline.infer_types({{"n", {&element_type<std::int64_t>(), 1, false}}});
  EXPECT_EQ(*types.at("x").element, element_type<float>());
  EXPECT_EQ(types.at("x").rank, std::size_t{1});
  EXPECT_EQ(*types.at("v").element, element_type<std::int32_t>());
  EXPECT_EQ(types.at("v").rank, std::size_t{1});
  EXPECT_EQ(types.at("r").element->kind, Kind::array) << "an array for each element";
  EXPECT_EQ(*types.at("r").element->item, element_type<double>());
  EXPECT_EQ(types.at("r").rank, std::size_t{1});
}

TEST(InferredTypes, RootsOfAnotherRankThanTheMapspecSays) {
  const Pipeline pipeline{take<double>("y", "x").mapspec("x[i] -> y[i]")};
  EXPECT_TRUE(contains(error_message(Category::rank_mismatch,
                                     [&] {
                                       pipeline.infer_types({{"x", {&element_type<double>(), 2, false}}});
                                     }),
                       "indexes it as x[i]"));
}

TEST(InferredTypes, ArraysAsElementsAreArraysToWhoeverTakesThem) {
  EXPECT_NO_THROW((Pipeline{make<std::vector<double>>("r").mapspec("n[i] -> r[i]"),
                            take<ArrayView<const double>>("y", "r").mapspec("r[i] -> y[i]")}));
  EXPECT_THROW((Pipeline{make<std::vector<double>>("r").mapspec("n[i] -> r[i]"),
                         take<double>("y", "r").mapspec("r[i] -> y[i]")}),
               Error);
}

TEST(ValueTypes, AreSaidInWords) {
  EXPECT_EQ((ValueType{&element_type<double>(), 0, false}).to_string(), "float64");
  EXPECT_EQ((ValueType{&element_type<double>(), 2, false}).to_string(), "array of float64 (rank 2)");
  EXPECT_EQ((ValueType{nullptr, std::nullopt, false}).to_string(), "array of number");
  EXPECT_EQ((ValueType{nullptr, std::nullopt, true}).to_string(), "number (scalar or array)");
}

}  // namespace
}  // namespace mpipe::test
