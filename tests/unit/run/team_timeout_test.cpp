// SPDX-License-Identifier: BSD-3-Clause
// How long rank 0 waits for teams of which a member threw.
#include "run/team_timeout.hpp"

#include <mpipe/core/error.hpp>

#include <gtest/gtest.h>

namespace mpipe {
namespace {

using namespace std::chrono_literals;

TeamNews failed(BlockId block, std::uint32_t attempt, int rank) {
  TeamNews news{block, attempt, Failure()};
  news.failure->output = "y";
  news.failure->index = {3};
  news.failure->message = "no mesh";
  news.failure->rank = rank;
  return news;
}
TeamNews all_back(BlockId block, std::uint32_t attempt) { return {block, attempt, std::nullopt}; }

struct Watched {
  TeamTimeout watch{30s};
  TimePoint now{};
  void hear(TeamNews news) { watch.on_news(news, now); }
  bool gives_up() const {
    try {
      watch.check(now);
      return false;
    } catch (const Error& error) {
      EXPECT_EQ(error.category(), Category::rank_lost);
      return true;
    }
  }
};

TEST(TeamTimeout, GivesUpWhenTheTimeIsOver) {
  Watched watched;
  EXPECT_FALSE(watched.gives_up());
  watched.hear(failed(1, 0, 4));
  watched.now += 29s;
  watched.hear(failed(1, 0, 2));  // which does not make the time longer
  EXPECT_FALSE(watched.gives_up());
  watched.now += 1s;
  EXPECT_TRUE(watched.gives_up());
  try {
    watched.watch.check(watched.now);
  } catch (const Error& error) {
    const std::string text = error.what();
    for (const char* part : {"'y' failed at y[3] on rank 2", "no mesh", "30.0 s"})
      EXPECT_NE(text.find(part), std::string::npos) << text;
  }
}

TEST(TeamTimeout, ForgetsWhatIsOver) {
  Watched watched;
  watched.hear(failed(1, 0, 4));
  watched.hear(failed(2, 0, 5));
  watched.watch.on_over(1);
  watched.watch.on_over(3);
  watched.now += 20s;
  watched.watch.on_over(2);
  watched.now += 20s;
  EXPECT_FALSE(watched.gives_up());
}

TEST(TeamTimeout, ATryThatAllCameBackFromIsOver) {
  Watched watched;
  watched.hear(failed(1, 0, 4));
  watched.hear(all_back(1, 0));
  watched.hear(failed(1, 0, 5));  // behind it, from another rank
  watched.now += 40s;
  EXPECT_FALSE(watched.gives_up());
  watched.hear(failed(1, 1, 4));
  watched.now += 30s;
  EXPECT_TRUE(watched.gives_up());
}

TEST(TeamTimeout, NewsOfTheNextTryMayComeFirst) {
  Watched watched;
  watched.hear(failed(1, 1, 4));
  watched.now += 10s;
  watched.hear(all_back(1, 0));
  watched.now += 25s;
  EXPECT_FALSE(watched.gives_up()) << "the time of the second try began with the end of the first";
  watched.now += 5s;
  EXPECT_TRUE(watched.gives_up());
}

}  // namespace
}  // namespace mpipe
