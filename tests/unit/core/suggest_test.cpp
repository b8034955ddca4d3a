// SPDX-License-Identifier: BSD-3-Clause
// Names that are close to a misspelt one are suggested, and no others.
#include "core/api/suggest.hpp"

#include <gtest/gtest.h>

#include <string>
#include <vector>

namespace mpipe {
namespace {

const std::vector<std::string> kNames{"reynolds", "alpha", "mean_cd", "i"};

TEST(DidYouMean, finds_a_wrong_a_missing_and_a_surplus_letter) {
  EXPECT_EQ(did_you_mean("alpho", kNames), " Did you mean 'alpha'?");
  EXPECT_EQ(did_you_mean("alph", kNames), " Did you mean 'alpha'?");
  EXPECT_EQ(did_you_mean("lpha", kNames), " Did you mean 'alpha'?");
  EXPECT_EQ(did_you_mean("alphaa", kNames), " Did you mean 'alpha'?");
  EXPECT_EQ(did_you_mean("alpha", kNames), " Did you mean 'alpha'?");
  EXPECT_EQ(did_you_mean("reinoldes", kNames), " Did you mean 'reynolds'?") << "two of nine letters";
}

TEST(DidYouMean, takes_two_letters_in_the_wrong_order_as_one_error) {
  EXPECT_EQ(did_you_mean("alhpa", kNames), " Did you mean 'alpha'?");
  EXPECT_EQ(did_you_mean("drga", {"drag"}), " Did you mean 'drag'?");
  EXPECT_EQ(did_you_mean("shwo", {"slurm", "show"}), " Did you mean 'show'?");
  EXPECT_EQ(did_you_mean("dgra", {"drag"}), "") << "two exchanges of four letters";
}

TEST(DidYouMean, says_nothing_of_names_without_a_letter_in_common) {
  EXPECT_EQ(did_you_mean("a", {"b", "c"}), "");
  EXPECT_EQ(did_you_mean("a", {"b", "ab"}), " Did you mean 'ab'?");
}

TEST(DidYouMean, says_nothing_when_more_than_a_third_differs) {
  EXPECT_EQ(did_you_mean("abcha", kNames), "");
  EXPECT_EQ(did_you_mean("reyn", kNames), "");
  EXPECT_EQ(did_you_mean("raynolts", kNames), " Did you mean 'reynolds'?")
      << "two of eight letters may differ";
  EXPECT_EQ(did_you_mean("raynalts", kNames), "") << "three of eight may not";
  EXPECT_EQ(did_you_mean("pressure", kNames), "");
  EXPECT_EQ(did_you_mean("alpha", {}), "");
}

TEST(DidYouMean, takes_the_closest_and_of_equals_the_first) {
  EXPECT_EQ(did_you_mean("velocita", {"velocities", "velocity"}), " Did you mean 'velocity'?");
  EXPECT_EQ(did_you_mean("rate_x", {"rate_b", "rate_a"}), " Did you mean 'rate_b'?");
}

TEST(DidYouMean, does_not_compare_long_names) {
  const std::string longest(64, 'a');
  EXPECT_EQ(did_you_mean(longest, {longest}), " Did you mean '" + longest + "'?");
  EXPECT_EQ(did_you_mean(longest + "a", {longest}), "");
  EXPECT_EQ(did_you_mean(longest, {longest + "a"}), "");
}

}  // namespace
}  // namespace mpipe
