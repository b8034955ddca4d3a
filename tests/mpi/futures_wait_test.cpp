// SPDX-License-Identifier: BSD-3-Clause
// Waiting for several futures. Times are far apart, so that the order holds on a loaded machine.
#include "mpi/futures_support.hpp"

#include <algorithm>

namespace mpipe::test {
namespace {

/// Futures in each state that is final.
struct Finals {
  explicit Finals(MPICommExecutor& ranks) : pool(ranks, {.max_workers = 1}) {
    const Future<void> busy = pool.submit(nap, 30);
    cancelled = pool.submit(mul, 1, 1);
    EXPECT_TRUE(cancelled->cancel());
    finished = pool.submit(mul, 6, 7);
    failed = pool.submit(divide, 1, 0);
    EXPECT_EQ(finished->result(), 42);
    EXPECT_NE(failed->exception(), nullptr);
    EXPECT_TRUE(busy.done());
  }
  MPIPoolExecutor pool;
  std::optional<Future<int>> cancelled, finished, failed;
};

Future<int> napping(MPIPoolExecutor& pool, int milliseconds) {
  return pool.submit([](int time) { return nap(time), time; }, milliseconds);
}

TEST(Wait, for_the_first) {
  on_root_of(world(), 0, [](MPICommExecutor& ranks) {
    const Finals finals(ranks);
    MPIPoolExecutor pool(ranks);
    const Future<int> quick = pool.submit(mul, 21, 2);
    const Future<int> slow = napping(pool, 300);
    const auto one = wait(std::vector{quick, slow}, ReturnWhen::first_completed);
    EXPECT_EQ(one.done, std::vector{quick});
    EXPECT_EQ(one.not_done, std::vector{slow});
    const auto at_once =
        wait(std::vector{slow, *finals.cancelled, *finals.finished}, ReturnWhen::first_completed);
    EXPECT_EQ(at_once.done, (std::vector{*finals.cancelled, *finals.finished}));
    EXPECT_EQ(at_once.not_done, std::vector{slow});
  });
}

TEST(Wait, for_the_first_exception) {
  on_root_of(world(), 0, [](MPICommExecutor& ranks) {
    const Finals finals(ranks);
    MPIPoolExecutor pool(ranks, {.max_workers = 1});  // one after the other
    const Future<int> good = pool.submit(mul, 21, 2);
    const Future<int> bad = pool.submit([] { return nap_and_throw(30), 0; });
    const Future<int> slow = napping(pool, 300);
    const auto first = wait(std::vector{good, bad, slow}, ReturnWhen::first_exception);
    EXPECT_EQ(first.done, (std::vector{good, bad}));
    EXPECT_EQ(first.not_done, std::vector{slow});
    const auto before = wait(std::vector{*finals.failed, slow}, ReturnWhen::first_exception);
    EXPECT_EQ(before.done, std::vector{*finals.failed});
    // Neither values nor cancelled futures are exceptions: then it waits for all.
    const auto none = wait(std::vector{good, slow, *finals.cancelled}, ReturnWhen::first_exception);
    EXPECT_EQ(none.done.size(), 3U);
  });
}

TEST(Wait, for_all_each_once) {
  on_root_of(world(), 0, [](MPICommExecutor& ranks) {
    const Finals finals(ranks);
    MPIPoolExecutor pool(ranks);
    const Future<int> a = pool.submit(divide, 2, 0);
    const Future<int> b = napping(pool, 30);
    const auto all = wait(std::vector{a, *finals.finished, b, a, *finals.failed, *finals.cancelled});
    EXPECT_EQ(all.done, (std::vector{a, *finals.finished, b, *finals.failed, *finals.cancelled}));
    EXPECT_TRUE(all.not_done.empty());
    EXPECT_TRUE(wait(std::vector<Future<int>>{}).done.empty());
  });
}

TEST(Wait, gives_up_at_the_timeout_without_an_exception) {
  on_root_of(world(), 0, [](MPICommExecutor& ranks) {
    const Finals finals(ranks);
    MPIPoolExecutor pool(ranks, {.max_workers = 1});
    const Future<int> quick = pool.submit(mul, 6, 7);
    const Future<int> slow = napping(pool, 400);
    const auto some = wait(std::vector{quick, slow, *finals.finished}, ReturnWhen::all_completed, 150ms);
    EXPECT_EQ(some.done, (std::vector{quick, *finals.finished}));
    EXPECT_EQ(some.not_done, std::vector{slow});
  });
}

TEST(Wait, for_futures_of_several_types_executors_and_scopes) {
  on_root_of(world(), 0, [](MPICommExecutor& ranks) {
    MPIPoolExecutor one(ranks);
    MPIPoolExecutor two(ranks);
    MPICommExecutor thread{Communicator()};  // a second scope, of this rank alone
    MPIPoolExecutor here(thread);
    const Future<void> a = one.submit(nap, 30);
    const Future<int> b = two.submit(mul, 2, 3);
    const Future<std::string> c = here.submit([] { return nap(20), std::string("here"); });
    const Future<int> d = a.then([&] { return here.submit([] { return nap(20), 4; }); });
    const auto all = wait(std::vector<AnyFuture>{a, b, c, d});
    EXPECT_EQ(all.done.size(), 4U);
    EXPECT_EQ(d.result(), 4);
  });
}

TEST(AsCompleted, gives_each_once_as_they_come) {
  on_root_of(world(), 0, [](MPICommExecutor& ranks) {
    const Finals finals(ranks);
    MPIPoolExecutor pool(ranks, {.max_workers = 1});
    const Future<int> a = napping(pool, 30);
    const Future<int> b = pool.submit(mul, 7, 6);
    std::vector<Future<int>> order;
    for (const auto& future : as_completed(std::vector{b, a, *finals.failed, a, *finals.cancelled}))
      order.push_back(future);
    EXPECT_EQ(order, (std::vector{*finals.failed, *finals.cancelled, a, b}));
    EXPECT_FALSE(as_completed(std::vector<Future<int>>{}).next());
  });
}

TEST(AsCompleted, times_out) {
  on_root_of(world(), 0, [](MPICommExecutor& ranks) {
    const Finals finals(ranks);
    MPIPoolExecutor pool(ranks, {.max_workers = 1});
    const Future<int> quick = pool.submit(mul, 1, 1);
    const Future<int> slow = napping(pool, 400);
    const auto completed_within = [&](Duration timeout) {
      std::vector<Future<int>> completed;
      auto rest = as_completed(std::vector{*finals.finished, slow, quick, *finals.failed}, timeout);
      EXPECT_THROW(while (const auto next = rest.next()) completed.push_back(*next), FutureTimeout);
      return completed.size();
    };
    EXPECT_GE(completed_within(0ms), 2U);
    EXPECT_EQ(completed_within(150ms), 3U);
  });
}

TEST(AsCompleted, may_be_left_early) {
  with_pool([](MPIPoolExecutor& pool) {
    std::vector<Future<int>> futures;
    for (int k = 0; k < 20; ++k) futures.push_back(napping(pool, 2));
    for (const auto& future : as_completed(futures)) {
      EXPECT_EQ(future.result(), 2);
      break;
    }
    EXPECT_EQ(wait(futures).done.size(), 20U);
  });
}

}  // namespace
}  // namespace mpipe::test
