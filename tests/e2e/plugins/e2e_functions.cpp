// SPDX-License-Identifier: BSD-3-Clause
// Functions that take time, throw, or return values of types that expressions have not.
#include <mpipe/comm/native_comm.hpp>
#include <mpipe/document/plugin.hpp>

#include <fmt/format.h>

#include <unistd.h>

#include <chrono>
#include <complex>
#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <stdexcept>
#include <thread>

namespace {

/// Takes its time, unless there is a file `hurry` in the working directory: tests that have seen what they waited for let
/// the rest of a run end at once.
double slow_square(double x, double seconds) {
  using namespace std::chrono_literals;
  const auto end = std::chrono::steady_clock::now() + std::chrono::duration<double>(seconds);
  while (std::chrono::steady_clock::now() < end && access("hurry", F_OK) != 0)
    std::this_thread::sleep_for(10ms);
  return x * x;
}

/// The square, for which elements from `first` on wait until there is a file of this name.
double square_when(double x, double first, const std::string& file) {
  while (x >= first && access(file.c_str(), F_OK) != 0)
    std::this_thread::sleep_for(std::chrono::milliseconds(2));
  return x * x;
}

/// As slow_square, in a working directory of its own.
double square_elsewhere(double x, double seconds) {
  if (chdir("/") != 0) throw std::runtime_error("no way to leave");
  return slow_square(x, seconds);
}

double throws_at(double x, double bad) {
  if (x == bad) throw std::runtime_error("no solution for this x");
  return 2 * x;
}

double crashes_at(double x, double bad) {
  if (x == bad) std::abort();
  std::printf("computed %g\n", x);
  return 2 * x;
}

/// Ends its process in one of several ways.
double dies_at(double x, double bad, const std::string& how) {
  if (x != bad) return 2 * x;
  if (how == "exit") std::exit(0);
  if (how == "kill") std::raise(SIGKILL);
  if (how == "memory") *reinterpret_cast<volatile int*>(8) = 1;
  std::abort();
}

/// Done when there is a file of that name; tells by another one that it has begun, and what it saw at its end.
double waits(double x, const std::string& name, mpipe::StopToken stop) {
  const auto tell = [&](const char* what) {
    std::ofstream(fmt::format("{}-{:g}.{}", name, x, what)) << what;
  };
  tell("begun");
  while (!std::filesystem::exists(name)) {
    if (stop.stop_requested()) {
      tell("stopped");
      throw mpipe::Stopped("at a good place");
    }
    std::this_thread::sleep_for(std::chrono::milliseconds(10));
  }
  return x * x;
}

/// Nobody has told it to.
double stops_by_itself(double) { throw mpipe::Stopped(); }

std::string third_try(double x, const mpipe::Attempt& attempt) {
  if (attempt.number < 3) throw std::runtime_error(fmt::format("try {} of {:g}", attempt.number, x));
  return attempt.type + ": " + attempt.message;
}

std::string word(std::int64_t k) { return "word \"" + std::to_string(k) + "\""; }
std::complex<double> complex_number(std::int64_t k) { return {static_cast<double>(k), -1.0}; }
bool is_even(std::int64_t k) { return k % 2 == 0; }
std::int64_t cube(std::int64_t k) { return k * k * k; }

// One of each kind of number that files have.
std::int8_t as_int8(std::int64_t k) { return static_cast<std::int8_t>(k); }
std::uint64_t as_uint64(std::int64_t k) { return static_cast<std::uint64_t>(k); }
float as_float32(double x) { return static_cast<float>(x); }
std::string same_text(const std::string& text) { return text; }

/// What has a meaning in this program only.
struct Pair {
  std::int64_t first = 0;
  double second = 0;
  template <class Archive>
  void serialize(Archive& archive, unsigned) {
    archive& first& second;
  }
};
Pair make_pair(std::int64_t k) { return {k, 0.5}; }
double sum_of_pair(const Pair& pair) { return static_cast<double>(pair.first) + pair.second; }

/// The first bits of the element's own stream, without one that int64 does not have.
std::int64_t raw(std::int64_t, mpipe::Random random) { return static_cast<std::int64_t>(random() >> 1); }

/// The number of ranks of the call, counted by messages between them.
std::int64_t count_ranks(double, mpipe::Comm comm) {
  std::int64_t ranks = 1;
  MPI_Allreduce(MPI_IN_PLACE, &ranks, 1, MPI_INT64_T, MPI_SUM, comm);
  return ranks;
}
/// One rank throws, and the others wait for it.
double leaves_others_waiting(double x, double bad, mpipe::Comm comm) {
  if (x == bad && comm.rank() == 1) throw std::runtime_error("the mesh is broken");
  MPI_Barrier(comm);
  return x;
}

}  // namespace

MPIPE_PLUGIN(registry) {
  registry.add("slow_square", mpipe::function("y", slow_square).parameters("x", "seconds").thread_safe());
  registry.add("square_when", mpipe::function("y", square_when).parameters("x", "first", "file"));
  registry.add("square_elsewhere", mpipe::function("y", square_elsewhere).parameters("x", "seconds"));
  registry.add("throws_at", mpipe::function("y", throws_at).parameters("x", "bad").thread_safe());
  registry.add("crashes_at", mpipe::function("y", crashes_at).parameters("x", "bad"));
  registry.add("dies_at", mpipe::function("y", dies_at).parameters("x", "bad", "how"));
  registry.add("waits", mpipe::function("y", waits).parameters("x", "name").thread_safe());
  registry.add("stops_by_itself", mpipe::function("y", stops_by_itself).parameters("x"));
  registry.add("third_try", mpipe::function("y", third_try).parameters("x").thread_safe());
  registry.add("count_ranks", mpipe::function("n", count_ranks).parameters("x").resources({.ranks = 2}));
  registry.add("ranks_by_x", mpipe::function("n", count_ranks).parameters("x").ranks({"x"}, [](double x) {
    return static_cast<int>(x);
  }));
  registry.add("leaves_others_waiting",
               mpipe::function("y", leaves_others_waiting).parameters("x", "bad").resources({.ranks = 2}));
  registry.add("word", mpipe::function("word", word).parameters("k").thread_safe());
  registry.add("complex_number",
               mpipe::function("complex_number", complex_number).parameters("k").thread_safe());
  registry.add("raw", mpipe::function("y", raw).parameters("x").thread_safe());
  registry.add("as_int8", mpipe::function("y", as_int8).parameters("k").thread_safe());
  registry.add("as_uint64", mpipe::function("y", as_uint64).parameters("k").thread_safe());
  registry.add("as_float32", mpipe::function("y", as_float32).parameters("x").thread_safe());
  registry.add("same_text", mpipe::function("y", same_text).parameters("text").thread_safe());
  registry.add("make_pair", mpipe::function("y", make_pair).parameters("k").thread_safe());
  registry.add("sum_of_pair", mpipe::function("sum", sum_of_pair).parameters("pair").thread_safe());
  registry.add("is_even", mpipe::function("is_even", is_even).parameters("k").thread_safe());
  registry.add("cube", mpipe::function("cube", cube).parameters("k").thread_safe());
}
