// SPDX-License-Identifier: BSD-3-Clause
// Tests of the advice about idle workers.
#include "utilisation.hpp"

#include <gtest/gtest.h>

namespace mpipe::app {
namespace {

Results results_of(double busy, Index calls, double mean, double longest) {
  Results results;
  results.ranks = 8;
  results.wall_seconds = 100;
  results.busy_workers = busy;
  results.functions["y"] = {calls, mean * static_cast<double>(calls), mean, longest};
  return results;
}

bool says(const Results& results, const char* words) {
  return utilisation_advice(results).find(words) != std::string::npos;
}

TEST(Utilisation, IsNoMatterWhereWorkersWereBusy) {
  EXPECT_EQ(utilisation_advice(results_of(0.7, 10'000, 0.05, 1)), "");
  Results quick = results_of(0.1, 10'000, 0.05, 1);
  quick.wall_seconds = 9;
  EXPECT_EQ(utilisation_advice(quick), "");
  Results alone = results_of(0.1, 10'000, 0.05, 1);
  alone.ranks = 1;
  EXPECT_EQ(utilisation_advice(alone), "");
  Results nothing = results_of(0.1, 0, 0, 0);
  EXPECT_EQ(utilisation_advice(nothing), "");
}

TEST(Utilisation, NamesItsLikelyCause) {
  EXPECT_TRUE(says(results_of(0.3, 15, 10, 20), "'y' has 15 elements for 8 ranks"));
  EXPECT_TRUE(says(results_of(0.3, 1000, 0.2, 60), "one element of 'y' took 1 min"));
  EXPECT_TRUE(says(results_of(0.3, 10'000'000, 5e-6, 0.01), "handing it out"));
  EXPECT_TRUE(says(results_of(0.3, 1000, 0.2, 1), "--trace"));
  EXPECT_TRUE(says(results_of(0.3, 1000, 0.2, 1), "30 % of the time"));
}

}  // namespace
}  // namespace mpipe::app
