// SPDX-License-Identifier: BSD-3-Clause
// Executors from beginning to end: roots, options, initializers, sharing, shutdown, wrong uses.
#include "mpi/futures_support.hpp"

#include <thread>

namespace mpipe::test {
namespace {

int prepared = 0;  // of each process

void prepare(int number) { prepared = number; }
void fail_to_prepare(int) { throw std::runtime_error("no licence"); }
int read_prepared() { return prepared; }

TEST(CommExecutor, any_root) {
  for (int root = 0; root < world().size(); ++root) {
    on_root_of(world(), root, [&](MPICommExecutor& ranks) {
      MPIPoolExecutor pool(ranks);
      EXPECT_EQ(pool.num_workers(), worker_count());
      EXPECT_EQ(pool.submit(mul, 6, 7).result(), 42);
      const auto error = thrown<TaskError>(
          [&] { pool.submit([] { throw std::runtime_error(std::to_string(rank_of_world())); }).result(); });
      ASSERT_TRUE(error);
      EXPECT_EQ(error->failure().message, std::to_string(error->failure().rank));  // ranks are the caller's
      EXPECT_EQ(error->failure().rank != root, world().size() > 1);
    });
  }
}

TEST(CommExecutor, bad_roots_are_refused_everywhere) {
  for (const int root : {-1, -world().size(), world().size()}) {
    const std::string text = error_message(Category::bad_option, [&] { MPICommExecutor(world(), root); });
    EXPECT_TRUE(contains(text, std::to_string(root)));
  }
  if (world().size() == 1) return;
  EXPECT_TRUE(
      contains(error_message(Category::bad_option, [&] { MPICommExecutor(world(), world().rank() % 2); }),
               "different roots"));
}

TEST(CommExecutor, a_part_of_the_ranks) {
  const auto half = world().split(world().rank() % 2, 0);
  on_root_of(*half, 0, [](MPICommExecutor& ranks) {
    MPIPoolExecutor pool(ranks);
    EXPECT_EQ(pool.submit(mul, 2, 2).result(), 4);
  });
  world().barrier();  // the caller's communicator is as it was
}

TEST(CommExecutor, a_rank_alone_has_a_thread) {
  MPICommExecutor alone{Communicator()};
  EXPECT_TRUE(alone.is_root());
  MPIPoolExecutor pool(alone);
  EXPECT_EQ(pool.num_workers(), 1);
  const std::size_t here = std::hash<std::thread::id>()(std::this_thread::get_id());
  EXPECT_NE(pool.submit([] { return std::hash<std::thread::id>()(std::this_thread::get_id()); }).result(),
            here);
}

TEST(CommExecutor, an_exception_at_the_root_lets_the_workers_go) {
  const auto leave = [] {
    on_root_of(world(), 0, [](MPICommExecutor& ranks) {
      MPIPoolExecutor pool(ranks, {.max_workers = 1});
      for (int k = 0; k < 1000; ++k) pool.submit(nap, 60);
      throw std::out_of_range("on the way out");
    });
  };
  const auto start = std::chrono::steady_clock::now();
  if (world().is_root()) {
    EXPECT_THROW(leave(), std::out_of_range);
  } else {
    leave();
  }
  EXPECT_LT(std::chrono::steady_clock::now() - start, 30s);  // what was not handed out is cancelled
  world().barrier();
}

TEST(CommExecutor, waits_for_all_at_its_end) {
  std::vector<Future<int>> futures;
  on_root_of(world(), 0, [&](MPICommExecutor& ranks) {
    MPIPoolExecutor pool(ranks);
    for (int k = 0; k < 30; ++k) futures.push_back(pool.submit(mul, k, 1));
    pool.shutdown(false);
  });
  for (std::size_t k = 0; k < futures.size(); ++k) EXPECT_EQ(futures[k].result(), static_cast<int>(k));
}

TEST(Executor, options) {
  on_root_of(world(), 0, [](MPICommExecutor& ranks) {
    for (const int number : {0, -1})
      error_message(Category::bad_option, [&] { MPIPoolExecutor(ranks, {.max_workers = number}); });
    MPIPoolExecutor many(ranks, {.max_workers = 1000});
    EXPECT_EQ(many.num_workers(), worker_count());
    // Executors are spread over the workers.
    MPIPoolExecutor first(ranks, {.max_workers = 1});
    MPIPoolExecutor second(ranks, {.max_workers = 1});
    EXPECT_EQ(first.num_workers(), 1);
    const int a = first.submit(rank_of_world).result();
    const int b = second.submit(rank_of_world).result();
    EXPECT_EQ(a != b, worker_count() > 1);
    for (int k = 0; k < 10; ++k) EXPECT_EQ(first.submit(rank_of_world).result(), a);
  });
}

TEST(Executor, ends_by_shutdown) {
  on_root_of(world(), 0, [](MPICommExecutor& ranks) {
    MPIPoolExecutor pool(ranks);
    std::vector<Future<int>> futures;
    for (int k = 0; k < 50; ++k) futures.push_back(pool.submit([] { return nap(2), 1; }));
    pool.shutdown();
    for (const auto& future : futures) EXPECT_EQ(future.result(0ms), 1);
    EXPECT_EQ(pool.num_workers(), 0);
    pool.shutdown();
    EXPECT_TRUE(contains(error_message(Category::bad_option, [&] { pool.submit(mul, 1, 1); }), "shutdown"));
    error_message(Category::bad_option, [&] { pool.map(mul, std::vector{1}, std::vector{1}); });
    error_message(Category::bad_option, [&] { pool.bootup(); });
    error_message(Category::bad_option, [&] { pool.bootup(false); });
  });
}

TEST(Executor, ends_by_shutdown_without_waiting) {
  on_root_of(world(), 0, [](MPICommExecutor& ranks) {
    MPIPoolExecutor pool(ranks, {.max_workers = 1});
    const Future<int> slow = pool.submit([] { return nap(100), 5; });
    const Future<int> next = pool.submit(mul, 2, 3);
    pool.shutdown(false);
    EXPECT_FALSE(slow.done());
    error_message(Category::bad_option, [&] { pool.submit(mul, 1, 1); });
    EXPECT_EQ(next.result(), 6);
    EXPECT_EQ(slow.result(), 5);
    pool.shutdown(true);
  });
}

TEST(Executor, ends_by_shutdown_that_cancels) {
  on_root_of(world(), 0, [](MPICommExecutor& ranks) {
    MPIPoolExecutor pool(ranks, {.max_workers = 1});
    const Future<int> running = pool.submit([] { return nap(500), 5; });
    std::vector<Future<int>> others;
    for (int k = 0; k < 100; ++k) others.push_back(pool.submit(mul, k, k));
    pool.shutdown(true, true);
    EXPECT_EQ(running.result(0ms), 5);
    for (const auto& future : others) EXPECT_TRUE(future.cancelled());
  });
}

TEST(Executor, may_be_left_alone_or_moved) {
  std::optional<Future<int>> future;
  on_root_of(world(), 0, [&](MPICommExecutor& ranks) {
    for (int k = 0; k < 100; ++k) {
      MPIPoolExecutor pool(ranks);
      future = pool.submit(mul, k, 2);
      const MPIPoolExecutor moved(std::move(pool));
    }
    EXPECT_EQ(future->result(0ms), 198);  // destruction waits
  });
}

TEST(Executor, outlives_its_ranks_without_use) {
  std::optional<MPIPoolExecutor> pool;
  on_root_of(world(), 0, [&](MPICommExecutor& ranks) {
    pool.emplace(ranks);
    EXPECT_EQ(pool->submit(mul, 2, 2).result(), 4);
  });
  if (!pool) return;
  error_message(Category::bad_option, [&] { pool->submit(mul, 1, 1); });
  EXPECT_EQ(pool->num_workers(), 0);
  pool->shutdown();
}

TEST(Initializer, runs_once_on_every_worker_before_tasks) {
  on_root_of(world(), 0, [](MPICommExecutor& ranks) {
    {
      MPIPoolExecutor pool(ranks, {.initializer = task(prepare, 7)});
      pool.bootup();
      pool.bootup(false);
      std::vector<Future<int>> futures;
      for (int k = 0; k < 10 * worker_count(); ++k) futures.push_back(pool.submit([] { return ++prepared; }));
      int sum = 0;
      for (const auto& future : futures) sum += future.result();
      EXPECT_GE(sum, 8 * 10 * worker_count());
    }
    // Without bootup, and after another executor's.
    MPIPoolExecutor pool(ranks, {.initializer = task(prepare, 3)});
    std::vector<Future<int>> futures;
    for (int k = 0; k < 100; ++k) futures.push_back(pool.submit(read_prepared));
    for (const auto& future : futures) EXPECT_EQ(future.result(), 3);
    MPIPoolExecutor plain(ranks);
    plain.bootup();
  });
}

TEST(Initializer, that_fails_breaks_its_executor_only) {
  on_root_of(world(), 0, [](MPICommExecutor& ranks) {
    MPIPoolExecutor other(ranks);
    MPIPoolExecutor pool(ranks, {.initializer = task(fail_to_prepare, 7)});
    const Future<int> a = pool.submit(mul, 1, 1);
    const Future<int> b = pool.submit(mul, 2, 1);
    const Future<int> c = b.then([](int x) { return x; });
    for (const auto& future : {a, b, c}) {
      const auto error = thrown<BrokenPool>([&] { future.result(); });
      ASSERT_TRUE(error);
      EXPECT_EQ(error->category(), Category::function_raised);
      EXPECT_TRUE(contains(error->what(), "std::runtime_error"));
      EXPECT_TRUE(contains(error->what(), "no licence"));
      EXPECT_TRUE(contains(error->what(), host_name()));
    }
    EXPECT_TRUE(thrown<BrokenPool>([&] { pool.submit(mul, 1, 1); }));
    EXPECT_TRUE(thrown<BrokenPool>([&] { pool.bootup(); }));
    EXPECT_EQ(other.submit(mul, 3, 3).result(), 9);
    MPIPoolExecutor broken(ranks, {.initializer = task(fail_to_prepare, 7)});
    EXPECT_TRUE(thrown<BrokenPool>([&] { broken.bootup(); }));
  });
}

TEST(Sharing, sixteen_executors) {
  on_root_of(world(), 0, [](MPICommExecutor& ranks) {
    std::vector<MPIPoolExecutor> pools;
    for (int k = 0; k < 16; ++k) pools.emplace_back(ranks);
    std::vector<Future<int>> futures;
    for (int i = 0; i < 128; ++i) {
      for (int k = 0; k < 16; ++k)
        futures.push_back(pools[static_cast<std::size_t>(k)].submit(mul, i * 16 + k, 1));
    }
    for (std::size_t k = 0; k < futures.size(); ++k) EXPECT_EQ(futures[k].result(), static_cast<int>(k));
  });
}

// The second executor's task is not behind those of the first.
TEST(Sharing, nobody_starves) {
  on_root_of(world(), 0, [](MPICommExecutor& ranks) {
    MPIPoolExecutor greedy(ranks);
    MPIPoolExecutor modest(ranks);
    std::vector<Future<void>> many;
    for (int k = 0; k < 2000; ++k) many.push_back(greedy.submit([] { nap(1); }));
    const auto left = [&] {
      return std::count_if(many.begin(), many.end(),
                           [](const Future<void>& future) { return !future.done(); });
    };
    const auto before = left();
    for (int k = 0; k < 10; ++k) EXPECT_EQ(modest.submit(mul, k, 1).result(), k);
    EXPECT_GE(left(), before / 2);
    greedy.shutdown(true, true);
  });
}

TEST(WrongUse, of_an_executor_on_a_worker) {
  MPICommExecutor ranks(world());
  if (ranks.is_root()) return;
  EXPECT_TRUE(
      contains(error_message(Category::not_supported, [&] { MPIPoolExecutor pool(ranks); }), "serves"));
}

MPIPoolExecutor* global_pool = nullptr;

TEST(WrongUse, within_a_submitted_function_and_in_another_thread) {
  MPICommExecutor alone{Communicator()};  // where the function can see the executor at all
  MPIPoolExecutor pool(alone);
  global_pool = &pool;
  const auto error = thrown<TaskError>(
      [&] { pool.submit([] { return global_pool->submit(mul, 1, 1).result(); }).result(); });
  ASSERT_TRUE(error);
  EXPECT_EQ(error->category(), Category::not_supported);
  EXPECT_TRUE(contains(error->what(), "submitted function"));
  std::string text;
  std::thread([&] { text = error_message(Category::not_supported, [&] { pool.submit(mul, 1, 1); }); }).join();
  EXPECT_TRUE(contains(text, "another thread"));
  EXPECT_EQ(pool.submit(mul, 5, 5).result(), 25);
}

// A submitted function may lend itself a thread.
TEST(WrongUse, is_not_an_executor_of_its_own_in_a_submitted_function) {
  with_pool([](MPIPoolExecutor& pool) {
    const auto nested = [](int x) {
      MPICommExecutor alone{Communicator()};
      MPIPoolExecutor inner(alone);
      return inner.submit(mul, x, 2).result();
    };
    EXPECT_EQ(pool.submit(nested, 21).result(), 42);
  });
}

}  // namespace
}  // namespace mpipe::test
