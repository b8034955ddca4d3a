// SPDX-License-Identifier: BSD-3-Clause
// Amounts of memory and time, and moments, from the texts that people write.
#include "core/api/quantity.hpp"

#include "support/expect_error.hpp"

#include <gtest/gtest.h>

#include <cstdlib>

namespace mpipe::test {
namespace {

using std::chrono::hours;
using std::chrono::minutes;
using std::chrono::seconds;

TEST(Quantity, ReadsMemoryAndTime) {
  EXPECT_EQ(parse_memory("2GB"), 2'000'000'000U);
  EXPECT_EQ(parse_memory("1.5 KiB"), 1536U);
  EXPECT_EQ(parse_memory("4096"), 4096U);
  EXPECT_EQ(parse_time("90"), seconds(90));
  EXPECT_EQ(parse_time("1.5h"), minutes(90));
  EXPECT_EQ(parse_time("01:30:00"), minutes(90));
  EXPECT_EQ(parse_time("2-12:00:01"), hours(60) + seconds(1));
}

TEST(Quantity, ReadsShares) {
  EXPECT_EQ(parse_share("50%"), 0.5);
  EXPECT_EQ(parse_share("12.5%"), 0.125);
  EXPECT_EQ(parse_share("2GB"), std::nullopt);
  for (const char* text : {"%", "0%", "-5%", "101%", "nan%", "5 %", "1e999%", "half%"})
    EXPECT_NE(error_message(Category::bad_option, [&] { parse_share(text); }), "") << text;
}

TEST(Quantity, ReadsMoments) {
  const WallTime now{seconds(1'000'000)};
  EXPECT_EQ(parse_moment("90", now), now + seconds(90));
  EXPECT_EQ(parse_moment("1-00:00:10", now), now + hours(24) + seconds(10));
  EXPECT_EQ(parse_moment("@1764576000", now), WallTime{seconds(1'764'576'000)});
  ::setenv("TZ", "UTC", 1);
  EXPECT_EQ(parse_moment("2025-12-01T08:00", now), WallTime{seconds(1'764'576'000)});
  EXPECT_EQ(parse_moment("2025-12-01T08:00:05", now), WallTime{seconds(1'764'576'005)});
}

TEST(Quantity, RefusesWhatIsNoMoment) {
  for (const char* text : {"", "-5", "soon", "@", "@1e9", "@99999999999999999999", "2025-13-01T08:00",
                           "2025-12-01T08:00Z", "2025-12-01T", "1-2-3:00:00", "12:60:00"})
    EXPECT_NE(error_message(Category::bad_option, [&] { parse_moment(text, {}); }), "") << text;
  EXPECT_NE(error_message(Category::too_large, [&] { parse_moment("1e300d", {}); }), "");
}

TEST(Quantity, PartsAreCountedFromOne) {
  using Part = std::pair<std::int64_t, std::int64_t>;
  EXPECT_EQ(parse_part("2/4"), Part(2, 4));
  EXPECT_EQ(parse_part("1/1"), Part(1, 1));
  EXPECT_EQ(parse_part("1000000/1000000"), Part(1'000'000, 1'000'000));
  for (const char* text : {"", "/", "1", "1/", "/2", "0/2", "3/2", "-1/2", "1/2/3", " 1/2", "1/2 ", "1.0/2",
                           "1/1000001", "1/99999999999999999999"})
    EXPECT_TRUE(contains(error_message(Category::bad_option, [&] { parse_part(text); }), "K of N")) << text;
}

}  // namespace
}  // namespace mpipe::test
