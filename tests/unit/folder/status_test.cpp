// SPDX-License-Identifier: BSD-3-Clause
// What status.json says while a run goes on, at its end, and when its process is gone.
#include <mpipe/folder/status.hpp>
#include <mpipe/plan/plan.hpp>

#include "folder/api/run_folder.hpp"
#include "store/api/run_description.hpp"
#include "support/expect_error.hpp"
#include "support/temporary_folder.hpp"

#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

#include <sys/wait.h>
#include <unistd.h>

#include <chrono>
#include <thread>

namespace mpipe {
namespace {

using nlohmann::json;
using test::error_message;
using test::TemporaryFolder;

/// y and z from x[i], their sum s as a single value.
struct Sweep {
  Pipeline pipeline{function({"y", "z"}, [](double x) { return std::pair(x, 2 * x); })
                        .parameters("x")
                        .mapspec("x[i] -> y[i], z[i]"),
                    function("s", [](ArrayView<const double> y) { return y.size(); }).parameters("y")};
  Plan plan{pipeline, {{{"x", linspace(0, 1, 10)}}, {}, {}}};

  FunctionId function_of(const std::string& output) const { return pipeline.producer_of(output); }
  std::vector<ElementCounts> kept(Index of_y) const {
    std::vector<ElementCounts> kept(plan.outputs().size());
    for (const std::string name : {"y", "z"}) kept[plan.find_output(name)->value].done = of_y;
    return kept;
  }
};

const OutputStatus& output(const RunStatus& status, const std::string& name) {
  for (const OutputStatus& each : status.outputs)
    if (each.name == name) return each;
  throw std::runtime_error("no output " + name);
}

MachineInfo machine() {
  MachineInfo info;
  info.ranks = 3;
  return info;
}

TEST(StatusWriter, writes_nothing_before_the_folder_is_claimed) {
  const TemporaryFolder folder;
  {
    StatusWriter writer(folder.path());
    writer.finish(RunState::failed, 2, "nothing ran");
    writer.on_end("failed", "nothing ran");
  }
  EXPECT_TRUE(test::names_in(folder.path()).empty());
}

TEST(StatusReader, a_start_that_dies_early_does_not_leave_a_run_called_complete) {
  const TemporaryFolder folder;
  const Sweep sweep;
  { static_cast<void>(RunFolder::create(folder.path(), false)); }
  RunDescription run;
  run.run_id = "completed";
  write_description(folder.path(), run);
  StatusWriter writer(folder.path());
  writer.on_start(sweep.plan, machine(), sweep.kept(10));
  writer.finish(RunState::completed, 0, "");
  {
    const RunFolder again = RunFolder::resume(folder.path());
    EXPECT_EQ(read_status(folder.path()).state, RunState::completed);
    again.withdraw_completion({"z"});
  }
  const RunStatus status = read_status(folder.path());
  EXPECT_EQ(status.state, RunState::failed);
  EXPECT_EQ(status.script_exit_code(), 5);
  EXPECT_NE(status.message.find("Resume the run"), std::string::npos) << status.message;
  EXPECT_EQ(output(status, "y").done, 10);
  EXPECT_EQ(output(status, "z").done, 0);
}

TEST(StatusWriter, tells_how_a_run_goes_from_beginning_to_end) {
  const TemporaryFolder folder;
  const Sweep sweep;
  StatusWriter writer(folder.path(), std::chrono::milliseconds(5));
  writer.on_start(sweep.plan, machine(), sweep.kept(2));
  RunStatus status = read_status(folder.path());
  EXPECT_EQ(status.state, RunState::running);
  EXPECT_FALSE(status.exit_code);
  EXPECT_EQ(status.script_exit_code(), 75);
  EXPECT_EQ(status.ranks, 3);
  EXPECT_TRUE(status.owner.same_process(this_process()));
  EXPECT_EQ(output(status, "y").done, 2);
  EXPECT_EQ(output(status, "y").elements, 10);
  EXPECT_EQ(output(status, "y").pending(), 8);
  EXPECT_EQ(output(status, "y").dims, std::vector<std::string>{"i"});
  EXPECT_EQ(output(status, "s").elements, 1);

  writer.on_progress(sweep.function_of("y"), {3}, {});
  for (int k = 0; k < 1000 && output(read_status(folder.path()), "z").done != 5; ++k)
    std::this_thread::sleep_for(std::chrono::milliseconds(5));
  status = read_status(folder.path());
  EXPECT_EQ(output(status, "y").done, 5);
  EXPECT_EQ(output(status, "z").done, 5);
  EXPECT_GT(status.elements_per_second, 0);
  EXPECT_TRUE(status.eta_seconds);
  EXPECT_NEAR(status.progress_fraction(), 10.0 / 21, 1e-12);

  writer.on_progress(sweep.function_of("y"), {5}, {});
  writer.on_progress(sweep.function_of("s"), {1}, {});
  writer.on_end("completed", "");
  status = read_status(folder.path());
  EXPECT_EQ(status.state, RunState::completed);
  EXPECT_EQ(status.exit_code, 0);
  EXPECT_EQ(status.progress_fraction(), 1);
  EXPECT_FALSE(status.finished.empty());
  EXPECT_EQ(test::names_in(folder.path()), std::set<std::string>{"status.json"});
}

TEST(StatusWriter, has_the_true_exit_code_and_the_reason) {
  const TemporaryFolder folder;
  const Sweep sweep;
  StatusWriter writer(folder.path());
  writer.on_start(sweep.plan, machine(), {});
  writer.on_progress(sweep.function_of("y"), {0, 1, 0}, {});
  writer.on_end("failed", "function 'y' failed");
  EXPECT_EQ(read_status(folder.path()).exit_code, 1);
  writer.finish(RunState::failed, 4, "the disk is full");
  const RunStatus status = read_status(folder.path());
  EXPECT_EQ(status.state, RunState::failed);
  EXPECT_EQ(status.script_exit_code(), 4);
  EXPECT_EQ(status.message, "the disk is full");
  EXPECT_EQ(output(status, "z").failed, 1);
}

TEST(StatusWriter, counts_what_failed_and_what_is_blocked) {
  const TemporaryFolder folder;
  const Sweep sweep;
  StatusWriter writer(folder.path());
  auto kept = sweep.kept(1);
  for (ElementCounts& of_output : kept) of_output.failed = 2;
  writer.on_start(sweep.plan, machine(), kept);
  writer.on_progress(sweep.function_of("y"), {4, 3, 0}, {});
  writer.on_progress(sweep.function_of("s"), {0, 0, 1}, {});
  writer.finish(RunState::completed, 1, "5 elements failed");
  const RunStatus status = read_status(folder.path());
  EXPECT_EQ(output(status, "z").done, 5);
  EXPECT_EQ(output(status, "z").failed, 5);
  EXPECT_EQ(output(status, "z").pending(), 0);
  EXPECT_EQ(output(status, "s").blocked, 1);
  EXPECT_EQ(status.state, RunState::completed);
  EXPECT_EQ(status.script_exit_code(), 1);
}

/// As a run tells that keeps y in memory until its wave ends.
std::vector<SettledOutput> settled(const Sweep& sweep, Index of_y, Index of_z) {
  std::vector<SettledOutput> outputs(sweep.plan.outputs().size());
  outputs[sweep.plan.find_output("y")->value] = {{of_y, 0, 0}, true};
  outputs[sweep.plan.find_output("z")->value] = {{of_z, 0, 0}, false};
  return outputs;
}

TEST(StatusWriter, tells_what_was_in_memory_only_when_a_signal_ends_the_run) {
  const TemporaryFolder folder;
  const Sweep sweep;
  StatusWriter writer(folder.path());
  writer.on_start(sweep.plan, machine(), {});
  writer.on_settled(settled(sweep, 1, 1));
  writer.on_progress(sweep.function_of("y"), {4, 0, 0}, {});
  EXPECT_EQ(output(writer.status(), "y").done, 5);
  EXPECT_EQ(output(writer.status(), "y").in_memory, 4);
  EXPECT_EQ(output(writer.status(), "z").in_memory, 0);
  writer.finish(RunState::cancelled, 143, "ended.");
  // What the run meets with before the process ends is not how it ended.
  writer.finish(RunState::failed, 4, "cannot write");
  const RunStatus status = read_status(folder.path());
  EXPECT_EQ(output(status, "y").done, 1);
  EXPECT_EQ(output(status, "z").done, 5);
  EXPECT_EQ(status.exit_code, 143);
  EXPECT_EQ(status.message, "ended. Elements that were in memory only are lost: 4 of 'y'.");
}

TEST(StatusWriter, has_the_counts_of_the_run_in_the_end) {
  const TemporaryFolder folder;
  const Sweep sweep;
  StatusWriter writer(folder.path());
  writer.on_start(sweep.plan, machine(), {});
  writer.on_settled(settled(sweep, 0, 0));
  writer.on_progress(sweep.function_of("y"), {2, 1, 0}, {});
  writer.on_settled(settled(sweep, 7, 7));  // more was done in the block that failed
  writer.finish(RunState::failed, 1, "y failed.");
  const RunStatus status = read_status(folder.path());
  EXPECT_EQ(output(status, "y").done, 7);
  EXPECT_EQ(output(status, "z").done, 7);
  EXPECT_EQ(status.message, "y failed.");
}

TEST(StatusWriter, leaves_a_folder_alone_that_another_job_has_taken) {
  const TemporaryFolder folder;
  const Sweep sweep;
  StatusWriter writer(folder.path());
  writer.on_start(sweep.plan, machine(), {});
  FolderOwner other = this_process();
  json lock = {{"format", "mpipe-lock"}, {"host", "elsewhere"}, {"pid", 1}, {"start_time", 1}};
  test::write_text(folder / "lock", lock.dump());
  const std::string before = test::read_text(folder / "status.json");
  writer.on_end("completed", "");
  EXPECT_EQ(test::read_text(folder / "status.json"), before);
}

TEST(StatusWriter, of_a_start_that_a_signal_ends_leaves_a_folder_that_can_be_used) {
  const TemporaryFolder folder;
  RunFolder run = RunFolder::create(folder / "run", false);
  StatusWriter writer(folder / "run");
  test::write_text(folder / "run/store.json", "{}");  // what the start has made
  writer.finish(RunState::cancelled, 143, "ended.");
  EXPECT_FALSE(std::filesystem::exists(folder / "run/status.json"));
  writer.release_folder();
  EXPECT_EQ(test::names_in(folder / "run"), (std::set<std::string>{"status.json", "store.json"}));
  EXPECT_EQ(read_status(folder / "run").script_exit_code(), 143);
  run = RunFolder::create(folder / "run", false);
  EXPECT_EQ(test::names_in(folder / "run"), std::set<std::string>{"lock"});
}

TEST(StatusWriter, keeps_the_last_word_of_a_signal_during_the_start) {
  const TemporaryFolder folder;
  const Sweep sweep;
  const RunFolder run = RunFolder::create(folder / "run", false);
  StatusWriter writer(folder / "run");
  writer.finish(RunState::cancelled, 143, "ended.");
  writer.on_start(sweep.plan, machine(), {});
  EXPECT_EQ(writer.status().state, RunState::cancelled);
  EXPECT_FALSE(std::filesystem::exists(folder / "run/status.json"));
  writer.release_folder();
  EXPECT_EQ(read_status(folder / "run").script_exit_code(), 143);
}

TEST(StatusWriter, that_cannot_write_stops_nothing) {
  const TemporaryFolder folder;
  const Sweep sweep;
  StatusWriter writer(folder / "gone");
  writer.on_start(sweep.plan, machine(), {});
  writer.on_progress(sweep.function_of("y"), {3}, {});
  writer.on_end("completed", "");
  EXPECT_FALSE(writer.problem().empty());
}

TEST(StatusWriter, of_a_run_without_a_folder_tells_and_writes_nothing) {
  const TemporaryFolder folder;
  const std::filesystem::path before = std::filesystem::current_path();
  std::filesystem::current_path(folder.path());
  const Sweep sweep;
  StatusWriter writer("");
  writer.on_start(sweep.plan, machine(), {});
  writer.on_progress(sweep.function_of("y"), {3}, {});
  EXPECT_EQ(output(writer.status(), "z").done, 3);
  EXPECT_EQ(writer.status().state, RunState::running);
  writer.finish(RunState::cancelled, 143, "ended by a signal");
  std::filesystem::current_path(before);
  EXPECT_EQ(writer.status().exit_code, 143);
  EXPECT_EQ(writer.status().state, RunState::cancelled);
  EXPECT_TRUE(test::names_in(folder.path()).empty());
}

TEST(StatusWriter, of_a_run_without_a_folder_needs_no_thread) {
  const auto threads = [] {
    return std::distance(std::filesystem::directory_iterator("/proc/self/task"), {});
  };
  const Sweep sweep;
  StatusWriter writer("", std::chrono::milliseconds(0));
  const auto before = threads();
  writer.on_start(sweep.plan, machine(), {});
  EXPECT_EQ(threads(), before);
  // Who asks brings the rate up to date.
  writer.status();
  std::this_thread::sleep_for(std::chrono::milliseconds(1));
  writer.on_progress(sweep.function_of("y"), {3}, {});
  EXPECT_GT(writer.status().elements_per_second, 0);
  EXPECT_TRUE(writer.status().eta_seconds.has_value());
}

TEST(ReadStatus, of_a_process_that_is_gone_is_stale) {
  const TemporaryFolder folder;
  const pid_t child = fork();
  if (child == 0) {
    const Sweep sweep;
    const RunFolder run = RunFolder::create(folder.path(), false);
    StatusWriter writer(folder.path());
    writer.on_start(sweep.plan, machine(), {});
    _exit(0);  // neither lets go of the lock nor tells the end
  }
  waitpid(child, nullptr, 0);
  const RunStatus status = read_status(folder.path());
  EXPECT_EQ(status.state, RunState::stale);
  EXPECT_EQ(status.script_exit_code(), 5);
  EXPECT_EQ(output(status, "y").elements, 10);
  // The next job has the folder, and has told nothing yet.
  const RunFolder next = RunFolder::create(folder.path(), false);
  EXPECT_EQ(read_status(folder.path()).state, RunState::pending);
}

TEST(ReadStatus, on_another_host_depends_on_the_heartbeat) {
  const TemporaryFolder folder;
  RunStatus status;
  status.state = RunState::running;
  status.owner.host = "elsewhere";
  status.owner.pid = 17;
  status.heartbeat = "2020-01-31T12:00:00Z";
  test::write_text(folder / "status.json", to_json(status));
  EXPECT_EQ(read_status(folder.path()).state, RunState::stale);
  EXPECT_GT(read_status(folder.path()).heartbeat_age_seconds, 1e6);
  status.heartbeat = this_process().since;  // now
  test::write_text(folder / "status.json", to_json(status));
  EXPECT_EQ(read_status(folder.path()).state, RunState::running);
}

TEST(ReadStatus, of_what_is_no_run_is_refused) {
  const TemporaryFolder folder;
  test::write_text(folder / "file", "text");
  for (const auto& path : {folder.path(), folder / "absent", folder / "file"})
    error_message(Category::folder_refused, [&] { read_status(path); });
}

TEST(ReadStatus, without_a_status_tells_what_the_run_is) {
  const TemporaryFolder folder;
  {
    const RunFolder run = RunFolder::create(folder.path(), false);
    EXPECT_EQ(read_status(folder.path()).state, RunState::pending);
    RunDescription description;
    OutputLayout& cd = description.outputs.emplace_back();
    cd.type = &element_type(Kind::float64);
    cd.axes = {"j"};
    cd.external = {true};
    cd.shape = {101};
    cd.name = "cd";
    write_description(run.path(), description);
    EXPECT_EQ(read_status(folder.path()).state, RunState::pending);
  }
  for (const std::string text : {"", "{", R"({"format": "mpipe-status", "version": 1})"}) {
    test::write_text(folder / "status.json", text);
    const RunStatus status = read_status(folder.path());
    EXPECT_EQ(status.state, RunState::stale);
    EXPECT_EQ(output(status, "cd").shape, (PartialShape{101}));
  }
}

TEST(StatusJson, keeps_the_times_of_functions) {
  const TemporaryFolder folder;
  {
    const Sweep sweep;
    const RunFolder run = RunFolder::create(folder.path(), false);
    StatusWriter writer(folder.path());
    writer.on_start(sweep.plan, machine(), {});
    EXPECT_TRUE(read_status(folder.path()).functions.empty());
    writer.set_times({{"y", 4, 2.0, 0.5, 0.75}});
    writer.finish(RunState::completed, 0, "");
  }
  const RunStatus status = read_status(folder.path());
  ASSERT_EQ(status.functions.size(), 1U);
  const FunctionTimes& times = status.functions.front();
  EXPECT_EQ(times.name, "y");
  EXPECT_EQ(times.calls, 4);
  EXPECT_EQ(times.seconds, 2.0);
  EXPECT_EQ(times.mean_seconds, 0.5);
  EXPECT_EQ(times.max_seconds, 0.75);
}

TEST(StatusJson, has_what_scripts_ask_for) {
  RunStatus status;
  status.state = RunState::failed;
  status.exit_code = 1;
  status.owner.job_id = "42";
  status.outputs.push_back({"y", {"i"}, {std::nullopt}, "float64", std::nullopt, 0, 0, 0});
  const json root = json::parse(to_json(status));
  EXPECT_EQ(root.at("state"), "failed");
  EXPECT_EQ(root.at("slurm_job_id"), "42");
  EXPECT_TRUE(root.at("eta_seconds").is_null());
  for (const char* key :
       {"progress_fraction", "outputs", "elements_per_second", "heartbeat_age_seconds", "host"})
    EXPECT_TRUE(root.contains(key)) << key;
}

}  // namespace
}  // namespace mpipe
