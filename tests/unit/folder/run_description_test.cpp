// SPDX-License-Identifier: BSD-3-Clause
// run.json goes through text unchanged, damage is named, and differences between starts are.
#include "folder/api/run_folder.hpp"
#include "support/expect_error.hpp"
#include "support/temporary_folder.hpp"

#include <gtest/gtest.h>

#include <functional>

namespace mpipe {
namespace {

using test::contains;
using test::error_message;
using test::TemporaryFolder;

RunDescription wing() {
  RunDescription run;
  run.run_id = "0123456789abcdef";
  run.document = "mpipe: 1\nname: w\xc3\xadng\n";
  run.pipeline_digest = "1111";
  run.seed = 0xffffffffffffffffu;
  run.outputs = {{"cd", "float64", "alpha[j] -> cd[j]", {"j"}, {101}, "hdf5"},
                 {"field", "float32", "alpha[j] -> field[j, x]", {"j", "x"}, {101, std::nullopt}, "memory"}};
  run.inputs = {{"alpha", "float64", {101}, "abcd"}};
  run.command_line = "pipeline_app map wing.yaml";
  run.created = "2026-01-31T12:00:00Z";
  run.versions = {{"mpipe", "0.1.0"}};
  return run;
}

TEST(RunDescription, is_read_as_it_was_written) {
  const TemporaryFolder folder;
  RunFolder::create(folder.path(), false).write_description(wing());
  const RunDescription read = read_description(folder.path());
  EXPECT_EQ(to_json(read), to_json(wing()));
  EXPECT_EQ(read.seed, wing().seed);
  EXPECT_EQ(read.document, wing().document);
  EXPECT_EQ(read.outputs[1].shape, (PartialShape{101, std::nullopt}));
}

TEST(RunDescription, bytes_that_are_no_text_do_not_stop_it) {
  RunDescription run = wing();
  run.command_line = "map \xff\xfe";
  EXPECT_FALSE(to_json(run).empty());
}

TEST(RunDescription, missing_or_foreign_is_refused) {
  const TemporaryFolder folder;
  EXPECT_TRUE(contains(error_message(Category::folder_refused, [&] { read_description(folder.path()); }),
                       "run.json"));
  error_message(Category::folder_refused, [&] { read_description(folder / "absent"); });
  test::write_text(folder / "run.json", R"({"format": "another"})");
  error_message(Category::folder_refused, [&] { read_description(folder.path()); });
  test::write_text(folder / "run.json", R"({"format": "mpipe-run", "version": 2})");
  EXPECT_TRUE(contains(error_message(Category::folder_refused, [&] { read_description(folder.path()); }),
                       "version 2"));
}

TEST(RunDescription, damaged_anywhere_is_an_error_not_a_crash) {
  const TemporaryFolder folder;
  const std::string whole = to_json(wing());
  int refused = 0;
  for (std::size_t length = 0; length < whole.size() - 1; length += 3) {
    test::write_text(folder / "run.json", whole.substr(0, length));
    EXPECT_THROW(read_description(folder.path()), Error);
    ++refused;
  }
  EXPECT_GT(refused, 100);
  for (std::size_t at = 0; at < whole.size(); ++at) {
    std::string changed = whole;
    changed[at] = static_cast<char>(changed[at] ^ 0x11);
    test::write_text(folder / "run.json", changed);
    try {
      read_description(folder.path());
    } catch (const Error&) {
    }
  }
}

TEST(RunDescription, wrong_values_are_named_damaged) {
  const TemporaryFolder folder;
  for (const auto& [what, instead] :
       std::map<std::string, std::string>{{"101", "-1"},
                                          {"\"outputs\": [", "\"outputs\": 5, \"x\": ["},
                                          {"\"run_id\"", "\"run\""},
                                          {"\"?\"", "1.5"}}) {
    std::string text = to_json(wing());
    text.replace(text.find(what), what.size(), instead);
    test::write_text(folder / "run.json", text);
    EXPECT_TRUE(contains(error_message(Category::storage_failed, [&] { read_description(folder.path()); }),
                         "damaged"));
  }
}

TEST(CheckSameRun, names_the_field_that_differs_and_both_values) {
  struct Case {
    std::function<void(RunDescription&)> change;
    std::vector<std::string> parts;
  };
  const std::vector<Case> cases{
      {[](auto& run) { run.error_handling = "continue"; }, {"error_handling", "'raise'", "'continue'"}},
      {[](auto& run) { run.seed = 7; }, {"seed", "18446744073709551615", "7"}},
      {[](auto& run) { run.outputs.pop_back(); }, {"outputs", "[cd, field]", "[cd]"}},
      {[](auto& run) { run.outputs[0].mapspec = "alpha[k] -> cd[k]"; },
       {"mapspec", "'cd'", "alpha[j]", "alpha[k]"}},
      {[](auto& run) { run.outputs[0].shape = {11}; }, {"shape", "'cd'", "(101,)", "(11,)"}},
      {[](auto& run) { run.outputs[1].dtype = "float64"; }, {"type", "'field'", "float32", "float64"}},
      {[](auto& run) { run.inputs[0].digest = "ef01"; }, {"value of input 'alpha'", "abcd", "ef01"}},
      {[](auto& run) { run.inputs[0].shape = {11}; }, {"shape of input 'alpha'", "(101,)", "(11,)"}},
      {[](auto& run) { run.pipeline_digest = "2222"; }, {"pipeline", "1111", "2222"}},
  };
  for (const Case& each : cases) {
    RunDescription now = wing();
    each.change(now);
    const std::string message =
        error_message(Category::resume_mismatch, [&] { check_same_run(wing(), now); });
    for (const std::string& part : each.parts) EXPECT_TRUE(contains(message, part));
  }
}

TEST(CheckSameRun, what_does_not_change_the_results_may_differ) {
  RunDescription now = wing();
  now.run_id = "fedcba9876543210";
  now.command_line = "pipeline_app map wing.yaml --resume";
  now.created = "2026-02-01T12:00:00Z";
  now.versions["mpipe"] = "0.2.0";
  now.document += "# a comment\n";
  now.outputs[0].storage = "memory";
  check_same_run(wing(), now);
}

}  // namespace
}  // namespace mpipe
