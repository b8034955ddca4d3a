// SPDX-License-Identifier: BSD-3-Clause
// Long chains of futures, many futures at once, what is cancelled with what, and handles of no future.
#include "mpi/futures_support.hpp"

#include <deque>
#include <numeric>

namespace mpipe::test {
namespace {

TEST(Chain, of_a_million_links_is_a_loop) {
  with_pool([](MPIPoolExecutor& pool) {
    constexpr int links = 1'000'000;
    Future<int> last = pool.submit([] { return nap(50), 1; });
    for (int k = 0; k < links; ++k) last = last.then([](int x) { return x + 1; });
    EXPECT_EQ(last.result(), 1 + links);
  });
}

TEST(Chain, of_futures_that_hold_each_other_ends_without_recursion) {
  with_pool([](MPIPoolExecutor& pool) {
    Future<int> last = pool.submit(mul, 1, 1);
    for (int k = 0; k < 300'000; ++k) last = last.then([last](int x) { return last.done() ? x : -1; });
    EXPECT_EQ(last.result(), 1);
    last = pool.submit([] { return nap(30), 1; });
    for (int k = 0; k < 300'000; ++k) last = last.then([last](int x) { return x; });
    EXPECT_TRUE(last.cancel());
  });
}

/// The future of `left` calls one after the other, each of which is submitted when the one before is done.
Future<int> count_down(MPIPoolExecutor& pool, int left) {
  return pool.submit(mul, left, 1).then([&pool](int x) {
    return x == 0 ? pool.submit(mul, 42, 1) : count_down(pool, x - 1);
  });
}

TEST(Chain, of_submits_may_be_as_long) {
  with_pool([](MPIPoolExecutor& pool) { EXPECT_EQ(count_down(pool, 50'000).result(), 42); });
}

TEST(Chain, may_go_on_from_futures_that_are_done) {
  with_pool([](MPIPoolExecutor& pool) {
    const Future<int> done = pool.submit(mul, 6, 7);
    done.result();
    int left = 300'000;
    std::function<Future<int>(int)> again = [&](int x) -> Future<int> {
      if (--left == 0) return done;
      return done.then(again).then([x](int) { return x; });
    };
    EXPECT_EQ(done.then(again).result(), 42);
  });
}

TEST(Many, as_completed_wait_and_unordered_maps_are_linear) {
  with_pool([](MPIPoolExecutor& pool) {
    constexpr int count = 60'000;
    std::vector<Future<int>> futures;
    for (int k = 0; k < count; ++k) futures.push_back(pool.submit(mul, k, 1));
    const auto start = std::chrono::steady_clock::now();
    std::int64_t sum = 0;
    for (const auto& future : as_completed(futures)) sum += future.result();
    EXPECT_EQ(sum, std::int64_t{count} * (count - 1) / 2);
    for (auto& future : futures) future = pool.submit(mul, 1, 1);
    EXPECT_EQ(wait(futures).done.size(), futures.size());
    std::vector<int> numbers(count, 2);
    const auto doubled = pool.map({.unordered = true}, mul, numbers, numbers).collect();
    EXPECT_EQ(std::accumulate(doubled.begin(), doubled.end(), std::int64_t{0}), 4 * std::int64_t{count});
    // With a look at every future for each that is done it would be many minutes.
    EXPECT_LT(std::chrono::steady_clock::now() - start, 60s);
  });
}

TEST(Cancel, of_what_was_made_of_a_future_cancels_that_unless_others_wait_for_it) {
  on_root_of(world(), 0, [](MPICommExecutor& ranks) {
    MPIPoolExecutor pool(ranks, {.max_workers = 1});
    const Future<void> busy = pool.submit(nap, 200);
    const auto same = [](int x) { return x; };
    const Future<int> base = pool.submit(mul, 1, 2);
    EXPECT_TRUE(base.then(same).then(same).then(same).cancel());
    EXPECT_TRUE(base.cancelled());

    const Future<int> shared = pool.submit(mul, 1, 2);
    const Future<int> one = shared.then(same);
    const Future<int> other = shared.then(same);
    EXPECT_TRUE(one.cancel());
    EXPECT_FALSE(shared.cancelled());
    EXPECT_TRUE(other.cancel());
    EXPECT_TRUE(shared.cancelled());

    const Future<int> watched = pool.submit(mul, 1, 2);
    watched.add_done_callback([](const Future<int>&) {});
    EXPECT_TRUE(watched.then(same).cancel());
    EXPECT_FALSE(watched.cancelled());

    const std::vector<Future<int>> parts{pool.submit(mul, 1, 2), pool.submit(mul, 3, 4)};
    EXPECT_TRUE(collect(parts).then([](const std::vector<int>&) {}).cancel());
    EXPECT_TRUE(parts[0].cancelled() && parts[1].cancelled());
    EXPECT_FALSE(busy.then([] { return 1; }).cancelled());
  });
}

TEST(Collect, gives_all_values_or_the_first_exception) {
  on_root_of(world(), 0, [](MPICommExecutor& ranks) {
    MPIPoolExecutor pool(ranks, {.max_workers = 1});
    const Future<int> six = pool.submit(mul, 2, 3);
    EXPECT_EQ(collect({six, pool.submit(mul, 4, 5), six}).result(), (std::vector<int>{6, 20, 6}));
    EXPECT_TRUE(collect(std::vector<Future<int>>()).result().empty());
    collect(std::vector{pool.submit(nap, 0), pool.submit(nap, 1)}).result();
    const Future<int> bad = pool.submit(divide, 1, 0);
    const Future<void> busy = pool.submit(nap, 100);
    const Future<int> behind = pool.submit(mul, 1, 1);
    EXPECT_TRUE(thrown<TaskError>([&] { collect({bad, behind}).result(); }));
    EXPECT_TRUE(behind.cancelled());
    const Future<int> cancelled = pool.submit(mul, 1, 1);
    const auto both = collect({cancelled, six});
    EXPECT_TRUE(cancelled.cancel());
    EXPECT_TRUE(both.cancelled());
  });
}

TEST(Collect, that_waits_for_itself_is_an_error) {
  with_pool([](MPIPoolExecutor& pool) {
    Future<std::vector<int>> all;
    const Future<int> part =
        pool.submit(mul, 1, 1).then([&](int) { return all.then([](const auto&) { return 1; }); });
    all = collect({part});
    EXPECT_TRUE(contains(error_message(Category::cycle, [&] { all.result(); }), "never be done"));
  });
}

TEST(Handles, of_no_future_and_moved_executors_are_errors) {
  with_pool([](MPIPoolExecutor& pool) {
    Future<int> none;
    EXPECT_FALSE(none.valid());
    EXPECT_FALSE(AnyFuture().valid());
    const auto refused = [](auto action) {
      EXPECT_TRUE(contains(error_message(Category::bad_option, action), "valid()"));
    };
    refused([&] { none.result(); });
    refused([&] { none.done(); });
    refused([&] { none.cancel(); });
    refused([&] { none.then([](int x) { return x; }); });
    refused([&] { none.add_done_callback([](const Future<int>&) {}); });
    refused([&] { wait({none}); });
    none = pool.submit(mul, 2, 2);
    EXPECT_TRUE(none.valid());
    Future<int> taken = std::move(none);
    refused([&] { none.exception(); });
    EXPECT_EQ(taken.result(), 4);

    auto results = pool.map(mul, std::vector{1, 2}, std::vector{3, 4});
    const auto moved = std::move(results);
    EXPECT_FALSE(results.next());
    MPIPoolExecutor other = std::move(pool);
    const auto without_workers = [](auto action) {
      EXPECT_TRUE(contains(error_message(Category::bad_option, action), "moved"));
    };
    without_workers([&] { pool.submit(mul, 1, 1); });
    without_workers([&] { pool.map(mul, std::vector{1}, std::vector{1}); });
    without_workers([&] { pool.bootup(); });
    EXPECT_EQ(pool.num_workers(), 0);
    pool.shutdown();
    EXPECT_EQ(other.submit(mul, 3, 3).result(), 9);
  });
}

TEST(Handles, take_any_duration_and_any_list) {
  with_pool([](MPIPoolExecutor& pool) {
    const Future<int> number = pool.submit(mul, 2, 3);
    const Future<void> slow = pool.submit(nap, 300);
    EXPECT_EQ(number.result(60.0s), 6);
    EXPECT_EQ(number.result(std::chrono::hours(1'000'000'000)), 6);
    EXPECT_THROW(slow.result(0.01s), FutureTimeout);
    EXPECT_THROW(slow.exception(std::chrono::duration<float, std::milli>(2.5F)), FutureTimeout);
    EXPECT_EQ(wait({number, slow}, ReturnWhen::first_completed).done.size(), 1U);
    EXPECT_EQ(wait({number, number}).done, std::vector{number});
    EXPECT_EQ(wait(std::deque<Future<int>>{number}).done.size(), 1U);
    const Future<int> array[] = {number, number};
    EXPECT_EQ(wait(array, ReturnWhen::all_completed, 1.5min).done.size(), 1U);
    int count = 0;
    for (const AnyFuture& future : as_completed({AnyFuture(number), AnyFuture(slow)}, 60.0s))
      count += future.done();
    EXPECT_EQ(count, 2);
    EXPECT_EQ(pool.map({.timeout = 60.5s}, mul, std::vector{2}, std::vector{2}).collect(), std::vector{4});
  });
}

TEST(Workers, have_a_communicator_of_their_own) {
  EXPECT_TRUE(contains(error_message(Category::not_supported, [] { get_comm_workers(); }), "submitted"));
  with_pool([](MPIPoolExecutor& pool) {
    EXPECT_EQ(pool.submit([] { return get_comm_workers().size(); }).result(), worker_count());
    const auto rank = [](int) { return get_comm_workers().rank(); };
    for (const int at : pool.map(rank, std::vector<int>(20))) EXPECT_TRUE(0 <= at && at < worker_count());
  });
  // All of them are in an initializer at the same time.
  on_root_of(world(), 0, [](MPICommExecutor& ranks) {
    MPIPoolExecutor pool(ranks, {.initializer = task([] { get_comm_workers().barrier(); })});
    pool.bootup();
    EXPECT_EQ(pool.num_workers(), worker_count());
  });
}

TEST(Names, of_tasks_are_those_of_functions_and_elements) {
  detail::TaskName name = task(mul, 1, 2).name();
  EXPECT_TRUE(contains(name.text(), "int, int")) << name.text();
  name.first = 20;
  name.count = 10;
  EXPECT_TRUE(name.text().starts_with("elements 20 to 29 of a map of ")) << name.text();
}

}  // namespace
}  // namespace mpipe::test
