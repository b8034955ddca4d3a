// SPDX-License-Identifier: BSD-3-Clause
// The resources of a function: what they come to, and what is refused where.
#include "document_text.hpp"

#include <gtest/gtest.h>

namespace mpipe::test {
namespace {

using std::chrono::hours;
using std::chrono::milliseconds;
using std::chrono::minutes;

Document with_resources(const std::string& resources) {
  return parse("functions:\n- {output: y, expr: x, resources: " + resources + "}\n");
}
Resources resources(const std::string& text) { return with_resources(text).functions().front().resources(); }
std::uint64_t memory(const std::string& text) { return resources("{memory: " + text + "}").memory; }
Duration time(const std::string& text) { return resources("{time: " + text + "}").time; }

TEST(ResourceKeys, AllOfThem) {
  Resources expected;
  expected.threads = 4;
  expected.gpus = 2;
  expected.memory = 2'000'000'000;
  expected.time = minutes(10);
  EXPECT_EQ(resources("{ranks: 1, threads: 4, gpus: 2, memory: 2GB, time: 10min}"), expected);
  EXPECT_EQ(to_string(expected), "threads 4, gpus 2, memory 2GB, time 10min");
  EXPECT_EQ(resources("{}"), Resources{});
  EXPECT_EQ(to_string(Resources{}), "");
}

TEST(ResourceKeys, Memory) {
  EXPECT_EQ(memory("4096"), 4096U);
  EXPECT_EQ(memory("1e6"), 1'000'000U);
  EXPECT_EQ(memory("7B"), 7U);
  EXPECT_EQ(memory("3kB"), 3'000U);
  EXPECT_EQ(memory("3MB"), 3'000'000U);
  EXPECT_EQ(memory("0.7 GB"), 700'000'000U);
  EXPECT_EQ(memory("2TB"), 2'000'000'000'000U);
  EXPECT_EQ(memory("'3KiB'"), 3U << 10U);
  EXPECT_EQ(memory("3MiB"), 3U << 20U);
  EXPECT_EQ(memory("1.5GiB"), 3U << 29U);
  EXPECT_EQ(memory("2TiB"), std::uint64_t{2} << 40U);
}

TEST(ResourceKeys, Time) {
  EXPECT_EQ(time("90"), std::chrono::seconds(90));
  EXPECT_EQ(time("0.25"), milliseconds(250));
  EXPECT_EQ(time("250ms"), milliseconds(250));
  EXPECT_EQ(time("30 s"), std::chrono::seconds(30));
  EXPECT_EQ(time("10min"), minutes(10));
  EXPECT_EQ(time("1.5h"), minutes(90));
  EXPECT_EQ(time("2d"), hours(48));
  EXPECT_EQ(time("01:30:05"), minutes(90) + std::chrono::seconds(5));
  EXPECT_EQ(time("'100:00:00'"), hours(100));
}

TEST(ResourceKeys, WhatIsWrittenIsReadAgain) {
  for (const char* text : {"memory 2GB", "memory 1GiB", "memory 1500MB", "memory 1025B", "memory 3KiB",
                           "time 2d", "time 36h", "time 90min", "time 61s", "time 1500ms", "time 1.5e-06s"}) {
    const std::string line = text;
    const std::size_t blank = line.find(' ');
    EXPECT_EQ(to_string(resources("{" + line.substr(0, blank) + ": " + line.substr(blank + 1) + "}")), line);
  }
}

struct Refusal {
  const char* name;
  const char* resources;
  Category category;
  const char* message;
};
void PrintTo(const Refusal& refusal, std::ostream* out) { *out << refusal.name; }
std::string name_of(const ::testing::TestParamInfo<Refusal>& info) { return info.param.name; }
class ResourceRefusals : public ::testing::TestWithParam<Refusal> {};

/// The text of the resources begins at column 35.
TEST_P(ResourceRefusals, TellPlaceAndProblem) {
  const auto message = error_message(GetParam().category, [] { with_resources(GetParam().resources); });
  EXPECT_TRUE(contains(message, GetParam().message));
  EXPECT_EQ(exit_code(GetParam().category), 2);
}

constexpr auto kBad = Category::bad_document;
constexpr auto kLarge = Category::too_large;

INSTANTIATE_TEST_SUITE_P(
    Keys, ResourceRefusals,
    ::testing::Values(
        Refusal{"NotAMapping", "2GB", kBad,
                "doc.yaml:2:35: expected the keys of the resources but found the text"},
        Refusal{"UnknownKey", "{thread: 2}", kBad,
                "doc.yaml:2:36: 'thread' is no key of the resources. Did you mean 'threads'?"},
        Refusal{"NoRanks", "{ranks: 0}", kBad,
                "doc.yaml:2:43: expected a whole number, 1 or more but found the number 0"},
        Refusal{"HalfARank", "{ranks: 1.5}", kBad, "doc.yaml:2:43: expected a whole number, 1 or more"},
        Refusal{"RanksOfAnExpression", "{ranks: 2}", Category::bad_option,
                "doc.yaml:2:35: function 'y' asks for several ranks for one call, but takes no mpipe::Comm"},
        Refusal{"ARuleOfNothing", "{ranks: '1 + 1'}", kBad,
                "doc.yaml:2:43: the expression for the ranks uses no parameter"},
        Refusal{"ARuleOfSomethingElse", "{ranks: 2 * z}", Category::unknown_name,
                "doc.yaml:2:43: the rule for the ranks of function 'y' takes 'z', which is not one of its"},
        Refusal{"ARuleThatIsNoExpression", "{ranks: 2 *}", kBad, "doc.yaml:2:46:"},
        Refusal{"NoThreads", "{threads: 0}", kBad,
                "doc.yaml:2:45: expected a whole number, 1 or more but found the number 0"},
        Refusal{"HalfAThread", "{threads: 1.5}", kBad, "doc.yaml:2:45: expected a whole number, 1 or more"},
        Refusal{"TooManyThreads", "{threads: 3000000000}", kLarge, "doc.yaml:2:45: 3000000000 is too large"},
        Refusal{"NegativeGpus", "{gpus: -1}", kBad,
                "doc.yaml:2:42: expected a whole number, 0 or more but found the number -1"}),
    name_of);

INSTANTIATE_TEST_SUITE_P(
    Memory, ResourceRefusals,
    ::testing::Values(
        Refusal{"NoMemory", "{memory: 0}", kBad, "doc.yaml:2:44: expected an amount of memory such as 2GB"},
        Refusal{"NegativeMemory", "{memory: -2GB}", kBad, "doc.yaml:2:44: expected an amount of memory"},
        Refusal{"MemoryInWords", "{memory: much}", kBad, "but found 'much'"},
        Refusal{"MemoryThatIsAList", "{memory: [1]}", kBad, "doc.yaml:2:44: expected an amount of memory"},
        Refusal{"MemoryThatIsNothing", "{memory: }", kBad, "doc.yaml:2:36: expected an amount of memory"},
        Refusal{"UnknownUnitOfMemory", "{memory: 2gb}", kBad,
                "doc.yaml:2:44: 'gb' is no unit of memory. There are: B, kB, MB"},
        Refusal{"HexadecimalMemory", "{memory: 0x10}", kBad, "'x10' is no unit of memory."},
        Refusal{"TooMuchMemory", "{memory: 10000000TB}", kLarge, "doc.yaml:2:44: 10000000TB is too large"},
        Refusal{"MemoryBeyondAllNumbers", "{memory: 1e9999}", kLarge, "1e9999 is too large"}),
    name_of);

INSTANTIATE_TEST_SUITE_P(
    Time, ResourceRefusals,
    ::testing::Values(Refusal{"NoTime", "{time: 0}", kBad, "doc.yaml:2:42: expected a time such as 10min"},
                      Refusal{"NegativeTime", "{time: -3s}", kBad, "doc.yaml:2:42: expected a time"},
                      Refusal{"UnknownUnitOfTime", "{time: 3mins}", kBad,
                              "doc.yaml:2:42: 'mins' is no unit of time. Did you mean 'min'?"},
                      Refusal{"NoTimeOnTheClock", "{time: '00:00:00'}", kBad, "expected a time"},
                      Refusal{"SixtyMinutes", "{time: '01:60:00'}", kBad, "expected a time"},
                      Refusal{"MinutesAndSeconds", "{time: '10:30'}", kBad, "expected a time"},
                      Refusal{"NoHours", "{time: ':10:30'}", kBad, "expected a time"},
                      Refusal{"NegativeHours", "{time: '-1:10:30'}", kBad, "expected a time"},
                      Refusal{"TooManyHours", "{time: '99999999:00:00'}", kBad, "expected a time"},
                      Refusal{"TooManyDays", "{time: 200000d}", kLarge,
                              "doc.yaml:2:42: 200000d is too large"}),
    name_of);

}  // namespace
}  // namespace mpipe::test
