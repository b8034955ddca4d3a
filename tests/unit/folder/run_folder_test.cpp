// SPDX-License-Identifier: BSD-3-Clause
// What is refused as a run folder, and what a claim makes and removes.
#include "folder/api/run_folder.hpp"

#include "base/api/file.hpp"
#include "store/api/run_description.hpp"
#include "support/expect_error.hpp"
#include "support/temporary_folder.hpp"

#include <gtest/gtest.h>

#include <sys/wait.h>
#include <unistd.h>

namespace mpipe {
namespace {

namespace fs = std::filesystem;
using test::contains;
using test::error_message;
using test::names_in;
using test::TemporaryFolder;
using test::write_text;

RunDescription some_run() {
  RunDescription run;
  run.run_id = "0123456789abcdef";
  return run;
}

/// A finished run with everything that a run leaves.
void make_run(const fs::path& folder) {
  RunFolder run = RunFolder::create(folder, false);
  write_description(run.path(), some_run());
  fs::create_directories(folder / "logs");
  write_text(folder / "logs" / "rank-0000.log", "text");
  write_text(folder / "results.h5", "data");
  write_text(folder / "status.json", R"({"format": "mpipe-status"})");
}

TEST(RunFolder, is_made_with_the_folders_around_it) {
  const TemporaryFolder place;
  {
    const RunFolder run = RunFolder::create(place / "runs/today/wing", false);
    EXPECT_EQ(run.path(), place / "runs/today/wing");
    EXPECT_FALSE(run.has_run());
    EXPECT_EQ(names_in(run.path()), std::set<std::string>{"lock"});
  }
  EXPECT_TRUE(names_in(place / "runs/today/wing").empty());
}

TEST(RunFolder, path_may_end_with_a_slash) {
  const TemporaryFolder place;
  EXPECT_EQ(RunFolder::create(place / "run/", false).path(), place / "run");
  error_message(Category::bad_option, [] { RunFolder::create("", false); });
}

TEST(RunFolder, takes_an_empty_folder) {
  const TemporaryFolder place;
  RunFolder::create(place.path(), false);
  EXPECT_TRUE(fs::exists(place.path()));
}

TEST(RunFolder, of_a_run_is_refused_unless_resumed_or_overwritten) {
  const TemporaryFolder place;
  make_run(place / "run");
  const auto before = names_in(place / "run");
  const std::string message =
      error_message(Category::folder_refused, [&] { RunFolder::create(place / "run", false); });
  EXPECT_TRUE(contains(message, "--resume"));
  EXPECT_TRUE(contains(message, "--overwrite"));
  EXPECT_EQ(names_in(place / "run"), before);
  {
    const RunFolder run = RunFolder::resume(place / "run");
    EXPECT_TRUE(run.has_run());
    EXPECT_EQ(read_description(run.path()).run_id, some_run().run_id);
  }
  EXPECT_EQ(names_in(place / "run"), before);
  const RunFolder run = RunFolder::create(place / "run", true);
  EXPECT_EQ(names_in(place / "run"), std::set<std::string>{"lock"});
}

TEST(RunFolder, in_use_is_refused_whatever_is_asked) {
  const TemporaryFolder place;
  const RunFolder run = RunFolder::create(place / "run", false);
  write_description(run.path(), some_run());
  for (const bool overwrite : {false, true}) {
    const std::string message =
        error_message(Category::folder_refused, [&] { RunFolder::create(place / "run", overwrite); });
    EXPECT_TRUE(contains(message, "in use by process " + std::to_string(getpid())));
  }
  error_message(Category::folder_refused, [&] { RunFolder::resume(place / "run"); });
  EXPECT_EQ(names_in(place / "run"), (std::set<std::string>{"lock", "run-copy.json", "run.json"}));
}

TEST(RunFolder, is_where_the_system_finds_it) {
  const TemporaryFolder work;
  const TemporaryFolder scratch;
  fs::create_directory(scratch / "data");
  fs::create_directory_symlink(scratch / "data", work / "data");
  make_run(scratch / "run");
  // As text, this would be a folder in `work`.
  error_message(Category::folder_refused, [&] { RunFolder::create(work / "data/../run", false); });
  EXPECT_FALSE(fs::exists(work / "run"));
  EXPECT_EQ(RunFolder::resume(work / "data/../run").path(), scratch / "run");
  EXPECT_EQ(RunFolder::create(work / "data/../new/./here/", false).path(), scratch / "new/here");
  fs::create_directory_symlink(scratch / "run", work / "link");
  const RunFolder held = RunFolder::resume(work / "link");
  error_message(Category::folder_refused, [&] { RunFolder::resume(scratch / "run"); });
}

TEST(RunFolder, stays_the_same_when_names_change) {
  const TemporaryFolder place;
  RunFolder run = RunFolder::create(place / "a/run", false);
  fs::rename(place / "a", place / "b");
  fs::create_directories(place / "a/run");
  write_description(run.path(), some_run());
  EXPECT_EQ(names_in(place / "b/run"), (std::set<std::string>{"lock", "run-copy.json", "run.json"}));
  EXPECT_TRUE(names_in(place / "a/run").empty());
  EXPECT_EQ(path_now(run.path() / "run.json"), place / "b/run/run.json");
  EXPECT_EQ(list_folder(run.path()), (std::vector<std::string>{"lock", "run-copy.json", "run.json"}));
  run = RunFolder::create(place / "c", false);
  EXPECT_EQ(names_in(place / "b/run"), (std::set<std::string>{"run-copy.json", "run.json"}));
}

/// The working directory is one of the process, so that each of these tests has a process of its own.
template <class Test>
void in_deleted_directory(const Test& test) {
  const pid_t child = fork();
  if (child == 0) {
    {
      const TemporaryFolder here;
      fs::current_path(here.path());
    }
    test();
    _exit(testing::Test::HasFailure() ? 1 : 0);
  }
  int status = -1;
  waitpid(child, &status, 0);
  EXPECT_EQ(status, 0);
}

TEST(RunFolder, of_a_relative_path_needs_a_working_directory) {
  const TemporaryFolder place;
  in_deleted_directory([&] {
    const std::string message =
        error_message(Category::storage_failed, [] { RunFolder::create("run", false); });
    EXPECT_TRUE(contains(message, "working directory"));
    EXPECT_TRUE(contains(message, "absolute path"));
    EXPECT_EQ(RunFolder::create(place / "run", false).path(), place / "run");
  });
}

TEST(RunFolder, of_a_killed_start_loses_its_beginnings_of_files_only) {
  const TemporaryFolder place;
  make_run(place / "run");
  const auto before = names_in(place / "run");
  const std::string suffix = ".0123456789abcdef.tmp";
  for (const std::string name : {"lock", "run.json", "status.json"})
    write_text(place / "run" / (name + suffix), "{");
  write_text(place / "run/status.json.of-mine.tmp", "mine");
  RunFolder::resume(place / "run");
  auto after = before;
  after.insert("status.json.of-mine.tmp");
  EXPECT_EQ(names_in(place / "run"), after);
}

TEST(RunFolder, resume_of_nothing_begins) {
  const TemporaryFolder place;
  EXPECT_FALSE(RunFolder::resume(place / "run").has_run());
}

TEST(RunFolder, that_was_begun_is_used_again) {
  const TemporaryFolder place;
  make_run(place / "run");
  for (const char* name : {"run.json", "run-copy.json"}) fs::remove(place / "run" / name);
  const RunFolder run = RunFolder::create(place / "run", false);
  EXPECT_EQ(names_in(place / "run"), std::set<std::string>{"lock"});
}

TEST(RunFolder, with_one_of_the_two_descriptions_has_a_run) {
  for (const char* name : {"run.json", "run-copy.json"}) {
    const TemporaryFolder place;
    make_run(place / "run");
    fs::remove(place / "run" / name);
    error_message(Category::folder_refused, [&] { RunFolder::create(place / "run", false); });
    EXPECT_TRUE(RunFolder::resume(place / "run").has_run());
  }
}

TEST(RunFolder, with_results_that_nothing_describes_is_refused_unless_overwritten) {
  for (const std::string name : {"results.extents", "journal/rank-0000.log", "elements/y/0000/0.npy"}) {
    const TemporaryFolder place;
    make_run(place / "run");
    for (const char* description : {"run.json", "run-copy.json"}) fs::remove(place / "run" / description);
    fs::create_directories((place / "run" / name).parent_path());
    write_text(place / "run" / name, "data");
    for (const auto& claim : {+[](const fs::path& path) { RunFolder::create(path, false); },
                              +[](const fs::path& path) { RunFolder::resume(path); }}) {
      const std::string message = error_message(Category::folder_refused, [&] { claim(place / "run"); });
      EXPECT_TRUE(contains(message, "run-copy.json"));
      EXPECT_EQ(test::read_text(place / "run" / name), "data");
    }
    EXPECT_FALSE(RunFolder::create(place / "run", true).has_run());
    EXPECT_FALSE(fs::exists(place / "run" / name));
  }
}

TEST(RunFolder, in_which_a_lock_was_about_to_be_made_is_used) {
  const TemporaryFolder place;
  write_text(place / "lock.4711-0.tmp", "");
  const RunFolder run = RunFolder::create(place.path(), false);
  EXPECT_EQ(names_in(place.path()), std::set<std::string>{"lock"});
}

TEST(RunFolder, of_somebody_else_is_refused_and_untouched) {
  for (const std::string name : {"notes.txt", "results.h5", "run.json", "logs", "lock"}) {
    const TemporaryFolder place;
    write_text(place / name, R"({"format": "another program's"})");
    for (const bool overwrite : {false, true})
      error_message(Category::folder_refused, [&] { RunFolder::create(place.path(), overwrite); });
    error_message(Category::folder_refused, [&] { RunFolder::resume(place.path()); });
    EXPECT_EQ(names_in(place.path()), std::set<std::string>{name});
  }
}

TEST(RunFolder, overwrite_removes_what_runs_make_and_nothing_else) {
  const TemporaryFolder place;
  make_run(place / "run");
  write_text(place / "run/plot.png", "mine");
  write_text(place / "run/logs/slurm-17.out", "mine");
  write_text(place / "run/status.json.99-0.tmp", "left behind");
  const RunFolder run = RunFolder::create(place / "run", true);
  EXPECT_EQ(names_in(place / "run"), (std::set<std::string>{"lock", "logs", "plot.png"}));
  EXPECT_EQ(names_in(place / "run/logs"), std::set<std::string>{"slurm-17.out"});
}

TEST(RunFolder, overwrite_does_not_follow_links) {
  const TemporaryFolder place;
  fs::create_directories(place / "precious");
  write_text(place / "precious/rank-0000.log", "keep");
  write_text(place / "precious/data", "keep");
  make_run(place / "run");
  fs::remove_all(place / "run/logs");
  fs::create_directory_symlink(place / "precious", place / "run/logs");
  fs::remove(place / "run/results.h5");
  fs::create_symlink(place / "precious/data", place / "run/results.h5");
  fs::create_directories(place / "run/journal");
  fs::create_directory_symlink(place / "precious", place / "run/journal/link");
  const RunFolder run = RunFolder::create(place / "run", true);
  EXPECT_EQ(names_in(place / "precious"), (std::set<std::string>{"data", "rank-0000.log"}));
  EXPECT_FALSE(fs::exists(place / "run/results.h5"));
  EXPECT_FALSE(fs::exists(place / "run/journal"));
}

TEST(RunFolder, that_is_a_file_is_refused) {
  const TemporaryFolder place;
  write_text(place / "file", "text");
  for (const auto& path : {place / "file", place / "file/run"}) {
    error_message(Category::folder_refused, [&] { RunFolder::create(path, true); });
    error_message(Category::folder_refused, [&] { RunFolder::resume(path); });
  }
  fs::create_symlink(place / "nowhere", place / "dangling");
  error_message(Category::folder_refused, [&] { RunFolder::create(place / "dangling", true); });
  EXPECT_EQ(test::read_text(place / "file"), "text");
  EXPECT_EQ(names_in(place.path()), (std::set<std::string>{"file", "dangling"}));
}

TEST(RunFolder, that_cannot_be_written_is_a_storage_error) {
  const TemporaryFolder place;
  fs::permissions(place.path(), fs::perms::owner_read | fs::perms::owner_exec | fs::perms::others_exec);
  const pid_t child = fork();
  if (child == 0) {  // root may write everywhere
    if (geteuid() == 0 && setuid(65534) != 0) _exit(3);
    for (const auto& path : {place / "run", place / "deep/run"}) {
      try {
        RunFolder::create(path, false);
        _exit(1);
      } catch (const Error& error) {
        const bool right = error.category() == Category::storage_failed && exit_code(error.category()) == 4 &&
                           contains(error.what(), "Permission denied");
        if (!right) _exit(2);
      }
    }
    _exit(0);
  }
  int status = 0;
  waitpid(child, &status, 0);
  fs::permissions(place.path(), fs::perms::owner_all);
  EXPECT_EQ(status, 0);
  EXPECT_TRUE(names_in(place.path()).empty());
}

TEST(RunFolder, refused_leaves_no_new_folders) {
  const TemporaryFolder place;
  const fs::path path = place / std::string(40, 'a') / std::string(300, 'b');  // longer than a name may be
  error_message(Category::storage_failed, [&] { RunFolder::create(path, false); });
  EXPECT_TRUE(names_in(place.path()).empty());
}

TEST(RunFolder, abandoned_takes_back_what_it_made) {
  const TemporaryFolder place;
  RunFolder made = RunFolder::create(place / "a/b", false);
  write_text(place / "a/b/results.h5", "half");
  made.abandon();
  EXPECT_TRUE(names_in(place.path()).empty());

  fs::create_directory(place / "mine");
  RunFolder taken = RunFolder::create(place / "mine", false);
  taken.abandon();
  EXPECT_TRUE(fs::exists(place / "mine"));
  EXPECT_TRUE(names_in(place / "mine").empty());
}

TEST(RunFolder, abandoned_keeps_what_was_resumed) {
  const TemporaryFolder place;
  make_run(place / "run");
  const auto before = names_in(place / "run");
  RunFolder::resume(place / "run").abandon();
  EXPECT_EQ(names_in(place / "run"), before);
}

TEST(WriteFileAtomically, replaces_and_leaves_nothing_else) {
  const TemporaryFolder place;
  write_file_atomically(place / "file", "one");
  write_file_atomically(place / "file", "two");
  EXPECT_EQ(test::read_text(place / "file"), "two");
  EXPECT_EQ(names_in(place.path()), std::set<std::string>{"file"});
  error_message(Category::storage_failed, [&] { write_file_atomically(place / "none/file", "text"); });
}

}  // namespace
}  // namespace mpipe
