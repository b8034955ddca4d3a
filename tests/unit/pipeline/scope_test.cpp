// SPDX-License-Identifier: BSD-3-Clause
// Scopes: of functions, of pipelines, and of inputs.
#include <mpipe/pipeline/pipeline.hpp>

#include "simple_functions.hpp"
#include "support/expect_error.hpp"

namespace mpipe::test {
namespace {

TEST(Scope, OfAFunction) {
  const Function scoped = combined("y", "x", "b").mapspec("x[i] -> y[i]").defaults({{"b", 1.0}}).scope("foo");
  EXPECT_EQ(scoped.output_names(), Names{"foo.y"});
  EXPECT_EQ(scoped.parameter_names(), (Names{"foo.x", "foo.b"}));
  EXPECT_EQ(scoped.mapspec()->to_string(), "foo.x[i] -> foo.y[i]");
  EXPECT_TRUE(scoped.default_values().contains("foo.b"));
  EXPECT_EQ(Function(scoped).scope("bar").output_names(), Names{"bar.y"}) << "it is replaced";
  EXPECT_EQ(Function(scoped).scope("").parameter_names(), (Names{"x", "b"})) << "and taken away";
}

TEST(Scope, ANameThatHasOneKeepsIt) {
  const Function rear = combined("total", "a", "b")
                            .renames({{"a", "front.lift"}, {"total", "sums.total"}})
                            .mapspec("front.lift[i], b[i] -> sums.total[i]")
                            .defaults({{"front.lift", 1.0}})
                            .scope("rear");
  EXPECT_EQ(rear.parameter_names(), (Names{"front.lift", "rear.b"}));
  EXPECT_EQ(rear.output_names(), Names{"sums.total"});
  EXPECT_EQ(rear.mapspec()->to_string(), "front.lift[i], rear.b[i] -> sums.total[i]");
  EXPECT_TRUE(rear.default_values().contains("front.lift"));
  EXPECT_EQ(Function(rear).scope("tail").parameter_names(), (Names{"front.lift", "tail.b"}));
  EXPECT_EQ(Function(rear).scope("").parameter_names(), (Names{"front.lift", "b"}));
  error_message(Category::rename_collision, [] { combined("y", "a", "rear.a").scope("rear"); });
}

TEST(Scope, OfAPipelineLeavesTheScopesOfItsFunctions) {
  const Pipeline pipeline({plus_one("lift", "x").scope("front"), plus_one("lift", "x").scope("rear"),
                           combined("total", "a", "b").renames({{"a", "front.lift"}, {"b", "rear.lift"}})},
                          "wing");
  EXPECT_EQ(outputs_of(pipeline), (Names{"front.lift", "rear.lift", "wing.total"}));
  EXPECT_EQ(pipeline.root_args(), (Names{"front.x", "rear.x"}));
  EXPECT_EQ(pipeline.update_scope("", {"front.x"}, {"*"}, {"rear.lift"}).root_args(), (Names{"rear.x", "x"}));
  error_message(Category::rename_collision, [&] { (void)pipeline.update_scope("", {"*"}, {}); });
  error_message(Category::rename_collision, [&] {
    (void)pipeline.update_scope("s", {"front.x", "rear.x"}, {});
  });
  const Pipeline nested = pipeline.nest({"wing.total", "front.lift"}, {"wing.total"});
  EXPECT_EQ(nested.functions().back().function.parameter_names(), (Names{"front.x", "rear.lift"}));
  error_message(Category::unknown_name, [&] { (void)nested.update_scope("tail"); });  // all of them have one
}

TEST(Scope, MayNotBeAName) {
  error_message(Category::scope_clash, [] { plus_one("y", "x").scope("x"); });
  error_message(Category::scope_clash, [] { plus_one("y", "x").scope("y"); });
  error_message(Category::bad_identifier, [] { plus_one("y", "x").scope("a.b"); });
  error_message(Category::bad_identifier, [] { plus_one("y", "x").scope("1"); });
  EXPECT_TRUE(contains(error_message(Category::scope_clash,
                                     [] {
                                       Pipeline{plus_one("y", "x").scope("foo"), plus_one("foo", "q")};
                                     }),
                       "'foo'"));
  error_message(Category::scope_clash, [] { Pipeline({plus_one("y", "x"), plus_one("z", "q")}, "q"); });
}

TEST(Scope, KeepsEqualNamesApart) {
  const Pipeline pipeline{plus_one("y", "x").scope("foo"), plus_one("y", "x").scope("bar"),
                          combined("t", "p", "q").renames({{"p", "foo.y"}, {"q", "bar.y"}})};
  EXPECT_EQ(pipeline.root_args(), (Names{"bar.x", "foo.x"}));
  EXPECT_EQ(pipeline.run<double>("t", flatten({{"foo", Inputs{{"x", 9.0}}}, {"bar.x", 1.0}})), 6.0);
}

TEST(Scope, OfAPipeline) {
  const Pipeline pipeline({combined("y", "x", "b"), plus_one("z", "y")}, "foo");
  EXPECT_EQ(pipeline.root_args(), (Names{"foo.b", "foo.x"}));
  EXPECT_EQ(outputs_of(pipeline), (Names{"foo.y", "foo.z"}));
}

TEST(Scope, OfChosenNames) {
  const Pipeline pipeline{combined("y", "x", "b"), plus_one("z", "y")};
  const Pipeline inputs = pipeline.update_scope("in", {"x"}, {});
  EXPECT_EQ(inputs.root_args(), (Names{"b", "in.x"}));
  EXPECT_EQ(outputs_of(inputs.update_scope("out", {}, {"*"}, {"z"})), (Names{"out.y", "z"}));
  EXPECT_EQ(inputs.update_scope("other", {"*"}, {}).root_args(), (Names{"in.x", "other.b"}));
  EXPECT_EQ(inputs.update_scope("other", {"in.x"}, {}).root_args(), (Names{"b", "other.x"}));
  EXPECT_EQ(inputs.update_scope("", {"in.x"}, {}).root_args(), (Names{"b", "x"}));
  error_message(Category::unknown_name, [&] { (void)pipeline.update_scope("s", {"y"}, {}); });
  error_message(Category::unknown_name, [&] { (void)pipeline.update_scope("s", {}, {"x"}); });
  error_message(Category::unknown_name, [&] { (void)pipeline.update_scope("s", {}, {}); });
  error_message(Category::unknown_name, [&] { (void)pipeline.update_scope("s", {"*"}, {}, {"nothing"}); });
  error_message(Category::scope_clash, [&] { (void)pipeline.update_scope("b", {"x"}, {}); });
  error_message(Category::scope_clash, [&] { (void)pipeline.update_scope("z", {"x"}, {}); });
}

TEST(Scope, TwoNamesMayNotBecomeOne) {
  const Pipeline pipeline{combined("y", "u.x", "v.x")};
  error_message(Category::rename_collision, [&] { (void)pipeline.update_scope("w", {"u.x", "v.x"}); });
  error_message(Category::rename_collision,
                [] { (void)Pipeline{combined("y", "w.x", "x")}.update_scope("w"); });
}

TEST(NestedInputs, BecomeFlat) {
  const Inputs flat = flatten({{"x", 1.0}, {"foo", Inputs{{"a", 2.0}, {"b", 3.0}}}, {"foo.c", 4.0}});
  EXPECT_EQ(flat, (Inputs{{"foo.a", 2.0}, {"foo.b", 3.0}, {"foo.c", 4.0}, {"x", 1.0}}));
  EXPECT_TRUE(contains(error_message(Category::scope_conflict,
                                     [] {
                                       flatten({{"foo", Inputs{{"a", 2.0}}}, {"foo.a", 2.0}});
                                     }),
                       "`foo.a`"));
}

}  // namespace
}  // namespace mpipe::test
