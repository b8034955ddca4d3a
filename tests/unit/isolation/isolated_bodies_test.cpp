// SPDX-License-Identifier: BSD-3-Clause
// Functions that crash, hang, eat memory or throw, each in processes of its own.
#include "isolation/api/isolated_bodies.hpp"

#include "isolation/api/zygote.hpp"
#include "schedule/api/block_policy.hpp"
#include "unit/exec/local_run.hpp"

#include <dirent.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include <atomic>
#include <chrono>
#include <csignal>
#include <cstdlib>
#include <fstream>
#include <new>
#include <stdexcept>
#include <thread>

namespace mpipe::test {
namespace {

/// Of the test program, before anything else: as `Environment` does.
const std::shared_ptr<Zygote>& early() {
  static const std::shared_ptr<Zygote> zygote = Zygote::start(Zygote::Moment::early);
  return zygote;
}

struct TroubleMaker {
  std::string name;
  double (*trouble)(double x);
  std::string message;  ///< what is told of it
};

double at_three(double x, void (*trouble)()) {
  if (x == 3) trouble();
  return 10 * x;
}

double segfaults(double x) {
  return at_three(x, [] { ::raise(SIGSEGV); });
}
double aborts(double x) {
  return at_three(x, [] { std::abort(); });
}
double exits(double x) {
  return at_three(x, [] { std::exit(3); });
}
double quits(double x) {
  return at_three(x, [] { ::_exit(0); });
}
double terminates(double x) {
  return at_three(x, [] { std::terminate(); });
}
double hangs(double x) {
  return at_three(x, [] {
    for (;;) ::pause();
  });
}
double closes_everything(double x) {
  return at_three(x, [] {
    ::close_range(3, ~0U, 0);
    for (;;) ::pause();
  });
}
double throws(double x) {
  return at_three(x, [] { throw std::out_of_range("no solution for 3"); });
}

/// A function of x, called in blocks of all five elements.
class IsolatedRun {
 public:
  IsolatedRun(Function function, const std::shared_ptr<Zygote>& zygote, ChildLife life = ChildLife::one_call,
              BlockRunnerOptions options = {.keep_going = true})
      : function_(std::move(function.parameters("x").mapspec("x[i] -> y[i]"))),
        bodies_(zygote),
        run_({function_}, {{"x", std::vector<double>{1, 2, 3, 4, 5}}}, nullptr,
             with_body(std::move(options), life)) {
    run_.runner.prepare_wave(0, {});
  }

  BlockReport compute() { return run_.compute("y", 0, 5); }
  std::vector<double> values() { return run_.value("y").as<std::vector<double>>(); }
  bool forked_late() const { return bodies_.forked_late(); }
  LocalRun& run() { return run_; }

 private:
  BlockRunnerOptions with_body(BlockRunnerOptions options, ChildLife life) {
    options.bodies = {{bodies_.isolate(function_, life), life == ChildLife::one_call}};
    return options;
  }

  Function function_;
  IsolatedBodies bodies_;
  LocalRun run_;
};

/// One element has failed with this message, and all others have their values.
void expect_only_third_failed(IsolatedRun& run, const BlockReport& report, const std::string& message) {
  EXPECT_FALSE(report.failure.has_value()) << report.failure->message;
  ASSERT_EQ(report.failed.size(), 1u);
  EXPECT_EQ(report.failed[0].elements, (RangeSet{IndexRange{2, 3}}));
  ASSERT_EQ(report.details.size(), 1u);
  EXPECT_EQ(report.details[0].message, message);
  EXPECT_EQ(report.details[0].arguments, "x=3");
  EXPECT_EQ(report.details[0].category, Category::function_raised);
  const auto values = run.values();
  for (const std::size_t k : {0, 1, 3, 4}) EXPECT_EQ(values[k], 10 * (static_cast<double>(k) + 1));
}

class Trouble : public testing::TestWithParam<std::tuple<TroubleMaker, ChildLife>> {};

TEST_P(Trouble, CostsItsElementOnly) {
  const auto& [maker, life] = GetParam();
  IsolatedRun run(function("y", maker.trouble), early(), life);
  EXPECT_FALSE(run.forked_late());
  for (int round = 0; round < 2; ++round) expect_only_third_failed(run, run.compute(), maker.message);
}

TEST_P(Trouble, CostsItsElementOnlyWhereThisProcessIsForked) {
  const auto& [maker, life] = GetParam();
  const auto trouble = maker.trouble;
  IsolatedRun run(function("y", [trouble](double x) { return trouble(x); }), early(), life);
  EXPECT_TRUE(run.forked_late());
  expect_only_third_failed(run, run.compute(), maker.message);
}

INSTANTIATE_TEST_SUITE_P(
    Isolated, Trouble,
    testing::Combine(testing::Values(TroubleMaker{"Segfault", segfaults, "killed by signal 11 (SIGSEGV)"},
                                     TroubleMaker{"Abort", aborts, "killed by signal 6 (SIGABRT)"},
                                     TroubleMaker{"Exit", exits, "ended by exit(3)"},
                                     TroubleMaker{"Quit", quits, "ended by exit(0)"},
                                     TroubleMaker{"Terminate", terminates, "killed by signal 6 (SIGABRT)"},
                                     TroubleMaker{"Throw", throws, "no solution for 3"}),
                     testing::Values(ChildLife::one_call, ChildLife::many)),
    [](const auto& test) {
      return std::get<0>(test.param).name +
             (std::get<1>(test.param) == ChildLife::many ? "InKeptChild" : "InOwnChild");
    });

TEST(Isolated, TimeIsLimitedPerElement) {
  for (auto* const trouble : {hangs, closes_everything}) {
    IsolatedRun run(function("y", trouble).resources({.time = std::chrono::milliseconds(700)}), early());
    const BlockReport report = run.compute();
    expect_only_third_failed(
        run, report,
        trouble == hangs ? "timed out after 0.7 s" : "its process closed what it answers by, and was killed");
  }
}

TEST(Isolated, ExceptionsKeepTypeMessageAndCategory) {
  IsolatedRun run(function("y", throws), early());
  const BlockReport report = run.compute();
  ASSERT_EQ(report.details.size(), 1u);
  EXPECT_EQ(report.details[0].type, "std::out_of_range");
}

TEST(Isolated, RaiseStopsAtTheElement) {
  IsolatedRun run(function("y", segfaults), early(), ChildLife::one_call, {});
  const BlockReport report = run.compute();
  EXPECT_EQ(report.completed, 2);
  ASSERT_TRUE(report.failure.has_value());
  EXPECT_EQ(report.failure->element, 2);
  EXPECT_EQ(report.failure->type, "mpipe::ProcessDied");
}

#if !defined(__SANITIZE_ADDRESS__)  // which ends the process itself
double eats(double x) {
  if (x != 3) return 10 * x;
  std::vector<std::vector<char>> all;
  for (;;) all.emplace_back(1'000'000, 'x');
}

TEST(Isolated, MemoryIsLimited) {
  for (const auto life : {ChildLife::one_call, ChildLife::many}) {
    IsolatedRun run(function("y", eats).resources({.memory = 100'000'000}), early(), life);
    expect_only_third_failed(run, run.compute(), "out of memory (limit 100 MB)");
    expect_only_third_failed(run, run.compute(), "out of memory (limit 100 MB)");
  }
}
#endif

TEST(Isolated, RetriesBeginInNewProcesses) {
  void* const shared =
      ::mmap(nullptr, sizeof(std::atomic<int>), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
  auto* const crashes = new (shared) std::atomic<int>(0);
  // The whole block, the element by itself, and then a second try.
  const auto crash_twice = [crashes](double x) {
    if (x == 3 && ++*crashes <= 2) std::abort();
    return 10 * x;
  };
  IsolatedRun run(function("y", crash_twice), early(), ChildLife::one_call,
                  {.keep_going = true, .retries = 1});
  EXPECT_TRUE(run.compute().failed.empty());
  EXPECT_EQ(run.values(), (std::vector<double>{10, 20, 30, 40, 50}));
  EXPECT_EQ(*crashes, 3);
  ::munmap(shared, sizeof(std::atomic<int>));
}

// ---- what goes there and back

/// What a function computes isolated is what it computes here, byte for byte.
template <class F>
void expect_same(F callable, const std::vector<std::string>& names, const std::string& mapspec,
                 const Inputs& inputs, const std::string& output = "y") {
  Function plain = function(output, callable);
  plain.parameters(names).mapspec(mapspec);
  LocalRun here({plain}, inputs, nullptr, {.seed = 7});
  here.run(1000);
  for (const Index block : {1, 3, 1000})
    for (const auto life : {ChildLife::one_call, ChildLife::many}) {
      IsolatedBodies bodies(early());
      BlockRunnerOptions options{.seed = 7};
      options.bodies = {{bodies.isolate(plain, life), life == ChildLife::one_call}};
      LocalRun there({plain}, inputs, nullptr, std::move(options));
      there.run(block);
      EXPECT_EQ(there.value(output), here.value(output)) << mapspec << " in blocks of " << block;
    }
}

TEST(IsolatedValues, NumbersAndBroadcasts) {
  expect_same(
      [](double a, std::int32_t b, bool c) { return c ? a + b : a - b; }, {"a", "b", "c"},
      "a[i], b[j] -> y[i, j]",
      {{"a", std::vector<double>{1, 2, 3, 4}}, {"b", std::vector<std::int32_t>{5, 6, 7}}, {"c", true}});
}

TEST(IsolatedValues, RowsAndColumnsOfAMatrix) {
  const auto sum = [](ArrayView<const double> values) {
    double total = 0;
    for (const double value : values) total = total / 2 + value;
    return total;
  };
  const Inputs inputs{{"m", numbered<double>({5, 40})}};
  expect_same(sum, {"m"}, "m[i, :] -> y[i]", inputs);
  expect_same(sum, {"m"}, "m[:, j] -> y[j]", inputs);
}

TEST(IsolatedValues, TextsInAndOut) {
  const auto join = [](ArrayView<const std::string> texts, const std::string& end) {
    std::string all;
    for (const std::string& text : texts) all += text + ";";
    return all + end;
  };
  const Inputs inputs{{"t", numbered_texts({6, 30})}, {"end", std::string("e")}};
  expect_same(join, {"t", "end"}, "t[i, :] -> y[i]", inputs);
  expect_same(join, {"t", "end"}, "t[:, j] -> y[j]", inputs);
}

TEST(IsolatedValues, ArraysAsElementsAndAsItems) {
  expect_same([](std::int64_t n) { return std::vector<std::int64_t>(static_cast<std::size_t>(n), n); }, {"n"},
              "n[i] -> y[i]", {{"n", std::vector<std::int64_t>{0, 3, 1, 2}}});
  expect_same(
      [](double x) {
        return std::vector<std::string>{std::to_string(x), "", "b"};
      },
      {"x"}, "x[i] -> y[i, k]", {{"x", std::vector<double>{1, 2, 3, 4}}});
  expect_same(
      [](double x) {
        return Array<double>({2, 3}, std::vector<double>(6, x).begin());
      },
      {"x"}, "x[i] -> y[i, k, l]", {{"x", std::vector<double>{1, 2, 3, 4}}});
}

TEST(IsolatedValues, LargeOnesGoThroughMemory) {
  expect_same(
      [](ArrayView<const double> values, double x) {
        std::vector<double> result(values.begin(), values.end());
        for (double& value : result) value += x;
        return result;
      },
      {"values", "x"}, "values[:], x[i] -> y[i, k]",
      {{"values", numbered<double>({200'000})}, {"x", std::vector<double>{1, 2, 3}}});
}

TEST(IsolatedValues, RandomNumbersAreThoseOfTheElement) {
  expect_same([](double x, Random random) { return x + random.uniform(); }, {"x"}, "x[i] -> y[i]",
              {{"x", std::vector<double>{1, 2, 3, 4, 5, 6, 7}}});
}

// ---- processes and descriptors

int open_descriptors() {
  int count = 0;
  DIR* const directory = ::opendir("/proc/self/fd");
  while (::readdir(directory) != nullptr) ++count;
  ::closedir(directory);
  return count;
}

/// Children of a process, those too that nobody has waited for.
int children_of(pid_t pid) {
  int count = 0;
  DIR* const processes = ::opendir("/proc");
  while (const dirent* entry = ::readdir(processes)) {
    std::ifstream stat("/proc/" + std::string(entry->d_name) + "/stat");
    std::string number, name, state;
    pid_t parent = 0;
    if (stat >> number >> name >> state >> parent && parent == pid) ++count;
  }
  ::closedir(processes);
  return count;
}

int descriptors_of(pid_t pid) {
  int count = 0;
  DIR* const directory = ::opendir(("/proc/" + std::to_string(pid) + "/fd").c_str());
  if (directory == nullptr) return -1;
  while (::readdir(directory) != nullptr) ++count;
  ::closedir(directory);
  return count;
}

template <class Condition>
bool comes_true(const Condition& condition) {
  for (int k = 0; k < 2000; ++k) {
    if (condition()) return true;
    std::this_thread::sleep_for(std::chrono::milliseconds(5));
  }
  return false;
}

TEST(IsolatedProcesses, ThousandsLeaveNothingBehind) {
  const auto zygote = Zygote::start(Zygote::Moment::early);
  const auto quit = [](Channel) {};
  zygote->spawn(quit).status();  // from here on it has closed what it does not need
  ASSERT_TRUE(comes_true([&] { return children_of(zygote->pid()) == 0; }));
  const int before = open_descriptors();
  const int zygotes_before = descriptors_of(zygote->pid());
  constexpr int many = 10'000;
  for (int k = 0; k < many; ++k) {
    ChildProcess child = zygote->spawn(quit);
    if (k % 100 != 0) continue;
    Channel::Message none;
    EXPECT_EQ(child.receive(none), Arrival::closed);
    EXPECT_EQ(child.status(), std::optional(0));
  }
  EXPECT_EQ(open_descriptors(), before);
  EXPECT_TRUE(comes_true([&] { return children_of(zygote->pid()) == 0; })) << children_of(zygote->pid());
  EXPECT_TRUE(comes_true([&] { return descriptors_of(zygote->pid()) <= zygotes_before; }));
}

TEST(IsolatedProcesses, EndWithTheProcessThatOwnsThem) {
  int pids[2];
  int pipe[2];
  ASSERT_EQ(::pipe(pipe), 0);
  const pid_t owner = ::fork();
  if (owner == 0) {
    const auto zygote = Zygote::start(Zygote::Moment::early);
    ChildProcess child = zygote->spawn([](Channel channel) {
      channel.send(1, std::span<const std::byte>());
      for (;;) ::pause();
    });
    Channel::Message begun;
    if (child.receive(begun) != Arrival::message) ::_exit(1);
    const int told[2] = {zygote->pid(), child.pid()};
    static_cast<void>(::write(pipe[1], told, sizeof told) < 0);
    ::raise(SIGKILL);
  }
  ASSERT_EQ(::read(pipe[0], pids, sizeof pids), static_cast<ssize_t>(sizeof pids));
  ::waitpid(owner, nullptr, 0);
  ::close(pipe[0]);
  ::close(pipe[1]);
  const auto is_gone = [](pid_t pid) {
    std::ifstream stat("/proc/" + std::to_string(pid) + "/stat");
    std::string number, name, state;
    return !(stat >> number >> name >> state) || state == "Z";
  };
  for (const pid_t pid : pids) EXPECT_TRUE(comes_true([&] { return is_gone(pid); })) << pid;
}

TEST(IsolatedProcesses, HaveDefaultSignalsAndNoStandardInput) {
  ::signal(SIGTERM, SIG_IGN);
  const auto zygote = Zygote::start(Zygote::Moment::early);
  ::signal(SIGTERM, SIG_DFL);
  ChildProcess child = zygote->spawn([](Channel channel) {
    char byte = 0;
    const bool ends = ::read(STDIN_FILENO, &byte, 1) == 0;
    const bool alone = ::getpgrp() == ::getppid();  // the zygote's, not that of the launcher
    const std::byte answer{static_cast<unsigned char>(ends && alone ? 1 : 0)};
    channel.send(1, std::span(&answer, 1));
    ::raise(SIGTERM);
  });
  Channel::Message message;
  ASSERT_EQ(child.receive(message), Arrival::message);
  EXPECT_EQ(message.bytes()[0], std::byte{1});
  EXPECT_EQ(child.receive(message), Arrival::closed);
  const auto status = child.status();
  ASSERT_TRUE(status.has_value());
  EXPECT_TRUE(WIFSIGNALED(*status) && WTERMSIG(*status) == SIGTERM);
}

TEST(IsolatedProcesses, ALostZygoteIsToldNotWaitedFor) {
  const auto zygote = Zygote::start(Zygote::Moment::early);
  ::kill(zygote->pid(), SIGKILL);
  try {
    for (;;) zygote->spawn([](Channel) {});
  } catch (const Error& error) {
    EXPECT_EQ(error.category(), Category::not_supported);
    EXPECT_NE(std::string(error.what()).find("has ended"), std::string::npos) << error.what();
  }
}

TEST(IsolatedProcesses, AZygoteThatHasEndedIsReplacedByALateOne) {
  const auto zygote = Zygote::start(Zygote::Moment::early);
  ChildProcess child = zygote->spawn([](Channel) {
    for (;;) ::pause();
  });
  zygote->end();
  Channel::Message none;
  EXPECT_EQ(child.receive(none), Arrival::closed);
  EXPECT_THROW(zygote->spawn([](Channel) {}), Error);
  IsolatedRun run(function("y", segfaults), zygote);
  EXPECT_TRUE(run.forked_late());
  expect_only_third_failed(run, run.compute(), "killed by signal 11 (SIGSEGV)");
}

Pipeline numbered_pipeline(std::span<const std::byte> text) {
  const double factor = static_cast<double>(text.size());
  return {function("y",
                   [factor](double x) {
                     if (x == 3) std::abort();
                     return factor * x;
                   })
              .parameters("x")
              .mapspec("x[i] -> y[i]")};
}

TEST(IsolatedProcesses, FindFunctionsOfAPipelineThatTheZygoteMadeItself) {
  const auto zygote = Zygote::start(Zygote::Moment::early);
  const std::vector<std::byte> ten(10);
  const Pipeline pipeline = numbered_pipeline(ten);
  make_in_zygote(*zygote, pipeline, numbered_pipeline, ten);
  IsolatedRun run(pipeline.functions()[0].function, zygote);
  EXPECT_FALSE(run.forked_late());
  expect_only_third_failed(run, run.compute(), "killed by signal 6 (SIGABRT)");
}

TEST(IsolatedProcesses, AreFewForManyShortElements) {
  constexpr Index count = 100'000;
  Function times_ten = function("y", [](double x) { return 10 * x; });
  times_ten.parameters("x").mapspec("x[i] -> y[i]");
  IsolatedBodies bodies(early());
  BlockRunnerOptions options;
  options.bodies = {{bodies.isolate(times_ten, ChildLife::one_call), true}};
  LocalRun run({times_ten}, {{"x", std::vector<double>(count, 2)}}, nullptr, std::move(options));
  run.runner.prepare_wave(0, {});
  BlockPolicy policy;
  int blocks = 0;
  for (Index done = 0; done < count; ++blocks) {
    const Index size = policy.size(count - done, 2);
    const auto start = std::chrono::steady_clock::now();
    EXPECT_FALSE(run.compute("y", done, done + size).failure);
    policy.on_measured(size, std::chrono::steady_clock::now() - start);
    done += size;
  }
  EXPECT_LT(blocks, 1000);  // with the cost of a process taken for that of an element: 100000
}

// ---- what functions leave behind, and what the job lacks

bool is_gone(pid_t pid) {
  std::ifstream stat("/proc/" + std::to_string(pid) + "/stat");
  std::string number, name, state;
  return !(stat >> number >> name >> state) || state == "Z";
}

/// Memory that children share with the test.
struct Shared {
  std::atomic<int> helper{0};
  std::atomic<int> daemon{0};
  std::atomic<int> calls{0};
};
Shared& shared() {
  static auto* const memory =
      new (::mmap(nullptr, sizeof(Shared), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0)) Shared;
  return *memory;
}

/// Starts a helper, and a daemon that has left session, group and parent.
void leave_processes() {
  if (const pid_t helper = ::fork(); helper == 0) {
    for (;;) ::pause();
  } else {
    shared().helper = helper;
  }
  shared().daemon = 0;
  if (::fork() == 0) {
    ::setsid();
    if (::fork() == 0) {
      shared().daemon = ::getpid();
      for (;;) ::pause();
    }
    ::_exit(0);
  }
  while (shared().daemon == 0) ::usleep(1000);
}

TEST(Descendants, EndWithTheCall) {
  shared();
  const auto zygote = Zygote::start(Zygote::Moment::early);  // has the memory that is shared
  for (const auto life : {ChildLife::one_call, ChildLife::many}) {
    IsolatedRun run(function("y", [](double x) { return at_three(x, leave_processes); }), zygote, life);
    EXPECT_TRUE(run.compute().failed.empty());
    EXPECT_TRUE(is_gone(shared().helper)) << shared().helper;
    EXPECT_TRUE(is_gone(shared().daemon)) << shared().daemon;
  }
  const auto hangs_too = [](double x) {
    return at_three(x, [] {
      leave_processes();
      for (;;) ::pause();
    });
  };
  IsolatedRun run(function("y", hangs_too).resources({.time = std::chrono::milliseconds(700)}), zygote);
  expect_only_third_failed(run, run.compute(), "timed out after 0.7 s");
  EXPECT_TRUE(is_gone(shared().helper)) << shared().helper;
  EXPECT_TRUE(is_gone(shared().daemon)) << shared().daemon;
}

TEST(Descendants, EndWithTheOwnerThatIsKilled) {
  shared().daemon = 0;
  const pid_t owner = ::fork();
  if (owner == 0) {
    const auto zygote = Zygote::start(Zygote::Moment::early);
    ChildProcess child = zygote->spawn([](Channel) {
      leave_processes();
      for (;;) ::pause();
    });
    for (;;) ::pause();
  }
  ASSERT_TRUE(comes_true([] { return shared().daemon != 0; }));
  ::kill(owner, SIGKILL);
  ::waitpid(owner, nullptr, 0);
  EXPECT_TRUE(comes_true([] { return is_gone(shared().daemon) && is_gone(shared().helper); }));
}

double kills_the_zygote_once(double x) {
  if (x == 3 && shared().calls++ == 0) ::kill(::getppid(), SIGKILL);
  return 10 * x;
}
double kills_the_zygote(double x) {
  return at_three(x, [] {
    ::kill(::getppid(), SIGKILL);
    for (;;) ::pause();
  });
}

TEST(LostZygote, IsReplacedOnceForEachCause) {
  shared().calls = 0;
  const auto zygote = Zygote::start(Zygote::Moment::early);
  {
    IsolatedRun run(function("y", kills_the_zygote_once), zygote);
    EXPECT_TRUE(run.compute().failed.empty());
    EXPECT_EQ(run.values(), (std::vector<double>{10, 20, 30, 40, 50}));
    EXPECT_TRUE(run.compute().failed.empty());  // in children of the one that took its place
  }
  // Between two calls.
  const auto idle = Zygote::start(Zygote::Moment::early);
  IsolatedRun run(function("y", throws), idle);
  ::kill(idle->pid(), SIGKILL);
  expect_only_third_failed(run, run.compute(), "no solution for 3");
}

TEST(LostZygote, IsTheFailureOfTheElementThatEndsItAgain) {
  IsolatedRun run(function("y", kills_the_zygote), Zygote::start(Zygote::Moment::early));
  expect_only_third_failed(run, run.compute(),
                           "the process that forks isolated functions ended with it: killed by signal 9");
}

/// Takes descriptors until so many are left.
class FewDescriptors {
 public:
  explicit FewDescriptors(rlim_t left) {
    ::getrlimit(RLIMIT_NOFILE, &before_);
    const int next = ::dup(0);
    ::close(next);
    rlimit limit = before_;
    limit.rlim_cur = static_cast<rlim_t>(next) + left;
    ::setrlimit(RLIMIT_NOFILE, &limit);
  }
  ~FewDescriptors() { ::setrlimit(RLIMIT_NOFILE, &before_); }
  FewDescriptors(const FewDescriptors&) = delete;
  FewDescriptors& operator=(const FewDescriptors&) = delete;

 private:
  rlimit before_{};
};

TEST(Shortage, OfDescriptorsWaitsForOtherChildren) {
  IsolatedRun run(function("y",
                           [](double x) {
                             ::usleep(20'000);
                             return 10 * x;
                           }),
                  early());
  const FewDescriptors few(10);
  std::vector<std::thread> threads;
  std::atomic<int> failed = 0;
  for (int k = 0; k < 12; ++k) {
    threads.emplace_back([&] {
      const BlockReport report = run.run().compute("y", 0, 5);
      failed += static_cast<int>(report.failed.size()) + (report.failure ? 1 : 0);
    });
  }
  for (std::thread& thread : threads) thread.join();
  EXPECT_EQ(failed, 0);
}

TEST(Shortage, ThatDoesNotEndEndsTheRunAndFailsNoElement) {
  IsolatedRun run(function("y", segfaults), early());
  const FewDescriptors none(1);
  const BlockReport report = run.compute();
  EXPECT_TRUE(report.failed.empty());
  ASSERT_TRUE(report.failure.has_value());
  EXPECT_EQ(report.failure->category, Category::rank_lost);
  EXPECT_EQ(exit_code(report.failure->category), 5);
  EXPECT_NE(report.failure->message.find("ulimit -n"), std::string::npos) << report.failure->message;
}

}  // namespace
}  // namespace mpipe::test
