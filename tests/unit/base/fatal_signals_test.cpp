// SPDX-License-Identifier: BSD-3-Clause
// Tests of the last words of a process that crashes.
#include "base/api/fatal_signals.hpp"

#include <gtest/gtest.h>

#include <unistd.h>

#include <csignal>
#include <cstdlib>

namespace mpipe {
namespace {

void say(int number) {
  SignalLine line;
  line.add("signal ");
  line.add(Index{number});
  line.write(STDERR_FILENO);
}

volatile int deepest = -1;  // which no compiler knows

/// Uses up the stack; the pages are touched, so that it ends.
int recurse(int depth) {  // NOLINT(misc-no-recursion)
  if (depth == deepest) return 0;
  volatile char room[4096];
  room[0] = static_cast<char>(depth);
  return recurse(depth + 1) + room[0];
}

TEST(FatalSignalsDeathTest, AreToldOfAndThenDoWhatTheyDoWithout) {
  const auto crash = [](int number) {
    const FatalSignals signals(say);
    ::raise(number);
  };
  EXPECT_EXIT(crash(SIGSEGV), testing::KilledBySignal(SIGSEGV), "signal 11");
  EXPECT_EXIT(crash(SIGABRT), testing::KilledBySignal(SIGABRT), "signal 6");
}

TEST(FatalSignalsDeathTest, AreToldOfWhereTheStackHasRunOver) {
  const auto crash = [] {
    const FatalSignals signals(say);
    std::exit(recurse(0));
  };
  EXPECT_EXIT(crash(), testing::KilledBySignal(SIGSEGV), "signal 11");
}

TEST(FatalSignals, GiveBackWhatWasThere) {
  struct sigaction before {};
  struct sigaction after {};
  ::sigaction(SIGSEGV, nullptr, &before);
  { const FatalSignals signals(say); }
  ::sigaction(SIGSEGV, nullptr, &after);
  EXPECT_EQ(before.sa_handler, after.sa_handler);
}

TEST(SignalLine, LeavesOutWhatDoesNotFit) {
  int ends[2];
  ASSERT_EQ(::pipe(ends), 0);
  SignalLine line;
  for (int k = 0; k < 200; ++k) line.add("0123456789");
  line.write(ends[1]);
  char text[4096];
  const auto size = ::read(ends[0], text, sizeof text);
  EXPECT_EQ(size, 1024);
  EXPECT_EQ(text[1023], '\n');
  ::close(ends[0]);
  ::close(ends[1]);
}

}  // namespace
}  // namespace mpipe
