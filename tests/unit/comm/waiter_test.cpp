// SPDX-License-Identifier: BSD-3-Clause
// Waits poll at first, then back off, and give up at their limit.
#include "comm/api/waiter.hpp"

#include "support/expect_error.hpp"

#include <cstdlib>
#include <optional>
#include <string>

namespace mpipe {
namespace {

using namespace std::chrono_literals;

// Polls as somebody does to whom nothing comes; stops when `done` says so, and after so many polls anyhow.
template <class Done>
bool polls_until(Waiter& waiter, const Done& done) {
  for (int poll = 0; poll < 500'000'000; ++poll) {
    const Duration pause = waiter.next_pause();
    if (done(pause)) return true;
  }
  return false;
}

TEST(Waiter, polls_without_pause_at_first) {
  Waiter waiter;
  for (int poll = 1; poll < 64; ++poll) {
    EXPECT_EQ(waiter.next_pause(), 0ns);
    EXPECT_FALSE(waiter.looked());
  }
  EXPECT_EQ(waiter.next_pause(), 0ns);
  EXPECT_TRUE(waiter.looked());  // at every 64th poll
  EXPECT_EQ(waiter.waited(), 0ns);
  EXPECT_FALSE(waiter.expired());
}

TEST(Waiter, backs_off_after_a_millisecond) {
  Waiter waiter;
  Duration pause{};
  ASSERT_TRUE(polls_until(waiter, [&](Duration next) {
    pause = next;
    return next > 0ns;
  }));
  EXPECT_GE(waiter.waited(), 1ms);
  EXPECT_GE(pause, 20us);
  EXPECT_LE(pause, 1ms);
  EXPECT_EQ(pause, std::clamp<Duration>(waiter.waited() / 50, 20us, 1ms));
  EXPECT_TRUE(waiter.looked());
  EXPECT_GT(waiter.next_pause(), 0ns);  // from now on at every poll
  EXPECT_TRUE(waiter.looked());
}

TEST(Waiter, spins_where_it_is_told_to) {
  Waiter waiter({.mode = WaitMode::spin});
  ASSERT_TRUE(polls_until(waiter, [&](Duration pause) {
    EXPECT_EQ(pause, 0ns);
    return waiter.waited() > 2ms || pause > 0ns;
  }));
}

TEST(Waiter, starts_anew_when_something_happens) {
  Waiter waiter({.limit = 1ms});
  ASSERT_TRUE(polls_until(waiter, [&](Duration) { return waiter.expired(); }));
  waiter.reset();
  EXPECT_EQ(waiter.waited(), 0ns);
  EXPECT_FALSE(waiter.expired());
  EXPECT_EQ(waiter.next_pause(), 0ns);
  EXPECT_FALSE(waiter.looked());
}

TEST(Waiter, gives_up_at_its_limit_and_not_before) {
  Waiter waiter({.limit = 1ms});
  ASSERT_TRUE(polls_until(waiter, [&](Duration) { return waiter.expired(); }));
  EXPECT_GT(waiter.waited(), 1ms);

  Waiter patient({.limit = 1h});
  Waiter without_limit;
  for (Waiter* other : {&patient, &without_limit}) {
    ASSERT_TRUE(polls_until(*other, [&](Duration) { return other->waited() > 2ms; }));
    EXPECT_FALSE(other->expired());
  }
}

TEST(Waiter, idle_pauses_itself) {
  Waiter waiter;
  while (waiter.waited() < 1ms) waiter.idle();
  EXPECT_TRUE(waiter.idle());  // it has slept, for some 20 us
}

// Sets variables of the environment while it lives.
class Environment {
 public:
  Environment(const char* name, std::optional<std::string> value) : name_(name) {
    if (const char* before = std::getenv(name)) before_ = before;
    set(value);
  }
  ~Environment() { set(before_); }
  Environment(const Environment&) = delete;
  Environment& operator=(const Environment&) = delete;

 private:
  void set(const std::optional<std::string>& value) const {
    value ? setenv(name_, value->c_str(), 1) : unsetenv(name_);
  }
  const char* name_;
  std::optional<std::string> before_;
};

WaitOptions options_with(std::optional<std::string> mode, std::optional<std::string> limit) {
  const Environment mode_variable("MPIPE_WAIT", std::move(mode));
  const Environment limit_variable("MPIPE_WAIT_LIMIT", std::move(limit));
  return wait_options_from_environment();
}

TEST(WaitOptions, from_the_environment) {
  EXPECT_EQ(options_with({}, {}).mode, WaitMode::backoff);
  EXPECT_EQ(options_with({}, {}).limit, 0ns);
  EXPECT_EQ(options_with("spin", {}).mode, WaitMode::spin);
  EXPECT_EQ(options_with("backoff", {}).mode, WaitMode::backoff);
  EXPECT_EQ(options_with({}, "2.5").limit, 2500ms);
  EXPECT_EQ(options_with({}, "0").limit, 0ns);
  EXPECT_EQ(options_with("spin", "1e3").limit, 1000s);
}

TEST(WaitOptions, that_make_no_sense_are_refused) {
  for (const char* mode : {"", "Spin", "sleep", "spin "}) {
    const std::string message = test::error_message(Category::bad_option, [&] { options_with(mode, {}); });
    EXPECT_TRUE(test::contains(message, "MPIPE_WAIT ")) << mode;
  }
  for (const char* limit : {"", "-1", "nan", "inf", "5s", "1e10", " 1", "soon"}) {
    const std::string message = test::error_message(Category::bad_option, [&] { options_with({}, limit); });
    EXPECT_TRUE(test::contains(message, "MPIPE_WAIT_LIMIT")) << limit;
  }
}

}  // namespace
}  // namespace mpipe
