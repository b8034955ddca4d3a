// SPDX-License-Identifier: BSD-3-Clause
// Processes that die, and disks that are full: without MPI, as the process that dies is a child of the test.
#include <mpipe/core/error.hpp>
#include <mpipe/store/run_reader.hpp>

#include "unit/store/store_fixture.hpp"

#include <sched.h>
#include <signal.h>
#include <sys/mount.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

namespace mpipe::test {
namespace {

constexpr Index kElements = 20'000;
/// Elements that have a file each, one for so many others.
constexpr Index kPerArtefact = 50;
constexpr Index kArtefacts = kElements / kPerArtefact;

/// Of output `k`, when `end` of the others are done.
Index done_of(std::size_t k, Index end) { return k == 2 ? end / kPerArtefact : end; }

RunLayout crash_layout() {
  RunLayout layout;
  layout.run_id = "crash";
  layout.outputs = {plain_output("x", element_type(Kind::float64), {"i"}, {kElements}),
                    plain_output("text", element_type(Kind::string), {"i"}, {kElements}),
                    plain_output("artefact", element_type(Kind::float64), {"j"}, {kArtefacts})};
  layout.outputs[2].storage = StorageKind::file;
  return layout;
}

/// Computes what is not there yet, in blocks of growing length, and says after each how much of it there is.
[[noreturn]] void compute_until_killed(const std::filesystem::path& folder, int tell) {
  TestRun run(crash_layout());
  run.options().local_commit_interval = std::chrono::milliseconds(2);
  run.options().direct_write_bytes = 1600;
  run.resume(folder);
  TimePoint now{};
  Index block = 1;
  for (Index begin = 0; begin < kElements; begin += block) {
    block = begin % 211 + 1;
    const IndexRange range{begin, std::min(kElements, begin + block)};
    for (const std::size_t k : {std::size_t{0}, std::size_t{1}, std::size_t{2}}) {
      const IndexRange part{done_of(k, range.begin), done_of(k, range.end)};
      if (!part.empty() && !run.store().stored()[k].contains(part)) run.compute(k, part);
    }
    if (::write(tell, &range.end, sizeof range.end) != sizeof range.end) ::_exit(1);
    run.store().maintain(now += std::chrono::milliseconds(1));
    if (begin % 17 == 0) run.commit();
  }
  run.finish();
  ::_exit(0);
}

/// What the child said last before it was killed.
Index run_and_kill(const std::filesystem::path& folder, int microseconds, bool& ended) {
  int pipe[2] = {-1, -1};
  EXPECT_EQ(::pipe(pipe), 0);
  const pid_t child = ::fork();
  if (child == 0) {
    ::close(pipe[0]);
    try {
      compute_until_killed(folder, pipe[1]);
    } catch (const std::exception& error) {
      std::fprintf(stderr, "child: %s\n", error.what());
    }
    ::_exit(1);
  }
  ::close(pipe[1]);
  Index said = 0;
  // The clock starts when there is something to lose.
  bool alive = ::read(pipe[0], &said, sizeof said) == sizeof said;
  ::usleep(static_cast<useconds_t>(microseconds));
  ::kill(child, SIGKILL);
  for (Index more = 0; alive && (alive = ::read(pipe[0], &more, sizeof more) == sizeof more);) said = more;
  ::close(pipe[0]);
  int status = 0;
  ::waitpid(child, &status, 0);
  EXPECT_TRUE(WIFSIGNALED(status) || (WIFEXITED(status) && WEXITSTATUS(status) == 0)) << "the child failed";
  ended = WIFEXITED(status);
  return said;
}

TEST(Crash, WhatWasSaidToBeDoneIsThere) {
  const SharedFolder folder(test_communicator());
  {
    TestRun run(crash_layout());
    run.create(folder.path());
  }
  bool ended = false;
  Index most = 0;
  for (int life = 0; life < 40 && !ended; ++life) {
    most = std::max(most, run_and_kill(folder.path(), 500 + life * 977 % 9000, ended));
    EXPECT_EQ(verify_run_store(folder.path()), std::vector<std::string>{}) << "life " << life;
    RunReader reader(folder.path());
    for (const std::size_t k : {std::size_t{0}, std::size_t{1}, std::size_t{2}}) {
      const IndexRange said{0, done_of(k, most)};
      ASSERT_TRUE(said.empty() || reader.progress(k).done().contains(said))
          << "life " << life << ", said " << most;
      const Value all = reader.read(k, said);
      for (Index element = 0; element < said.end; ++element) {
        const auto bytes = all.element(element);
        ASSERT_EQ(Bytes(bytes.begin(), bytes.end()), expected_value(all.type(), k, element, 0));
      }
    }
  }
  EXPECT_GT(most, 0);
  TestRun last(crash_layout());
  last.resume(folder.path());
  for (const std::size_t k : {std::size_t{0}, std::size_t{1}, std::size_t{2}}) {
    const RangeSet rest = RangeSet{{0, done_of(k, kElements)}}.difference(last.store().stored()[k]);
    for (const IndexRange& range : rest.ranges()) last.compute(k, range);
  }
  last.commit();
  for (const std::size_t k : {std::size_t{0}, std::size_t{1}, std::size_t{2}})
    last.expect_stored(k, RangeSet{{0, done_of(k, kElements)}});
  last.finish();
  EXPECT_EQ(verify_run_store(folder.path()), std::vector<std::string>{});
}

/// Files that grow beyond the limit fail as on a disk that is full, but for the number of the error.
class FullDisk {
 public:
  explicit FullDisk(rlim_t bytes) {
    ::signal(SIGXFSZ, SIG_IGN);
    ::getrlimit(RLIMIT_FSIZE, &before_);
    const rlimit limit{bytes, before_.rlim_max};
    ::setrlimit(RLIMIT_FSIZE, &limit);
  }
  ~FullDisk() { ::setrlimit(RLIMIT_FSIZE, &before_); }

 private:
  rlimit before_{};
};

/// In a child with a disk of its own. Its exit code: 0 when the run went well or failed with the right error,
/// 77 when there can be no such disk here, else 1. It ends as programs do, with all that is called at the
/// end.
[[noreturn]] void run_on_small_disk(const std::filesystem::path& folder, std::size_t kilobytes) {
  const std::string size = "size=" + std::to_string(kilobytes) + "k";
  if ((::unshare(CLONE_NEWNS) != 0 && ::unshare(CLONE_NEWUSER | CLONE_NEWNS) != 0) ||
      ::mount("none", "/", nullptr, MS_REC | MS_PRIVATE, nullptr) != 0 ||
      ::mount("tmpfs", folder.c_str(), "tmpfs", 0, size.c_str()) != 0)
    ::_exit(77);
  int code = 0;
  try {
    TestRun run(every_kind());
    run.create(folder);
    run.set_late_shapes({7, 4});
    for (std::size_t k = 0; k < run.layout().outputs.size(); ++k)
      run.compute(k, {0, element_count(known_shape(external_shape(run.layout().outputs[k], true)))});
    run.resolve_late_shapes({7, 4});
    run.finish();
    if (!verify_run_store(folder).empty()) code = 1;
  } catch (const Error& error) {
    const bool says_so = std::string(error.what()).find("No space left on device") != std::string::npos;
    if (error.category() != Category::storage_failed || !says_so) std::fprintf(stderr, "%s\n", error.what());
    code = error.category() == Category::storage_failed && says_so ? 0 : 1;
  }
  std::exit(code);
}

TEST(Crash, ADiskOfAnySize) {
  const SharedFolder folder(test_communicator());
  for (std::size_t kilobytes = 8; kilobytes <= 400; kilobytes += kilobytes < 160 ? 8 : 40) {
    const pid_t child = ::fork();
    if (child == 0) run_on_small_disk(folder.path(), kilobytes);
    int status = 0;
    ::waitpid(child, &status, 0);
    if (WIFEXITED(status) && WEXITSTATUS(status) == 77) GTEST_SKIP() << "no file system can be mounted here";
    EXPECT_EQ(status, 0) << kilobytes << " kB";
  }
}

TEST(Crash, ADiskThatGetsFull) {
  const SharedFolder folder(test_communicator());
  TestRun run(crash_layout());
  run.options().direct_write_bytes = std::uint64_t{1} << 40;
  run.create(folder.path());
  Index safe = 0;
  {
    const FullDisk full(50'000);
    try {
      for (Index begin = 0; begin < kElements; begin += 100) {
        run.compute(0, {begin, begin + 100});
        safe = begin + 100;
      }
      ADD_FAILURE() << "there was room for everything";
    } catch (const Error& error) {
      EXPECT_EQ(error.category(), Category::storage_failed);
    }
  }
  EXPECT_GT(safe, 0);
  run.drop();
  TestRun again(crash_layout());
  again.resume(folder.path());
  again.expect_stored(0, RangeSet{{0, safe}});
  again.compute(0, {safe, kElements});
  again.finish();
  EXPECT_EQ(verify_run_store(folder.path()), std::vector<std::string>{});
}

TEST(Crash, AnErrorOfACommitLeavesWhatWasSafe) {
  const SharedFolder folder(test_communicator());
  TestRun run(crash_layout());
  run.create(folder.path());
  run.compute(0, {0, 1000});
  // Somebody replaces the file behind our back by a short one, on which the commit fails.
  std::filesystem::resize_file(folder.path() / "results.h5", 4096);
  {
    const FullDisk full(4096);
    try {
      run.commit();
      ADD_FAILURE() << "the commit had no file";
    } catch (const Error& error) {
      EXPECT_EQ(error.category(), Category::storage_failed);
    }
  }
  EXPECT_THROW(run.commit(), Bug);
  run.drop();
  std::filesystem::remove(folder.path() / "results.h5");
  TestRun again(crash_layout());
  again.resume(folder.path());
  again.expect_stored(0, RangeSet{{0, 1000}});
  again.finish();
  EXPECT_EQ(verify_run_store(folder.path()), std::vector<std::string>{});
}

}  // namespace
}  // namespace mpipe::test
