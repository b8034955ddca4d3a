// SPDX-License-Identifier: BSD-3-Clause
// The table of options, values that are said of them, and choices by name.
#include "options/api/option_values.hpp"

#include <mpipe/options/choices.hpp>

#include "support/expect_error.hpp"

#include <gtest/gtest.h>

#include <set>

namespace mpipe::test {
namespace {

TEST(OptionTable, HasEachOptionOnce) {
  std::set<std::string_view> names;
  for (const OptionRow& row : option_table()) {
    EXPECT_TRUE(names.insert(row.name).second) << row.name;
    EXPECT_EQ(&option_row(row.name), &row);
    EXPECT_EQ(row.variable().empty(), row.reach == OptionReach::flag) << row.name;
    EXPECT_FALSE(row.help.empty()) << row.name;
  }
  EXPECT_GE(names.size(), 20U);
  EXPECT_EQ(option_row("max_failures").flag(), "--max-failures");
  EXPECT_EQ(option_row("max_failures").variable(), "MPIPE_MAX_FAILURES");
  EXPECT_THROW(option_row("max_failure"), Bug);
}

TEST(OptionTable, ItsOwnValuesAreValid) {
  for (const OptionRow& row : option_table()) {
    const bool in_words = row.fallback.empty() || row.fallback.find(' ') != std::string_view::npos;
    if (in_words) continue;
    EXPECT_NO_THROW(check_option(row, std::string(row.fallback))) << row.name;
  }
}

TEST(OptionValues, FlagsGoOverVariablesOutputByOutput) {
  OptionValues document;
  document.say(option_row("storage"), "", {"hdf5", "doc.yaml:1:1"});
  document.say(option_row("storage"), "a", {"file", "doc.yaml:1:9"});
  document.say(option_row("seed"), "", {"3", "doc.yaml:2:1"});
  OptionValues flags;
  flags.say_variable(option_row("seed"), "4");
  flags.say_variable(option_row("retries"), "");
  flags.say_entries(option_row("storage"), "a=memory,b=hdf5", "--storage");
  document.take_over(flags);
  EXPECT_EQ(document.by_output("storage").at("").text, "hdf5");
  EXPECT_EQ(document.by_output("storage").at("a").text, "memory");
  EXPECT_EQ(document.by_output("storage").at("b").by, "--storage");
  EXPECT_EQ(document.number("seed"), 4U);
  EXPECT_EQ(document.by_output("seed").at("").by, "MPIPE_SEED");
  EXPECT_FALSE(document.has("retries"));
  EXPECT_EQ(document.text("retries"), "0");
}

TEST(OptionValues, VariablesOfFlagsAreSwitches) {
  for (const char* on : {"1", "true", "yes", "on"}) {
    OptionValues values;
    values.say_variable(option_row("resume"), on);
    EXPECT_TRUE(values.has("resume")) << on;
  }
  for (const char* off : {"0", "false", "no", "off", ""}) {
    OptionValues values;
    values.say_variable(option_row("resume"), off);
    EXPECT_FALSE(values.has("resume")) << off;
  }
  OptionValues values;
  EXPECT_EQ(error_message(Category::bad_option, [&] { values.say_variable(option_row("resume"), "maybe"); }),
            "MPIPE_RESUME: 'maybe' is neither 1 nor 0. Set it to 1, as --resume would, or to 0.");
}

TEST(OptionValues, ListsKnowWhoNamedTheirEntries) {
  OptionValues values;
  values.say_variable(option_row("redo"), "a,b");
  values.add(option_row("redo"), {"c", "--redo"});
  EXPECT_EQ(values.list("redo"), (std::vector<std::string>{"a", "b", "c"}));
  EXPECT_EQ(values.said("redo")[1].by, "MPIPE_REDO");
  EXPECT_EQ(values.said("redo")[2].by, "--redo");
}

TEST(OptionValues, WhoSaysNonsenseIsNamed) {
  OptionValues values;
  const auto refusal = [&](std::string_view option, const std::string& text, Category category) {
    return error_message(category, [&] { values.say(option_row(option), "", {text, "--flag"}); });
  };
  EXPECT_EQ(refusal("storage", "hdf", Category::unknown_storage),
            "--flag: storage cannot be 'hdf'. Did you mean 'hdf5'? Use memory, hdf5 or file.");
  EXPECT_EQ(refusal("executor", "reynolds", Category::bad_option),
            "--flag: there is no executor 'reynolds'. Use mpi, threads[:n], processes[:n] or sequential.");
  EXPECT_EQ(refusal("max_concurrent", "0", Category::bad_option),
            "--flag: '0' is not a whole number from 1 to 1000000.");
  EXPECT_EQ(refusal("retries", "-1", Category::bad_option),
            "--flag: '-1' is not a whole number from 0 to 1000000.");
  EXPECT_EQ(refusal("seed", "1.5", Category::bad_option), "--flag: '1.5' is not a whole number, 0 or more.");
  EXPECT_EQ(refusal("chunksizes", "0", Category::bad_option),
            "--flag: '0' is not a number of elements, 1 or more, or auto.");
  EXPECT_FALSE(refusal("run_folder", "", Category::bad_option).empty());
  for (const char* entries : {"", "=hdf5", "a=", "a=hdf5,"})
    EXPECT_FALSE(error_message(Category::bad_option,
                               [&] { values.say_entries(option_row("storage"), entries, "--storage"); })
                     .empty())
        << entries;
  try {
    values.say(option_row("rank0"), "", {"sleep", "MPIPE_RANK0"});
    ADD_FAILURE() << "not refused";
  } catch (const Error& error) {
    EXPECT_EQ(error.subject(), (Subject{Subject::Kind::option, "rank0"}));
  }
}

TEST(Choices, AreEnumeratorsOrTheirNames) {
  const Named<StorageKind> storage = "file";
  EXPECT_EQ(storage.value(), StorageKind::file);
  EXPECT_EQ(storage, StorageKind::file);
  EXPECT_EQ(storage, std::string("file"));
  EXPECT_EQ(to_string(Rank0::schedule), "schedule");
  const Named<ErrorHandling> wrong = "go on";
  EXPECT_EQ(error_message(Category::bad_option, [&] { wrong.value(); }),
            "error_handling cannot be 'go on'. Use raise or continue.");
}

TEST(Choices, ExecutorsAreReadFromText) {
  for (const char* text : {"mpi", "sequential", "threads", "threads:4", "processes", "processes:4096"}) {
    EXPECT_NE(ExecutorChoice(text).kind, ExecutorKind::user) << text;
    EXPECT_EQ(ExecutorChoice(text).to_string(), text);
  }
  for (const char* text : {"", "mine", "mpi:4", "threads:", "threads:0", "threads:4097", "threads:many"}) {
    EXPECT_EQ(ExecutorChoice(text).kind, ExecutorKind::user) << text;
    EXPECT_EQ(ExecutorChoice(text).to_string(), text);
  }
}

/// Folders of such names are made by mistake, and found much later.
TEST(OptionValues, PathsThatNobodyMeantAreRefused) {
  for (const char* option : {"run_folder", "scratch", "trace"}) {
    const OptionRow& row = option_row(option);
    for (const char* path : {"--resume", "~/runs", "~", "$HOME/runs", "${SCRATCH}", " ", "\t"}) {
      const std::string message = error_message(Category::bad_option, [&] { check_option(row, path); });
      EXPECT_TRUE(contains(message, "' ")) << message;
      EXPECT_TRUE(contains(message, "Write the path of the f")) << message;
    }
    for (const char* path : {"runs/--resume", "./~", "./$HOME", "a b", "-r", "run~"})
      EXPECT_NO_THROW(check_option(row, path)) << path;
  }
  OptionValues values;
  EXPECT_TRUE(contains(
      error_message(Category::bad_option, [&] { values.say_variable(option_row("run_folder"), "--resume"); }),
      "MPIPE_RUN_FOLDER: '--resume' is a flag"));
}

}  // namespace
}  // namespace mpipe::test
