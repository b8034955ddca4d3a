// SPDX-License-Identifier: BSD-3-Clause
// Who gets the lock of a run folder: one owner at a time, and the next one after a crash.
#include "folder/folder_lock.hpp"

#include <mpipe/comm/communicator.hpp>
#include <mpipe/folder/status.hpp>

#include "folder/api/run_folder.hpp"
#include "support/expect_error.hpp"
#include "support/temporary_folder.hpp"

#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

#include <sched.h>
#include <sys/wait.h>
#include <unistd.h>

#include <chrono>
#include <thread>

namespace mpipe {
namespace {

using detail::FolderLock;
using test::contains;
using test::error_message;
using test::TemporaryFolder;

void write_lock(const std::filesystem::path& folder, const FolderOwner& owner) {
  const nlohmann::json lock = {{"format", "mpipe-lock"},
                               {"version", 1},
                               {"host", owner.host},
                               {"boot_id", owner.boot_id},
                               {"pid_namespace", owner.pid_namespace},
                               {"pid", owner.pid},
                               {"start_time", owner.start_time},
                               {"job_id", owner.job_id},
                               {"job_restarts", owner.job_restarts},
                               {"since", owner.since}};
  test::write_text(folder / "lock", lock.dump());
}

/// A process that has ended, as its owner would be described.
FolderOwner ended_process() {
  int ends[2];
  EXPECT_EQ(pipe(ends), 0);
  const pid_t child = fork();
  if (child == 0) {
    const std::uint64_t start = this_process().start_time;
    [[maybe_unused]] const auto sent = write(ends[1], &start, sizeof(start));
    _exit(0);
  }
  FolderOwner owner = this_process();
  owner.pid = child;
  EXPECT_EQ(read(ends[0], &owner.start_time, sizeof(owner.start_time)),
            static_cast<ssize_t>(sizeof(owner.start_time)));
  close(ends[0]);
  close(ends[1]);
  return owner;
}

void reap(const FolderOwner& owner) { waitpid(static_cast<pid_t>(owner.pid), nullptr, 0); }

TEST(FolderOwner, this_process_is_alive) {
  const FolderOwner self = this_process();
  EXPECT_EQ(self.host, host_name());
  EXPECT_GT(self.start_time, 0u);
  EXPECT_EQ(liveness(self), Liveness::alive);
  EXPECT_TRUE(self.same_process(this_process()));
}

TEST(FolderOwner, a_later_process_of_the_same_number_is_another) {
  FolderOwner other = this_process();
  other.start_time -= 1;
  EXPECT_EQ(liveness(other), Liveness::dead);
}

TEST(FolderOwner, zombies_and_ended_processes_are_dead) {
  const FolderOwner ended = ended_process();
  siginfo_t info;
  ASSERT_EQ(waitid(P_PID, static_cast<id_t>(ended.pid), &info, WEXITED | WNOWAIT), 0);  // a zombie now
  EXPECT_EQ(liveness(ended), Liveness::dead);
  reap(ended);
  EXPECT_EQ(liveness(ended), Liveness::dead);
}

TEST(FolderOwner, on_another_host_nothing_is_known_but_that_slurm_requeues_dead_jobs_only) {
  FolderOwner other = this_process();
  other.host = "node-elsewhere";
  other.job_id = "42";
  EXPECT_EQ(liveness(other), Liveness::unknown);
  setenv("SLURM_JOB_ID", "42", 1);
  EXPECT_EQ(liveness(other), Liveness::unknown);
  setenv("SLURM_RESTART_COUNT", "1", 1);
  EXPECT_EQ(liveness(other), Liveness::dead);
  other.job_restarts = 1;
  EXPECT_EQ(liveness(other), Liveness::unknown);
  unsetenv("SLURM_JOB_ID");
  unsetenv("SLURM_RESTART_COUNT");
}

TEST(FolderLock, is_held_by_one_and_let_go) {
  const TemporaryFolder folder;
  {
    const FolderLock lock = FolderLock::acquire(folder.path());
    const auto owner = folder_owner(folder.path());
    ASSERT_TRUE(owner);
    EXPECT_TRUE(owner->same_process(this_process()));
    EXPECT_EQ(test::names_in(folder.path()), std::set<std::string>{"lock"});
    const std::string message =
        error_message(Category::folder_refused, [&] { FolderLock::acquire(folder.path()); });
    EXPECT_TRUE(contains(message, std::to_string(getpid())));
    EXPECT_TRUE(contains(message, host_name()));
    EXPECT_TRUE(contains(message, folder.path().string()));
    EXPECT_EQ(test::names_in(folder.path()), std::set<std::string>{"lock"});
  }
  EXPECT_TRUE(test::names_in(folder.path()).empty());
}

TEST(FolderLock, of_a_dead_owner_is_taken_over_at_once) {
  const TemporaryFolder folder;
  const FolderOwner dead = ended_process();
  reap(dead);
  write_lock(folder.path(), dead);
  const FolderLock lock = FolderLock::acquire(folder.path());
  EXPECT_TRUE(folder_owner(folder.path())->same_process(this_process()));
  EXPECT_EQ(test::names_in(folder.path()), std::set<std::string>{"lock"});
}

FolderOwner elsewhere() {
  FolderOwner other = this_process();
  other.host = "node-elsewhere";
  return other;
}

/// As in a container on this host.
FolderOwner in_another_namespace() {
  FolderOwner other = this_process();
  other.pid_namespace += 1;
  return other;
}

FolderOwner before_the_last_boot() {
  FolderOwner other = this_process();
  other.boot_id = "00000000-0000-0000-0000-000000000000";
  return other;
}

/// Its last sign of life came so long ago.
void silence(const fs::path& folder, std::chrono::seconds time) {
  fs::last_write_time(folder / "lock", fs::last_write_time(folder / "lock") - time);
}

TEST(FolderOwner, of_another_namespace_or_boot_cannot_be_asked) {
  EXPECT_EQ(liveness(in_another_namespace()), Liveness::unknown);
  EXPECT_EQ(liveness(before_the_last_boot()), Liveness::unknown);
  EXPECT_FALSE(in_another_namespace().same_process(this_process()));
  EXPECT_FALSE(before_the_last_boot().same_process(this_process()));
}

TEST(FolderLock, of_an_owner_that_shows_signs_of_life_is_refused_whatever_is_asked) {
  for (const FolderOwner& owner : {elsewhere(), in_another_namespace()})
    for (const bool from_silent : {false, true}) {
      const TemporaryFolder folder;
      write_lock(folder.path(), owner);
      const std::string message =
          error_message(Category::folder_refused, [&] { FolderLock::acquire(folder.path(), from_silent); });
      EXPECT_TRUE(contains(message, owner.host));
      EXPECT_TRUE(contains(message, "last sign of life came"));
      EXPECT_TRUE(folder_owner(folder.path())->same_process(owner));
      EXPECT_EQ(detail::owner_liveness(folder.path()), Liveness::alive);
    }
}

TEST(FolderLock, of_a_silent_owner_is_taken_over_only_where_that_is_asked_for) {
  for (const FolderOwner& owner : {elsewhere(), in_another_namespace()}) {
    const TemporaryFolder folder;
    write_lock(folder.path(), owner);
    silence(folder.path(), std::chrono::hours(3));
    EXPECT_EQ(detail::owner_liveness(folder.path()), Liveness::dead);
    const std::string message =
        error_message(Category::folder_refused, [&] { FolderLock::acquire(folder.path()); });
    EXPECT_TRUE(contains(message, "180 min ago"));
    EXPECT_TRUE(contains(message, "--take-over"));
    EXPECT_EQ(contains(message, "PID namespace"), owner.host == host_name());
    const FolderLock lock = FolderLock::acquire(folder.path(), true);
    EXPECT_TRUE(folder_owner(folder.path())->same_process(this_process()));
  }
}

TEST(FolderLock, of_an_earlier_boot_is_taken_over_unless_its_heart_beats) {
  const TemporaryFolder folder;
  write_lock(folder.path(), before_the_last_boot());
  silence(folder.path(), std::chrono::minutes(1));
  FolderLock::acquire(folder.path());
  // Another host of the same name: its beats go on.
  write_lock(folder.path(), before_the_last_boot());
  std::thread heart([&] {
    std::this_thread::sleep_for(std::chrono::milliseconds(300));
    fs::last_write_time(folder / "lock", fs::file_time_type::clock::now());
  });
  EXPECT_TRUE(contains(error_message(Category::folder_refused, [&] { FolderLock::acquire(folder.path()); }),
                       "another one has its name"));
  heart.join();
}

TEST(FolderLock, beats_while_it_is_held) {
  const TemporaryFolder folder;
  const FolderLock lock = FolderLock::acquire(folder.path());
  silence(folder.path(), std::chrono::hours(1));
  const double before = detail::read_lock(folder / "lock").beat;
  for (int k = 0; k < 100 && detail::read_lock(folder / "lock").beat == before; ++k)
    std::this_thread::sleep_for(std::chrono::milliseconds(100));
  EXPECT_GT(detail::read_lock(folder / "lock").beat, before);
}

TEST(FolderLock, that_is_empty_or_torn_is_nobodys) {
  const TemporaryFolder other;
  std::string whole;
  {
    const FolderLock lock = FolderLock::acquire(other.path());
    whole = test::read_text(other / "lock");
  }
  for (const std::string& text :
       {std::string(), whole.substr(0, 1), whole.substr(0, 20), whole.substr(0, whole.size() / 2),
        std::string(400, '\0'), whole.substr(0, 100) + std::string(300, '\0')}) {
    const TemporaryFolder folder;
    test::write_text(folder / "lock", text);
    silence(folder.path(), std::chrono::seconds(3));
    const FolderLock lock = FolderLock::acquire(folder.path());
    EXPECT_TRUE(folder_owner(folder.path())->same_process(this_process()));
  }
}

TEST(FolderLock, is_given_up_by_this_process_only) {
  const TemporaryFolder folder;
  const FolderLock lock = FolderLock::acquire(folder.path());
  write_lock(folder.path(), in_another_namespace());
  detail::release_lock(folder.path());
  EXPECT_TRUE(fs::exists(folder / "lock"));
  write_lock(folder.path(), this_process());
  detail::release_lock(folder.path());
  EXPECT_FALSE(fs::exists(folder / "lock"));
}

/// A process in a namespace of its own, whose number means another process here.
TEST(FolderLock, of_a_living_process_in_another_namespace_is_refused) {
  const TemporaryFolder folder;
  int ends[2];
  int end[2];
  ASSERT_EQ(pipe(ends) + pipe(end), 0);
  const pid_t outer = fork();
  if (outer == 0) {
    close(end[1]);
    char answer = 'n';  // it may not
    if (unshare(CLONE_NEWPID) == 0 && fork() == 0) {
      const FolderLock lock = FolderLock::acquire(folder.path());
      answer = 'h';
      [[maybe_unused]] ssize_t ignored = write(ends[1], &answer, 1);
      ignored = read(end[0], &answer, 1);  // until the test ends
      _exit(0);
    }
    if (wait(nullptr) < 0) [[maybe_unused]]
      const ssize_t ignored = write(ends[1], &answer, 1);
    _exit(0);
  }
  close(end[0]);
  char answer = 'n';
  ASSERT_EQ(read(ends[0], &answer, 1), 1);
  if (answer == 'h') {
    EXPECT_TRUE(
        contains(error_message(Category::folder_refused, [&] { FolderLock::acquire(folder.path(), true); }),
                 "PID namespace"));
    EXPECT_EQ(detail::owner_liveness(folder.path()), Liveness::alive);
  }
  for (const int file : {ends[0], ends[1], end[1]}) close(file);
  waitpid(outer, nullptr, 0);
  if (answer != 'h') GTEST_SKIP() << "a PID namespace needs the rights of root";
}

TEST(FolderLock, that_is_something_else_is_refused_and_kept) {
  for (const std::string text :
       {"my own notes", "{}", R"({"format": "mpipe-lock", "host": "a", "pid": -1, "start_time": 1})"}) {
    const TemporaryFolder folder;
    test::write_text(folder / "lock", text);
    error_message(Category::folder_refused, [&] { FolderLock::acquire(folder.path()); });
    EXPECT_EQ(test::read_text(folder / "lock"), text);
  }
}

TEST(FolderLock, does_not_follow_links) {
  const TemporaryFolder folder;
  const TemporaryFolder elsewhere;
  std::filesystem::create_symlink(elsewhere / "target", folder / "lock");
  error_message(Category::folder_refused, [&] { FolderLock::acquire(folder.path()); });
  EXPECT_TRUE(test::names_in(elsewhere.path()).empty());
}

TEST(FolderLock, taken_over_by_somebody_else_is_not_removed) {
  const TemporaryFolder folder;
  FolderOwner other = this_process();
  other.host = "node-elsewhere";
  {
    const FolderLock lock = FolderLock::acquire(folder.path());
    std::filesystem::rename(folder / "lock", folder / "put-aside");
    write_lock(folder.path(), other);
  }
  EXPECT_TRUE(std::filesystem::exists(folder / "lock"));
}

/// Many processes want the lock of a dead one at the same moment. Each that gets it keeps it until all have
/// tried.
int count_winners(const TemporaryFolder& folder, int processes) {
  int go[2];
  int end[2];
  EXPECT_EQ(pipe(go) + pipe(end), 0);
  std::vector<pid_t> children;
  for (int k = 0; k < processes; ++k) {
    const pid_t child = fork();
    if (child != 0) {
      children.push_back(child);
      continue;
    }
    close(go[1]);
    close(end[0]);
    char byte;
    [[maybe_unused]] ssize_t ignored = read(go[0], &byte, 1);  // until the parent closes its end
    try {
      FolderLock lock = FolderLock::acquire(folder.path());
      ignored = write(end[1], "w", 1);
      usleep(300'000);
      lock.release();
    } catch (const Error&) {
      ignored = write(end[1], "l", 1);
    }
    _exit(0);
  }
  close(go[0]);
  close(go[1]);
  close(end[1]);
  int winners = 0;
  int answers = 0;
  for (char byte; read(end[0], &byte, 1) == 1; ++answers) winners += byte == 'w';
  close(end[0]);
  for (const pid_t child : children) waitpid(child, nullptr, 0);
  EXPECT_EQ(answers, processes);
  return winners;
}

TEST(FolderLock, of_a_dead_owner_goes_to_one_of_many) {
  const TemporaryFolder folder;
  const FolderOwner dead = ended_process();
  reap(dead);
  constexpr int kRounds = 5;
  constexpr int kProcesses = 16;
  for (int round = 0; round < kRounds; ++round) {
    write_lock(folder.path(), dead);
    EXPECT_EQ(count_winners(folder, kProcesses), 1);
    EXPECT_TRUE(test::names_in(folder.path()).empty());
    EXPECT_EQ(count_winners(folder, kProcesses), 1);  // and with no lock at all
  }
}

}  // namespace
}  // namespace mpipe
