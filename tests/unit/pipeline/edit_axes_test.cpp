// SPDX-License-Identifier: BSD-3-Clause
// Axes that are added to pipelines, and renamed.
#include "simple_functions.hpp"
#include "support/expect_error.hpp"

namespace mpipe::test {
namespace {

/// y = x - 2 b over x[i], s = sum(y).
Pipeline reduced() { return Pipeline{combined("y", "x", "b").mapspec("x[i] -> y[i]"), total("s", "y")}; }

TEST(AddAxis, ToAFunctionWithoutMapspec) {
  const Pipeline pipeline{combined("y", "x", "b"), plus_one("z", "y")};
  EXPECT_EQ(pipeline.add_mapspec_axis({"x"}, "i").mapspecs(), (Names{"x[i] -> y[i]", "y[i] -> z[i]"}));
  EXPECT_EQ(pipeline.add_mapspec_axis({"x"}, " i ,j").mapspecs(),
            (Names{"x[i, j] -> y[i, j]", "y[i, j] -> z[i, j]"}));
  EXPECT_EQ(pipeline.add_mapspec_axis({"x", "b"}, "i").mapspecs(),
            (Names{"x[i], b[i] -> y[i]", "y[i] -> z[i]"}))
      << "an axis that is there is zipped with";
  EXPECT_EQ(pipeline.add_mapspec_axis({"x"}, "i").add_mapspec_axis({"b"}, "j").mapspecs(),
            (Names{"x[i], b[j] -> y[i, j]", "y[i, j] -> z[i, j]"}));
}

TEST(AddAxis, AReductionBecomesPartial) {
  EXPECT_EQ(reduced().add_mapspec_axis({"b"}, "j").mapspecs(),
            (Names{"x[i], b[j] -> y[i, j]", "y[:, j] -> s[j]"}));
  EXPECT_EQ(reduced().add_mapspec_axis({"x"}, "k").mapspecs(),
            (Names{"x[i, k] -> y[i, k]", "y[:, k] -> s[k]"}));
}

TEST(AddAxis, AnArrayThatHasItKeepsItsReductions) {
  EXPECT_EQ(reduced().add_mapspec_axis({"b"}, "i").mapspecs(), Names{"x[i], b[i] -> y[i]"})
      << "a zip changes no shape: s is still one sum";
  EXPECT_EQ(reduced().add_mapspec_axis({"x"}, "i").mapspecs(), reduced().mapspecs());
  EXPECT_EQ(reduced().add_mapspec_axis({"b"}, "i, j").mapspecs(),
            (Names{"x[i], b[i, j] -> y[i, j]", "y[:, j] -> s[j]"}));
}

TEST(AddAxis, ReductionsBehindAChainAndBesideThemStay) {
  // y and z are mapped over i, s and t are sums over it, and w takes both a sum and the parameter.
  const Pipeline pipeline{combined("y", "x", "b").mapspec("x[i] -> y[i]"),
                          plus_one("z", "y").mapspec("y[i] -> z[i]"), total("s", "y"), total("t", "z"),
                          combined("w", "s", "b")};
  EXPECT_EQ(pipeline.add_mapspec_axis({"b"}, "i").mapspecs(),
            (Names{"x[i], b[i] -> y[i]", "y[i] -> z[i]", "b[i] -> w[i]"}));
}

TEST(AddAxis, SeveralParametersAtOnceAndOneByOne) {
  const Pipeline pipeline{combined("y", "x", "b").mapspec("x[i] -> y[i]"),
                          combined("z", "y", "c").mapspec("y[i] -> z[i]"), total("s", "z")};
  const Names expected{"x[i], b[i] -> y[i]", "y[i], c[i] -> z[i]"};
  EXPECT_EQ(pipeline.add_mapspec_axis({"b", "c"}, "i").mapspecs(), expected);
  EXPECT_EQ(pipeline.add_mapspec_axis({"c"}, "i").add_mapspec_axis({"b"}, "i").mapspecs(), expected);
}

TEST(AddAxis, IsRefusedWhereTheFunctionMakesItItself) {
  const Function rows = function("x", [](double n) { return std::vector<double>{n, n}; }).parameters("n");
  for (const Pipeline& pipeline : {Pipeline{Function(rows).mapspec("... -> x[i]"), total("s", "x")},
                                   Pipeline{rows, plus_one("y", "x").mapspec("x[i] -> y[i]")}}) {
    const std::string text =
        error_message(Category::axes_inconsistent, [&] { (void)pipeline.add_mapspec_axis({"n"}, "i"); });
    EXPECT_TRUE(contains(text, "makes the axis 'i'")) << text;
  }
}

TEST(AddAxis, TwiceChangesNothing) {
  const Pipeline once = reduced().add_mapspec_axis({"b"}, "j");
  EXPECT_EQ(once.add_mapspec_axis({"b"}, "j").mapspecs(), once.mapspecs());
}

TEST(AddAxis, ToGeneratorsGivenAndMade) {
  const auto rows = [] {
    return function("x",
                    [](double a, double n) { return std::vector<double>(static_cast<std::size_t>(n), a); })
        .parameters("a", "n");
  };
  const Names expected{"a[k] -> x[i, k]", "x[i, k] -> y[i, k]"};
  EXPECT_EQ((Pipeline{rows().mapspec("... -> x[i]"), plus_one("y", "x").mapspec("x[i] -> y[i]")})
                .add_mapspec_axis({"a"}, "k")
                .mapspecs(),
            expected);
  EXPECT_EQ(
      (Pipeline{rows(), plus_one("y", "x").mapspec("x[i] -> y[i]")}).add_mapspec_axis({"a"}, "k").mapspecs(),
      expected);
}

TEST(AddAxis, ReachesEveryBranchOnce) {
  // A diamond: t takes u and v, both of x, and w whole.
  const Pipeline pipeline{plus_one("u", "x"), plus_one("v", "x"), combined("t", "v", "u"),
                          combined("q", "b", "t").bound({{"t", 1.0}})};
  EXPECT_EQ(pipeline.add_mapspec_axis({"x"}, "i").mapspecs(),
            (Names{"x[i] -> u[i]", "x[i] -> v[i]", "u[i], v[i] -> t[i]"}))
      << "q has t bound, and keeps as it is";
}

TEST(AddAxis, TheOrderOfInputsIsThatOfTheWayDown) {
  // s takes b and y, which depends on b: y gets the axis first.
  const Pipeline pipeline{combined("y", "x", "b"), combined("s", "b", "y")};
  EXPECT_EQ(pipeline.add_mapspec_axis({"b"}, "j").mapspecs(), (Names{"b[j] -> y[j]", "y[j], b[j] -> s[j]"}));
}

TEST(AddAxis, WhoeverTakesAnArrayWholeTakesItPerPosition) {
  const Pipeline pipeline{plus_one("y", "x").mapspec("x[i] -> y[i]"), total("s", "x")};
  EXPECT_EQ(pipeline.add_mapspec_axis({"x"}, "k").mapspecs(),
            (Names{"x[:, k] -> s[k]", "x[i, k] -> y[i, k]"}));
}

TEST(AddAxis, SeveralOutputsOfOneCall) {
  const Pipeline pipeline{both("p", "q", "x"), plus_one("r", "q")};
  EXPECT_EQ(pipeline.add_mapspec_axis({"x"}, "i").mapspecs(), (Names{"x[i] -> p[i], q[i]", "q[i] -> r[i]"}));
}

TEST(AddAxis, RefusesWhatIsNotThere) {
  EXPECT_TRUE(
      contains(error_message(Category::unknown_name, [] { (void)reduced().add_mapspec_axis({"xx"}, "j"); }),
               "Did you mean 'x'?"));
  error_message(Category::unknown_name, [] { (void)reduced().add_mapspec_axis({"s"}, "j"); });
  error_message(Category::bad_identifier, [] { (void)reduced().add_mapspec_axis({"b"}, "2"); });
  error_message(Category::bad_identifier, [] { (void)reduced().add_mapspec_axis({"b"}, "j,"); });
  error_message(Category::bad_identifier, [] { (void)reduced().add_mapspec_axis({"b"}, ""); });
  error_message(Category::axes_inconsistent, [] { (void)reduced().add_mapspec_axis({"y"}, "j"); });
}

TEST(RenameAxes, Everywhere) {
  const Pipeline pipeline = reduced().add_mapspec_axis({"b"}, "j");
  EXPECT_EQ(pipeline.update_mapspec_axes({{"i", "j"}, {"j", "i"}}).mapspecs(),
            (Names{"x[j], b[i] -> y[j, i]", "y[:, i] -> s[i]"}));
  EXPECT_TRUE(contains(error_message(Category::unknown_axis,
                                     [&] {
                                       (void)pipeline.update_mapspec_axes({{"q", "z"}});
                                     }),
                       "i, j"));
  EXPECT_TRUE(contains(error_message(Category::rename_collision,
                                     [&] {
                                       (void)pipeline.update_mapspec_axes({{"i", "j"}});
                                     }),
                       "'y'"));
  error_message(Category::bad_identifier, [&] { (void)pipeline.update_mapspec_axes({{"i", "a.b"}}); });
}

TEST(RenameAxes, OfWhatWasGenerated) {
  const Pipeline pipeline{function("x",
                                   [](double a) {
                                     return Array<double>(Shape{2, 2}, std::vector{a, a, a, a}.begin());
                                   })
                              .parameters("a"),
                          total("y", "x").mapspec("x[i, :] -> y[i]")};
  ASSERT_EQ(pipeline.mapspecs().front(), "... -> x[i, unnamed_0]");
  EXPECT_EQ(pipeline.update_mapspec_axes({{"unnamed_0", "t"}}).mapspecs(),
            (Names{"... -> x[i, t]", "x[i, :] -> y[i]"}));
}

TEST(IndependentAxes, AreThoseThatReachTheInputsUnreduced) {
  const Pipeline pipeline{combined("y", "x", "b").mapspec("x[i], b[j] -> y[i, j]"),
                          total("s", "y").mapspec("y[i, :] -> s[i]"),
                          combined("t", "y", "s").mapspec("y[i, j], s[i] -> t[i, j]"), total("u", "t")};
  EXPECT_EQ(pipeline.independent_axes("y"), (Names{"i", "j"}));
  EXPECT_EQ(pipeline.independent_axes("s"), Names{"i"});
  EXPECT_EQ(pipeline.independent_axes("t"), Names{"i"}) << "s needs all of y along j";
  EXPECT_TRUE(pipeline.independent_axes("u").empty());
  error_message(Category::unknown_output, [&] { (void)pipeline.independent_axes("q"); });
}

TEST(IndependentAxes, ThoseOfGeneratorsAreNot) {
  const Pipeline pipeline{function("x",
                                   [](double a) {
                                     return std::vector<double>{a, a};
                                   })
                              .parameters("a")
                              .mapspec("... -> x[i]"),
                          combined("y", "x", "b").mapspec("x[i], b[k] -> y[i, k]")};
  EXPECT_TRUE(pipeline.independent_axes("x").empty());
  EXPECT_EQ(pipeline.independent_axes("y"), Names{"k"});
}

}  // namespace
}  // namespace mpipe::test
