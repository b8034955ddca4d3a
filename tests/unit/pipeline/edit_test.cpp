// SPDX-License-Identifier: BSD-3-Clause
// Pipelines made from pipelines: other functions, names and values.
#include "simple_functions.hpp"
#include "support/expect_error.hpp"

namespace mpipe::test {
namespace {

/// c = a - 2 b, d = c + 1.
Pipeline small() { return Pipeline{combined("c", "a", "b"), plus_one("d", "c")}; }

TEST(Edit, ACopyOutlivesItsOriginal) {
  auto original =
      std::make_unique<Pipeline>(std::vector<Function>{combined("c", "a", "b").defaults({{"b", 5.0}})});
  const Pipeline copy = *original;
  original.reset();
  EXPECT_EQ(copy.run<double>("c", {{"a", 1.0}}), -9.0);
  EXPECT_EQ(copy.default_of("b")->as<double>(), 5.0);
}

TEST(Edit, AddLeavesTheOriginalAsItIs) {
  const Pipeline before = small();
  const Pipeline after = before.add({plus_one("e", "d"), plus_one("f", "d")});
  EXPECT_EQ(after.leaf_outputs(), (Names{"e", "f"}));
  EXPECT_EQ(before.leaf_outputs(), Names{"d"});
  EXPECT_EQ(after.run<double>("f", {{"a", 1.0}, {"b", 0.0}}), 3.0);
  error_message(Category::duplicate_output, [&] { (void)before.add({plus_one("c", "x")}); });
  error_message(Category::cycle, [&] { (void)before.add({plus_one("a", "d")}); });
}

TEST(Edit, DropMakesAnInputOfWhatOthersTook) {
  const Pipeline after = small().drop({"c"});
  EXPECT_EQ(after.root_args(), Names{"c"});
  EXPECT_EQ(outputs_of(after), Names{"d"});
  EXPECT_TRUE(contains(error_message(Category::unknown_output, [&] { (void)after.drop({"dd"}); }),
                       "Did you mean 'd'?"));
}

TEST(Edit, DropKeepsAMapspecThatWasGenerated) {
  const Pipeline pipeline{function("x",
                                   [](double a) {
                                     return std::vector{a, 2 * a};
                                   })
                              .parameters("a"),
                          plus_one("y", "x").mapspec("x[i] -> y[i]")};
  EXPECT_EQ(pipeline.mapspecs(), (Names{"... -> x[i]", "x[i] -> y[i]"}));
  EXPECT_EQ(pipeline.drop({"y"}).mapspecs(), Names{"... -> x[i]"});
  EXPECT_EQ(pipeline.drop({"y"}).add({plus_one("z", "x").mapspec("x[k] -> z[k]")}).mapspecs(),
            (Names{"... -> x[k]", "x[k] -> z[k]"}))
      << "others may index it by another name";
  EXPECT_EQ(pipeline.drop({"y"}).update_renames({{"x", "v"}}).mapspecs(), Names{"... -> v[i]"});
}

TEST(Edit, ReplaceKeepsThePlace) {
  const Pipeline after = small().replace(function("c", [](double a) { return 10 * a; }).parameters("a"));
  EXPECT_EQ(after.root_args(), Names{"a"});
  EXPECT_EQ(after.run<double>("d", {{"a", 2.0}}), 21.0);
  const Pipeline other = small().replace("c", plus_one("e", "a"));
  EXPECT_EQ(other.root_args(), (Names{"a", "c"})) << "nobody makes c any more";
  error_message(Category::unknown_output, [&] { (void)small().replace(plus_one("q", "a")); });
}

TEST(Edit, JoinConnectsByNames) {
  const Pipeline joined = small() | Pipeline{plus_one("a", "z")};
  EXPECT_EQ(joined.root_args(), (Names{"b", "z"}));
  EXPECT_EQ(joined.run<double>("d", {{"b", 0.0}, {"z", 1.0}}), 3.0);
  error_message(Category::duplicate_output, [&] { (void)(small() | small()); });
}

TEST(Edit, SplitSeparatesWhatSharesNothing) {
  const Pipeline pipeline{plus_one("u", "x"), plus_one("v", "y"), plus_one("w", "u"),
                          combined("t", "k", "y")};
  const auto parts = pipeline.split_disconnected();
  ASSERT_EQ(parts.size(), 2U);
  EXPECT_EQ(outputs_of(parts[0]), (Names{"u", "w"}));
  EXPECT_EQ(outputs_of(parts[1]), (Names{"t", "v"})) << "they share the input y";
  EXPECT_EQ(small().split_disconnected().size(), 1U);
  const Pipeline bound{plus_one("u", "x"), combined("v", "y", "x").bound({{"x", 1.0}})};
  EXPECT_EQ(bound.split_disconnected().size(), 2U) << "a bound parameter is no input";
}

TEST(Edit, UpdateDefaults) {
  const Pipeline after = small().update_defaults({{"b", 4.0}});
  EXPECT_EQ(after.defaulted_args(), Names{"b"});
  EXPECT_EQ(after.run<double>("c", {{"a", 1.0}}), -7.0);
  EXPECT_EQ(after.update_defaults({{"b", 1.0}}).run<double>("c", {{"a", 1.0}}), -1.0);
  EXPECT_EQ(after.update_defaults({{"a", 1.0}}).defaulted_args(), (Names{"a", "b"}));
  EXPECT_EQ(after.update_defaults({{"a", 1.0}}, true).defaulted_args(), Names{"a"});
  EXPECT_TRUE(contains(error_message(Category::unknown_name,
                                     [&] {
                                       (void)small().update_defaults({{"q", 1.0}});
                                     }),
                       "q"));
  EXPECT_TRUE(small().update_defaults({{"c", 1.0}}).defaulted_args().empty()) << "c is made by a function";
}

TEST(Edit, DefaultsOfWhatFunctionsMakeMayDiffer) {
  const Pipeline pipeline{plus_one("c", "a"), plus_one("d", "c").defaults({{"c", 1.0}}),
                          plus_one("e", "c").defaults({{"c", 2.0}})};
  EXPECT_EQ(pipeline.run<double>("e", {{"a", 5.0}}), 7.0);
  error_message(Category::defaults_inconsistent, [&] { (void)pipeline.drop({"c"}); });
}

TEST(Edit, UpdateRenamesTakesEverythingAlong) {
  const Pipeline pipeline{
      combined("y", "x", "b").mapspec("x[i] -> y[i]").defaults({{"b", 1.0}}).attribute("y", "units", "m"),
      total("s", "y")};
  const Pipeline after = pipeline.update_renames({{"x", "xx"}, {"y", "yy"}, {"b", "bb"}});
  EXPECT_EQ(after.mapspecs(), Names{"xx[i] -> yy[i]"});
  EXPECT_EQ(after.root_args(), (Names{"bb", "xx"}));
  EXPECT_EQ(after.defaulted_args(), Names{"bb"});
  EXPECT_EQ(after.function(after.producer_of("yy")).function.attributes().at("yy").at("units"), "m");
  EXPECT_EQ(after.leaf_outputs(), Names{"s"}) << "the consumer follows";
}

TEST(Edit, UpdateRenamesSwapsAndUndoes) {
  const Pipeline swapped = small().update_renames({{"a", "b"}, {"b", "a"}});
  EXPECT_EQ(swapped.run<double>("c", {{"a", 1.0}, {"b", 10.0}}), 8.0);
  const Pipeline renamed = small().update_renames({{"a", "x"}, {"b", "y"}});
  EXPECT_EQ(renamed.update_renames({{"a", "z"}}, NamesFrom::original).root_args(), (Names{"y", "z"}));
  EXPECT_EQ(renamed.update_renames({{"a", "z"}}, NamesFrom::original, true).root_args(), (Names{"b", "z"}));
  EXPECT_EQ(renamed.update_renames({}, NamesFrom::current, true).root_args(), (Names{"a", "b"}));
}

TEST(Edit, UpdateRenamesRefusesWhatCannotBe) {
  error_message(Category::unknown_name, [] { (void)small().update_renames({{"q", "z"}}); });
  error_message(Category::rename_collision, [] { (void)small().update_renames({{"a", "b"}}); });
  error_message(Category::rename_collision, [] { (void)small().update_renames({{"a", "z"}, {"b", "z"}}); });
  error_message(Category::output_is_parameter, [] { (void)small().update_renames({{"a", "c"}}); });
  error_message(Category::duplicate_output, [] {
    (void)small().update_renames({{"d", "c"}, {"c", "d"}, {"a", "x"}}).add({plus_one("c", "q")});
  });
  error_message(Category::bad_identifier, [] { (void)small().update_renames({{"a", "2a"}}); });
  const Pipeline two{both("p", "q", "x")};
  error_message(Category::rename_collision, [&] { (void)two.update_renames({{"p", "r"}, {"q", "r"}}); });
}

TEST(Edit, UpdateBound) {
  const Pipeline after = small().update_bound("c", {{"b", 3.0}});
  EXPECT_EQ(after.root_args(), Names{"a"});
  EXPECT_EQ(after.run<double>("c", {{"a", 1.0}}), -5.0);
  EXPECT_EQ(after.update_bound("c", {{"a", 0.0}}, true).root_args(), Names{"b"});
  error_message(Category::unknown_name, [] { (void)small().update_bound("c", {{"q", 1.0}}); });
  error_message(Category::unknown_output, [] { (void)small().update_bound("q", {{"a", 1.0}}); });
  const Pipeline with_default = small().update_defaults({{"b", 1.0}});
  EXPECT_EQ(with_default.update_bound("c", {{"b", 3.0}}).run<double>("c", {{"a", 1.0}}), -5.0)
      << "the default gives way";
  const Pipeline shared = with_default.add({plus_one("e", "b")}).update_bound("c", {{"b", 3.0}});
  EXPECT_EQ(shared.defaulted_args(), Names{"b"}) << "e still has it";
  const Pipeline mapped{plus_one("y", "x").mapspec("x[i] -> y[i]")};
  error_message(Category::bound_in_mapspec, [&] { (void)mapped.update_bound("y", {{"x", 1.0}}); });
}

TEST(Edit, InfoSortsNamesByRole) {
  const PipelineInfo info = small().update_defaults({{"b", 1.0}}).info();
  EXPECT_EQ(info.inputs, (Names{"a", "b"}));
  EXPECT_EQ(info.required_inputs, Names{"a"});
  EXPECT_EQ(info.optional_inputs, Names{"b"});
  EXPECT_EQ(info.outputs, Names{"d"});
  EXPECT_EQ(info.intermediate_outputs, Names{"c"});
}

TEST(Edit, ChainJoinsByPosition) {
  const Pipeline pipeline(
      chain({plus_one("u", "x"), combined("v", "a", "b").bound({{"a", 0.0}}), plus_one("w", "v")}));
  EXPECT_EQ(pipeline.root_args(), Names{"x"});
  EXPECT_EQ(pipeline.run<double>("w", {{"x", 1.0}}), -3.0) << "u goes to b, as a is bound; w takes v by name";
  error_message(Category::unknown_name, [] {
    chain({plus_one("u", "x"), plus_one("v", "a").bound({{"a", 1.0}})});
  });
}

TEST(Edit, ManyFunctionsAreCheckedQuickly) {
  std::vector<Function> functions;
  for (int k = 0; k < 1000; ++k)
    functions.push_back(plus_one("y" + std::to_string(k + 1), "y" + std::to_string(k))
                            .mapspec("y" + std::to_string(k) + "[i] -> y" + std::to_string(k + 1) + "[i]"));
  const Pipeline pipeline(functions);
  const Pipeline more =
      pipeline.add_mapspec_axis({"y0"}, "j").update_scope("s").update_renames({{"s.y0", "x"}});
  EXPECT_EQ(more.root_args(), Names{"x"});
  EXPECT_EQ(more.mapspecs().back(), "s.y999[i, j] -> s.y1000[i, j]");
  EXPECT_EQ(more.nest({"*"}, {"s.y1000"}).mapspecs(), Names{"x[i, j] -> s.y1000[i, j]"});
}

}  // namespace
}  // namespace mpipe::test
