// SPDX-License-Identifier: BSD-3-Clause
#include "comm/launcher.hpp"

#include "support/expect_error.hpp"

#include <map>
#include <string>

namespace mpipe {
namespace {

using Variables = std::map<std::string, std::string>;

bool launched(const Variables& variables) {
  return has_mpi_launcher([&](const char* name) {
    const auto found = variables.find(name);
    return found == variables.end() ? nullptr : found->second.c_str();
  });
}

TEST(Launcher, none) {
  EXPECT_FALSE(launched({}));
  EXPECT_FALSE(launched({{"SLURM_NTASKS", "8"}}));                         // the shell of a job
  EXPECT_FALSE(launched({{"SLURM_PROCID", "0"}, {"SLURM_NTASKS", "8"}}));  // its batch script, by old Slurm
  EXPECT_FALSE(launched({{"SLURM_PROCID", "0"}, {"SLURM_NTASKS", "8"}, {"SLURM_STEP_ID", "4294967291"}}));
  EXPECT_FALSE(launched({{"SLURM_PROCID", "0"}, {"SLURM_STEP_NUM_TASKS", "1"}, {"SLURM_NTASKS", "8"}}));
}

TEST(Launcher, of_mpi) {
  EXPECT_TRUE(launched({{"OMPI_COMM_WORLD_SIZE", "1"}}));
  EXPECT_TRUE(launched({{"PMIX_RANK", "0"}}));
  EXPECT_TRUE(launched({{"PMI_RANK", "3"}}));
  EXPECT_TRUE(launched({{"PMIX_RANK", "0"}, {"SLURM_PROCID", "0"}, {"SLURM_STEP_NUM_TASKS", "8"}}));
}

// Each task would run everything alone.
TEST(Launcher, srun_without_pmix_is_refused) {
  const auto refused = [](const Variables& variables) {
    return test::error_message(Category::bad_option, [&] { launched(variables); });
  };
  EXPECT_TRUE(test::contains(refused({{"SLURM_PROCID", "0"}, {"SLURM_STEP_NUM_TASKS", "8"}}),
                             "srun --mpi=pmix -n 8"));
  refused({{"SLURM_PROCID", "1"}, {"SLURM_STEP_ID", "0"}, {"SLURM_NTASKS", "2"}});
}

TEST(Launcher, numbers_that_are_none_count_as_missing) {
  EXPECT_FALSE(launched({{"SLURM_PROCID", "0"}, {"SLURM_STEP_NUM_TASKS", "many"}}));
  EXPECT_FALSE(launched({{"SLURM_PROCID", "0"}, {"SLURM_STEP_ID", "-1"}, {"SLURM_NTASKS", "2"}}));
}

}  // namespace
}  // namespace mpipe
