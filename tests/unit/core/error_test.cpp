// SPDX-License-Identifier: BSD-3-Clause
#include <mpipe/core/error.hpp>

#include <gtest/gtest.h>

#include <set>
#include <string>

namespace mpipe {
namespace {

constexpr int kCategories = static_cast<int>(Category::storage_failed) + 1;

TEST(Category, every_one_has_a_slug_of_its_own_that_leads_back) {
  std::set<std::string> slugs;
  for (int k = 0; k < kCategories; ++k) {
    const auto category = static_cast<Category>(k);
    const std::string slug(to_string(category));
    slugs.insert(slug);
    EXPECT_EQ(category_from_string(slug), category) << slug;
  }
  EXPECT_EQ(slugs.size(), static_cast<std::size_t>(kCategories));
  EXPECT_GT(kCategories, 40);
}

TEST(Category, slugs_are_spelled_like_the_enumerators) {
  EXPECT_EQ(to_string(Category::mapspec_syntax), "mapspec_syntax");
  EXPECT_EQ(to_string(Category::fixed_reduced_axis), "fixed_reduced_axis");
  EXPECT_EQ(to_string(Category::too_large), "too_large");
  EXPECT_EQ(to_string(Category::storage_failed), "storage_failed");
}

TEST(Category, numbers_lead_back_where_there_is_one) {
  for (int k = 0; k < kCategories; ++k)
    EXPECT_EQ(category_from_number(static_cast<std::uint32_t>(k)), static_cast<Category>(k));
  EXPECT_EQ(category_from_number(kCategories), std::nullopt);
  EXPECT_EQ(category_from_number(~0U), std::nullopt);
}

TEST(Category, unknown_slugs_are_bugs) {
  EXPECT_THROW(category_from_string("no_such_category"), Bug);
  EXPECT_THROW(category_from_string(""), Bug);
}

TEST(ExitCode, tells_input_run_folder_disk_and_lost_ranks_apart) {
  EXPECT_EQ(exit_code(Category::function_raised), 1);
  EXPECT_EQ(exit_code(Category::internal_shape_mismatch), 1);
  EXPECT_EQ(exit_code(Category::mapspec_syntax), 2);
  EXPECT_EQ(exit_code(Category::too_large), 2);
  EXPECT_EQ(exit_code(Category::resume_mismatch), 3);
  EXPECT_EQ(exit_code(Category::storage_failed), 4);
  EXPECT_EQ(exit_code(Category::rank_lost), 5);
  EXPECT_EQ(exit_code(Category::cancelled), 75);
}

TEST(ExitCode, is_never_zero) {
  for (int k = 0; k < kCategories; ++k) EXPECT_NE(exit_code(static_cast<Category>(k)), 0) << k;
}

TEST(Error, carries_category_and_text) {
  const Error error(Category::cycle, "a needs b needs a");
  EXPECT_EQ(error.category(), Category::cycle);
  EXPECT_STREQ(error.what(), "a needs b needs a");
}

}  // namespace
}  // namespace mpipe
