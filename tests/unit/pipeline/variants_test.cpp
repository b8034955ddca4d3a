// SPDX-License-Identifier: BSD-3-Clause
#include <mpipe/pipeline/variants.hpp>

#include "simple_functions.hpp"
#include "support/expect_error.hpp"

namespace mpipe::test {
namespace {

Function constant(const std::string& output, double value) {
  return function(output, [value] { return value; });
}

/// c in two variants, d in two variants of a group.
VariantPipeline alternatives(Variants defaults = {}) {
  return VariantPipeline({constant("c", 1).variant("one"), constant("c", 2).variant("two"),
                          constant("d", 10).variant({{"scale", "ten"}}),
                          constant("d", 100).variant({{"scale", "hundred"}}), combined("e", "d", "c")},
                         std::move(defaults));
}

TEST(Variants, AreListedByGroup) {
  const std::map<std::string, std::set<std::string>> expected{{"", {"one", "two"}},
                                                              {"scale", {"hundred", "ten"}}};
  EXPECT_EQ(alternatives().variants(), expected);
}

TEST(Variants, AreChosen) {
  EXPECT_EQ(alternatives().with_variant({{"", "two"}, {"scale", "ten"}}).pipeline().run<double>("e", {}),
            6.0);
  EXPECT_EQ(alternatives().with_variant("one").with_variant("hundred").pipeline().run<double>("e", {}), 98.0);
}

TEST(Variants, DefaultsFillWhatIsOpen) {
  const VariantPipeline pipeline = alternatives({{"", "one"}, {"scale", "ten"}});
  EXPECT_EQ(pipeline.pipeline().run<double>("e", {}), 8.0);
  EXPECT_EQ(pipeline.with_variant("two").pipeline().run<double>("e", {}), 6.0);
  EXPECT_EQ(pipeline.pipeline().run<double>("e", {}), 8.0) << "choosing leaves the original as it is";
}

TEST(Variants, RefuseWhatIsUnknownOrOpen) {
  EXPECT_TRUE(
      contains(error_message(Category::unknown_name, [] { (void)alternatives().with_variant("twoo"); }),
               "Did you mean 'two'?"));
  error_message(Category::unknown_name, [] { (void)alternatives().with_variant({{"scale", "one"}}); });
  error_message(Category::unknown_name, [] { (void)alternatives().with_variant({{"colour", "one"}}); });
  error_message(Category::unknown_name, [] { alternatives({{"scale", "one"}}); });
  EXPECT_TRUE(
      contains(error_message(Category::unknown_name, [] { alternatives().with_variant("one").pipeline(); }),
               "'scale'"));
  error_message(Category::unknown_name, [] { VariantPipeline({constant("c", 1)}); });
  const VariantPipeline twice(
      {constant("c", 1).variant({{"a", "x"}}), constant("d", 1).variant({{"b", "x"}})});
  EXPECT_TRUE(contains(error_message(Category::unknown_name, [&] { (void)twice.with_variant("x"); }),
                       "several groups"));
}

TEST(Variants, MayHaveOtherOutputs) {
  const VariantPipeline pipeline({plus_one("c", "a").variant("long"), plus_one("d", "c").variant("long"),
                                  plus_one("d", "a").variant("short")});
  EXPECT_EQ(outputs_of(pipeline.with_variant("long").pipeline()), (Names{"c", "d"}));
  EXPECT_EQ(outputs_of(pipeline.with_variant("short").pipeline()), Names{"d"});
}

}  // namespace
}  // namespace mpipe::test
