// SPDX-License-Identifier: BSD-3-Clause
// map and starmap: orders, chunks, buffers, time limits, exceptions.
#include "mpi/futures_support.hpp"

#include <list>
#include <numeric>
#include <ranges>
#include <set>
#include <sstream>

namespace mpipe::test {
namespace {

double power(double x, int n) { return std::pow(x, n); }

std::vector<int> numbers(int count) {
  std::vector<int> values(static_cast<std::size_t>(count));
  std::iota(values.begin(), values.end(), 0);
  return values;
}

std::vector<double> powers(int count) {
  std::vector<double> values;
  for (int k = 0; k < count; ++k) values.push_back(power(k, k));
  return values;
}

TEST(Map, in_order_over_any_ranges) {
  with_pool([](MPIPoolExecutor& pool) {
    EXPECT_EQ(pool.map(power, numbers(10), numbers(10)).collect(), powers(10));
    EXPECT_EQ(pool.map(power, std::views::iota(0, 10), std::list<int>{0, 1, 2}).collect(),
              powers(3));  // shortest
    EXPECT_EQ(pool.map(power, numbers(0), numbers(10)).collect(), powers(0));
    std::istringstream text("1 2 3");
    EXPECT_EQ(pool.map([](int x) { return 2 * x; }, std::views::istream<int>(text)).collect(),
              (std::vector<int>{2, 4, 6}));
    EXPECT_EQ(pool.map([](bool x) { return !x; }, std::vector<bool>{true, false}).collect(),
              (std::vector<bool>{false, true}));
    EXPECT_EQ(pool.map(nap, std::vector{0, 0, 0}).collect().size(), 3U);
    const auto values = numbers(10);
    double sum = 0;
    for (const double value : pool.map([](auto x) { return x / 2.0; }, values)) sum += value;
    EXPECT_EQ(sum, 22.5);
  });
}

TEST(Map, starmap) {
  with_pool([](MPIPoolExecutor& pool) {
    std::vector<std::pair<double, int>> pairs;
    for (int k = 0; k < 10; ++k) pairs.emplace_back(k, k);
    EXPECT_EQ(pool.starmap(power, pairs).collect(), powers(10));
    EXPECT_EQ(pool.starmap({.chunksize = 3}, power, pairs).collect(), powers(10));
    EXPECT_EQ(pool.starmap(mul, std::vector{std::array{2, 3}, std::array{4, 5}}).collect(),
              (std::vector{6, 20}));
    EXPECT_EQ(pool.starmap([](auto x, const std::string& y) { return x + y.size(); },
                           std::vector{std::tuple(1.5, std::string("ab"))})
                  .collect(),
              std::vector{3.5});
  });
}

TEST(Map, chunks) {
  with_pool([](MPIPoolExecutor& pool) {
    for (const Index size : {1, 6, 39, 40, 50, 1'000'000}) {
      EXPECT_EQ(pool.map({.chunksize = size}, power, numbers(40), numbers(40)).collect(), powers(40)) << size;
    }
    EXPECT_EQ(pool.map({.chunksize = 7}, nap, std::vector<int>(20, 0)).collect().size(), 20U);
    EXPECT_EQ(pool.map(
                      {.chunksize = 5}, [](const std::string& x) { return x + x; },
                      std::vector<std::string>{"a", "bc"})
                  .collect(),
              (std::vector<std::string>{"aa", "bcbc"}));
    for (const Index size : {0, -1})
      error_message(Category::bad_chunksize,
                    [&] { pool.map({.chunksize = size}, mul, numbers(3), numbers(3)); });
    error_message(Category::bad_option, [&] { pool.map({.buffersize = 0}, mul, numbers(3), numbers(3)); });
  });
}

TEST(Map, unordered) {
  with_pool([](MPIPoolExecutor& pool) {
    for (const Index size : {1, 6, 50}) {
      const auto some =
          pool.map({.chunksize = size, .unordered = true}, power, numbers(40), numbers(40)).collect();
      EXPECT_EQ(some.size(), 40U);
      const auto expected = powers(40);
      EXPECT_EQ(std::multiset<double>(some.begin(), some.end()),
                std::multiset<double>(expected.begin(), expected.end()));
    }
    if (worker_count() > 1) {  // the first is the last to come
      const auto order =
          pool.map(
                  {.unordered = true}, [](int time) { return nap(time), time; }, std::vector{300, 0, 0, 0})
              .collect();
      EXPECT_EQ(order, (std::vector{0, 0, 0, 300}));
    }
  });
}

TEST(Map, exceptions_come_in_their_place) {
  with_pool([](MPIPoolExecutor& pool) {
    for (const Index size : {1, 2, 3, 4}) {
      auto results = pool.map({.chunksize = size}, divide, std::vector{4, 9, 1, 1}, std::vector{2, 3, 0, 5});
      EXPECT_EQ(results.next(), 2);
      EXPECT_EQ(results.next(), 3);
      const auto error = thrown<TaskError>([&] { results.next(); });
      ASSERT_TRUE(error);
      EXPECT_EQ(error->failure().type, "std::domain_error");
      EXPECT_EQ(error->failure().message, "division by zero");
      EXPECT_EQ(error->failure().host, host_name());
      EXPECT_EQ(error->failure().rank > 0, world().size() > 1);
      EXPECT_FALSE(results.next());  // it is over
    }
    auto unordered = pool.map({.unordered = true}, divide, std::vector{1, 1, 1}, std::vector{0, 0, 0});
    EXPECT_TRUE(thrown<TaskError>([&] { unordered.next(); }));
    EXPECT_EQ(pool.submit(mul, 2, 3).result(), 6);
  });
}

TEST(Map, timeouts) {
  with_pool([](MPIPoolExecutor& pool) {
    const auto sleepy = [](int time) { return nap(time), time; };
    EXPECT_EQ(pool.map({.timeout = 60s}, sleepy, std::vector{0, 0, 0}).collect().size(), 3U);
    auto late = pool.map({.timeout = 150ms}, sleepy, std::vector{0, 0, 500, 0, 0});
    EXPECT_EQ(late.next(), 0);
    EXPECT_EQ(late.next(), 0);
    EXPECT_THROW(late.next(), FutureTimeout);
    EXPECT_FALSE(late.next());
    auto at_once = pool.map({.timeout = 0s}, sleepy, std::vector{100, 0});
    EXPECT_THROW(at_once.collect(), FutureTimeout);
    auto unordered = pool.map({.unordered = true, .timeout = 0s}, sleepy, std::vector{100, 100});
    EXPECT_THROW(unordered.collect(), FutureTimeout);
  });
}

TEST(Map, a_buffer_bounds_what_is_read) {
  with_pool([](MPIPoolExecutor& pool) {
    int read = 0;
    const auto counted =
        std::views::iota(0) | std::views::transform([&read](int k) { return ++read, k; });  // endless
    auto results = pool.map(
        {.chunksize = 2, .buffersize = 3}, [](int k) { return k * k; }, counted);
    EXPECT_EQ(read, 6);
    for (int k = 0; k < 101; ++k) {
      ASSERT_EQ(results.next(), k * k);
      EXPECT_LE(read, k + 8);
    }
    auto unordered = pool.map(
        {.unordered = true, .buffersize = 1}, [](int k) { return k; }, numbers(20));
    EXPECT_EQ(unordered.collect(), numbers(20));  // one at a time leaves only one order
  });
}

TEST(Map, results_that_nobody_takes_are_cancelled) {
  on_root_of(world(), 0, [](MPICommExecutor& ranks) {
    MPIPoolExecutor pool(ranks, {.max_workers = 1});
    const auto start = std::chrono::steady_clock::now();
    pool.map(nap, std::vector<int>(1000, 60));
    pool.shutdown();
    EXPECT_LT(std::chrono::steady_clock::now() - start, 30s);  // instead of 60
  });
}

}  // namespace
}  // namespace mpipe::test
