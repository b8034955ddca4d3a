// SPDX-License-Identifier: BSD-3-Clause
// Submitting, values of all kinds, exceptions, cancelling, callbacks, what comes then.
#include "mpi/futures_support.hpp"

#include <boost/serialization/vector.hpp>

#include <complex>
#include <memory>
#include <numeric>

namespace mpipe::test {
namespace {

struct Particle {
  double mass = 0;
  std::vector<double> position;
  template <class Archive>
  void serialize(Archive& archive, unsigned) {
    archive& mass& position;
  }
};

/// Cannot be written, or not read, when told so.
struct Stubborn {
  int number = 0;
  bool refuses_to_write = false;
  bool refuses_to_read = false;
  template <class Archive>
  void serialize(Archive& archive, unsigned) {
    archive& number& refuses_to_write& refuses_to_read;
    if (Archive::is_saving::value && refuses_to_write) throw std::logic_error("it will not be written");
    if (Archive::is_loading::value && refuses_to_read) throw std::logic_error("it will not be read");
  }
};

struct Twice {
  double operator()(double x) const { return 2 * x; }
};

double sum(ArrayView<const double> values) { return std::accumulate(values.begin(), values.end(), 0.0); }
std::vector<double> ramp(std::int64_t count) {
  std::vector<double> values(static_cast<std::size_t>(count));
  std::iota(values.begin(), values.end(), 0.0);
  return values;
}

TEST(Submit, functions_lambdas_and_functors) {
  with_pool([](MPIPoolExecutor& pool) {
    EXPECT_EQ(pool.submit(mul, 6, 7).result(), 42);
    EXPECT_EQ(pool.submit(&mul, 6, 7).result(), 42);
    EXPECT_EQ(pool.submit([](double x) { return x + 1; }, 2).result(), 3.0);
    EXPECT_EQ(pool.submit([](auto x, auto y) { return x - y; }, 5, 2.5).result(), 2.5);
    EXPECT_EQ(pool.submit(Twice(), 4.0).result(), 8.0);
    EXPECT_EQ(pool.submit([] { return 1; }).result(), 1);
    const Future<void> done = pool.submit(nap, 0);
    done.result();
    EXPECT_TRUE(done.done());
    EXPECT_FALSE(done.running());
    EXPECT_FALSE(done.cancelled());
    EXPECT_EQ(done.exception(), nullptr);
  });
}

TEST(Submit, runs_on_the_workers) {
  with_pool([](MPIPoolExecutor& pool) {
    std::vector<Future<int>> futures;
    for (int k = 0; k < 4 * worker_count(); ++k)
      futures.push_back(pool.submit([] { return nap(5), rank_of_world(); }));
    std::vector<bool> seen(static_cast<std::size_t>(world().size()), false);
    for (const auto& future : futures) seen[static_cast<std::size_t>(future.result())] = true;
    for (int rank = 0; rank < world().size(); ++rank)
      EXPECT_EQ(seen[static_cast<std::size_t>(rank)], rank > 0 || world().size() == 1) << rank;
  });
}

TEST(Submit, values_of_every_kind) {
  with_pool([](MPIPoolExecutor& pool) {
    const auto same = [&](const auto& value) {
      const auto back = pool.submit([](const std::decay_t<decltype(value)>& x) { return x; }, value).result();
      EXPECT_TRUE(back == value);
    };
    same(true);
    same(std::int8_t{-7});
    same(std::uint64_t{1} << 63);
    same(2.5F);
    same(std::complex<double>(1, -2));
    same(std::string());
    same(std::string(1000, 'x'));
    same(std::vector<double>{});
    same(ramp(1000));
    same(std::vector<bool>{true, false, true});
    same(std::array<int, 3>{1, 2, 3});
    same(std::vector<std::string>{"a", "", "ccc"});
    same(Array<double>(Shape{2, 3}));
    same(std::vector<Array<std::string>>{Array<std::string>{"p", "q"}, Array<std::string>()});
    const Particle particle = pool.submit(
                                      [](Particle p, double factor) {
                                        for (double& x : p.position) x *= factor;
                                        return p;
                                      },
                                      Particle{1.5, {1, 2}}, 2.0)
                                  .result();
    EXPECT_EQ(particle.position, (std::vector<double>{2, 4}));
    EXPECT_EQ(particle.mass, 1.5);
    // What fits a view, and what converts.
    EXPECT_EQ(pool.submit(sum, ramp(5)).result(), 10.0);
    EXPECT_EQ(pool.submit(sum, Array<double>(Shape{2, 2})).result(), 0.0);
    EXPECT_EQ(pool.submit([](const std::string& text) { return text.size(); }, "four").result(), 4U);
  });
}

TEST(Submit, arguments_just_around_what_fits_a_message) {
  with_pool([](MPIPoolExecutor& pool) {
    for (std::size_t size = 150; size < 300; ++size) {
      const std::string text(size, static_cast<char>('a' + size % 26));
      const auto back = pool.submit([](std::string x) { return x; }, text).result();
      ASSERT_EQ(back, text);
    }
    const auto many = [](std::array<double, 25> a, std::array<double, 2> b) { return a[24] + b[1]; };
    EXPECT_EQ(pool.submit(many, std::array<double, 25>{}, std::array<double, 2>{0, 3}).result(), 3.0);
    const auto fixed = [](double a, double b, double c, double d, double e, double f, double g, double h,
                          double i, double j, double k, double l, double m, double n, double o, double p,
                          double q, double r, double s, double t, double u, double v, double w, double x,
                          double y, double z, double zz) {
      return a + b + c + d + e + f + g + h + i + j + k + l + m + n + o + p + q + r + s + t + u + v + w + x +
             y + z + zz;
    };
    EXPECT_EQ(pool.submit(fixed, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16, 17, 18, 19, 20, 21,
                          22, 23, 24, 25, 26, 27)
                  .result(),
              378.0);
  });
}

TEST(Submit, a_hundred_megabytes_there_and_back) {
  with_pool([](MPIPoolExecutor& pool) {
    constexpr std::size_t count = 12'500'000;
    const std::vector<double> values(count, 1.5);
    const Future<std::vector<double>> future = pool.submit(
        [](std::vector<double> x) {
          for (double& value : x) value *= 2;
          return x;
        },
        values);
    const std::vector<double>& back = future.result();
    ASSERT_EQ(back.size(), count);
    EXPECT_EQ(back.front(), 3.0);
    EXPECT_EQ(std::accumulate(back.begin(), back.end(), 0.0), 3.0 * count);
  });
}

TEST(Submit, many_at_once) {
  with_pool([](MPIPoolExecutor& pool) {
    std::vector<Future<int>> futures;
    for (int k = 0; k < 5000; ++k) futures.push_back(pool.submit(mul, k, 2));
    for (int k = 0; k < 5000; ++k) ASSERT_EQ(futures[static_cast<std::size_t>(k)].result(), 2 * k);
  });
}

TEST(Exceptions, arrive_with_type_message_rank_and_host) {
  with_pool([](MPIPoolExecutor& pool) {
    const Future<int> future = pool.submit(divide, 1, 0);
    const auto error = thrown<TaskError>([&] { future.result(); });
    ASSERT_TRUE(error);
    EXPECT_EQ(error->failure().type, "std::domain_error");
    EXPECT_EQ(error->failure().message, "division by zero");
    EXPECT_EQ(error->failure().host, host_name());
    EXPECT_EQ(error->failure().rank > 0, world().size() > 1);
    EXPECT_EQ(error->category(), Category::function_raised);
    EXPECT_TRUE(contains(error->what(), "division by zero"));
    EXPECT_NE(future.exception(), nullptr);
    EXPECT_TRUE(future.done());
    // An `Error` keeps its category, long texts arrive, and what is no exception at all does too.
    const auto own = thrown<TaskError>(
        [&] { pool.submit([] { throw Error(Category::bad_input_file, std::string(5000, 'y')); }).result(); });
    ASSERT_TRUE(own);
    EXPECT_EQ(own->category(), Category::bad_input_file);
    EXPECT_EQ(own->failure().message, std::string(5000, 'y'));
    const auto number = thrown<TaskError>([&] { pool.submit([] { throw 42; }).result(); });
    ASSERT_TRUE(number);
    EXPECT_EQ(number->failure().type, "int");
    EXPECT_EQ(pool.submit(mul, 2, 2).result(), 4);  // the worker goes on
  });
}

TEST(Exceptions, of_values_that_cannot_be_written_or_read) {
  with_pool([](MPIPoolExecutor& pool) {
    const auto same = [](Stubborn x) { return x; };
    const auto make = [](int number, bool write, bool read) { return Stubborn{number, write, read}; };
    EXPECT_EQ(pool.submit(same, Stubborn{42}).result().number, 42);
    // Where it is thrown depends on who has the value in hand: the caller, the worker, the future.
    EXPECT_THROW(pool.submit(same, Stubborn{1, true, false}), std::logic_error);
    const auto unread = thrown<TaskError>([&] { pool.submit(same, Stubborn{1, false, true}).result(); });
    ASSERT_TRUE(unread);
    EXPECT_EQ(unread->failure().message, "it will not be read");
    const auto unwritten = thrown<TaskError>([&] { pool.submit(make, 1, true, false).result(); });
    ASSERT_TRUE(unwritten);
    EXPECT_EQ(unwritten->failure().message, "it will not be written");
    EXPECT_THROW(pool.submit(make, 1, false, true).result(), std::logic_error);
    EXPECT_EQ(pool.submit(mul, 4, 3).result(), 12);
  });
}

TEST(Exceptions, timeouts_leave_the_task_alone) {
  with_pool([](MPIPoolExecutor& pool) {
    const Future<int> future = pool.submit([] { return nap(150), 5; });
    EXPECT_THROW(future.result(0ms), FutureTimeout);
    EXPECT_THROW(future.result(10ms), FutureTimeout);
    EXPECT_THROW(future.exception(1ms), FutureTimeout);
    EXPECT_FALSE(future.done());
    EXPECT_TRUE(future.running());
    EXPECT_EQ(future.result(60s), 5);
    EXPECT_EQ(future.result(0ms), 5);
  });
}

TEST(Cancel, only_what_was_not_handed_out) {
  on_root_of(world(), 0, [](MPICommExecutor& ranks) {
    MPIPoolExecutor pool(ranks, {.max_workers = 1});
    const Future<void> first = pool.submit(nap, 1000);
    std::vector<Future<void>> others;
    for (int k = 0; k < 200; ++k) others.push_back(pool.submit(nap, 0));
    EXPECT_TRUE(first.running());
    EXPECT_FALSE(first.cancel());
    for (std::size_t k = 0; k < others.size(); k += 2) EXPECT_TRUE(others[k].cancel());
    EXPECT_TRUE(others[0].cancel());
    first.result();
    EXPECT_FALSE(first.cancelled());
    for (std::size_t k = 0; k < others.size(); ++k) {
      if (k % 2 == 1) {
        others[k].result();
      } else {
        EXPECT_TRUE(others[k].done());
        EXPECT_TRUE(others[k].cancelled());
        EXPECT_THROW(others[k].result(), FutureCancelled);
        EXPECT_THROW(others[k].exception(), FutureCancelled);
      }
    }
    EXPECT_FALSE(others[1].cancel());  // done
  });
}

TEST(Callbacks, run_once_in_order_and_may_submit) {
  with_pool([](MPIPoolExecutor& pool) {
    std::vector<std::string> log;
    std::optional<Future<int>> second;
    const Future<int> future = pool.submit([] { return nap(20), 6; });
    future.add_done_callback(
        [&](const Future<int>& done) { log.push_back("a" + std::to_string(done.result())); });
    future.add_done_callback([](const Future<int>&) { throw std::runtime_error("expected in the output"); });
    future.add_done_callback([&](const Future<int>& done) {
      second = pool.submit(mul, done.result(), 7);
      log.push_back("b" + std::to_string(second->result()));  // waits within a callback
    });
    EXPECT_TRUE(log.empty());
    EXPECT_EQ(future.result(), 6);
    future.add_done_callback([&](const Future<int>&) { log.push_back("late"); });
    EXPECT_EQ(log, (std::vector<std::string>{"a6", "b42", "late"}));
  });
}

TEST(Then, values_exceptions_and_cancellation_pass_on) {
  on_root_of(world(), 0, [](MPICommExecutor& ranks) {
    MPIPoolExecutor pool(ranks, {.max_workers = 1});
    const int captured = 10;
    const Future<int> base = pool.submit([] { return nap(20), 2; });
    const Future<double> half = base.then([&](int x) { return (x + captured) / 8.0; });
    const Future<int> other = base.then([](int x) { return x + 1; });
    const Future<int> chained =
        base.then([&](int x) { return pool.submit(mul, x, 21); });  // a future of its own
    EXPECT_FALSE(half.done());
    EXPECT_EQ(half.result(), 1.5);
    EXPECT_EQ(other.result(), 3);
    EXPECT_EQ(chained.result(), 42);
    EXPECT_EQ(chained.then([](int x) { return x; }).result(), 42);

    const Future<int> bad = pool.submit(divide, 1, 0);
    const Future<int> passed = bad.then([](int x) { return x; });
    EXPECT_TRUE(thrown<TaskError>([&] { passed.result(); }));
    EXPECT_EQ(bad.recover([](const std::exception_ptr&) { return -1; }).result(), -1);
    EXPECT_EQ(bad.then([](int) { return 1; }, [](const std::exception_ptr&) { return 2; }).result(), 2);
    const auto repackaged =
        bad.recover([](const std::exception_ptr&) -> int { throw std::out_of_range("repackaged"); });
    EXPECT_THROW(repackaged.result(), std::out_of_range);
    EXPECT_EQ(base.recover([](const std::exception_ptr&) { return -1; }).result(), 2);
    EXPECT_THROW(base.then([](int) -> int { throw std::out_of_range("in then"); }).result(),
                 std::out_of_range);
    pool.submit(nap, 0).then([] {}).result();

    const Future<void> long_one = pool.submit(nap, 50);
    const Future<int> waits = pool.submit(mul, 1, 1);
    const Future<int> after = waits.then([](int x) { return x; });
    EXPECT_TRUE(waits.cancel());
    EXPECT_TRUE(after.cancelled());
    const Future<void> derived = long_one.then([] { ADD_FAILURE() << "it was cancelled"; });
    EXPECT_TRUE(derived.cancel());
    long_one.result();
    EXPECT_FALSE(long_one.cancelled());
  });
}

TEST(Then, circles_are_refused) {
  with_pool([](MPIPoolExecutor& pool) {
    std::optional<Future<int>> next;
    const Future<int> base = pool.submit([] { return nap(20), 1; });
    next = base.then([&](int) { return *next; });
    EXPECT_TRUE(contains(error_message(Category::cycle, [&] { next->result(); }), "itself"));
  });
}

}  // namespace
}  // namespace mpipe::test
