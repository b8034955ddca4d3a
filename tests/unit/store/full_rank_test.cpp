// SPDX-License-Identifier: BSD-3-Clause
// A disk that is full for one rank of several: all of them say which, and on which host.
#include <mpipe/core/error.hpp>

#include "support/faulty_file_system.hpp"
#include "unit/store/store_fixture.hpp"

namespace mpipe::test {
namespace {

TEST(Faults, AFullDiskSaysWhichRankAndHost) {
  const Communicator& comm = test_communicator();
  const SharedFolder folder(comm);
  RunLayout layout;
  layout.run_id = "full";
  layout.outputs = {plain_output("text", element_type(Kind::string), {"i"}, {40})};
  layout.outputs[0].storage = StorageKind::memory;
  TestRun run(layout);
  run.create(folder.path());
  const int victim = comm.size() - 1;
  FaultyFileSystem disk;
  const FileSystemInPlace in_place(disk);
  if (comm.rank() == victim) {
    // The commit keeps what is in memory only, and has no room for it on this rank.
    run.fill(0, {0, 40});
    disk.fail_from(0, FileFault::full);
  }
  try {
    run.commit();
    ADD_FAILURE() << "there was room";
  } catch (const Error& error) {
    const std::string text = error.what();
    EXPECT_EQ(error.category(), Category::storage_failed);
    EXPECT_NE(text.find("No space left on device"), std::string::npos) << text;
    if (comm.size() > 1) {
      ASSERT_TRUE(error.place().has_value());
      EXPECT_EQ(error.place()->rank, comm.job_rank(victim));
      EXPECT_FALSE(error.place()->host.empty());
      EXPECT_NE(text.find("rank " + std::to_string(comm.job_rank(victim))), std::string::npos) << text;
      EXPECT_NE(text.find(error.place()->host), std::string::npos) << text;
    }
  }
  disk.mend();
}

}  // namespace
}  // namespace mpipe::test
