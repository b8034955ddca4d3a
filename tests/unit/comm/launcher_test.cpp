// SPDX-License-Identifier: BSD-3-Clause
// Which launcher started a process, as the environment tells, and what is refused.
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

TEST(Launcher, of_another_mpi_is_refused) {
  for (const Variables& environment :
       {Variables{{"PMI_RANK", "0"}, {"PMI_SIZE", "3"}}, {{"PMI_RANK", "2"}, {"MPI_LOCALNRANKS", "3"}}}) {
    const auto lookup = [&](const char* name) {
      const auto found = environment.find(name);
      return found == environment.end() ? nullptr : found->second.c_str();
    };
    const std::string message = test::error_message(Category::bad_option, [&] { check_launcher(lookup, 1); });
    EXPECT_TRUE(test::contains(message, "another MPI"));
    EXPECT_TRUE(test::contains(message, "mpirun -n 3"));
    EXPECT_NO_THROW(check_launcher(lookup, 3));
  }
  EXPECT_NO_THROW(check_launcher([](const char*) { return nullptr; }, 1));
  EXPECT_NO_THROW(
      check_launcher([](const char* name) { return std::string(name) == "PMI_SIZE" ? "1" : nullptr; }, 1));
}

}  // namespace
}  // namespace mpipe
