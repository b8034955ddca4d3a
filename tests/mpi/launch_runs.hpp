// SPDX-License-Identifier: BSD-3-Clause
/// @file
/// What the tests of several maps at once share.
#pragma once

#include <mpipe/mpipe.hpp>

#include "mpi/shared_folder.hpp"
#include "support/expect_error.hpp"
#include "support/world.hpp"

#include <gtest/gtest.h>

#include <chrono>
#include <filesystem>
#include <fstream>
#include <memory>
#include <stdexcept>
#include <string>
#include <thread>
#include <vector>

namespace mpipe::test {

namespace fs = std::filesystem;
using namespace std::chrono_literals;

inline const AsyncOptions kLater{.start = false, .name = {}};

inline AsyncOptions later(const std::string& name) { return {.start = false, .name = name}; }

inline Pipeline squares() {
  return {function("y", [](double x) { return x * x; }).parameters("x").mapspec("x[i] -> y[i]"),
          function("sum", [](ArrayView<const double> y) {
            double sum = 0;
            for (const double value : y) sum += value;
            return sum;
          }).parameters("y")};
}

inline Pipeline words() {
  return {function("word", [](std::int64_t n) { return std::string(static_cast<std::size_t>(n), 'w'); })
              .parameters("n")
              .mapspec("n[i] -> word[i]"),
          function("length", [](const std::string& word) { return static_cast<std::int64_t>(word.size()); })
              .parameters("word")
              .mapspec("word[i] -> length[i]")};
}

/// A shape that shows while it runs.
inline Pipeline grows() {
  return {
      function("items", [](std::int64_t n) { return std::vector<double>(static_cast<std::size_t>(n), 0.5); })
          .parameters("n")
          .mapspec("... -> items[k]"),
      function("twice", [](double item) { return 2 * item; })
          .parameters("items")
          .mapspec("items[k] -> twice[k]")};
}

/// Fails at `x == bad`.
inline Pipeline fragile(double bad) {
  return {function("y",
                   [bad](double x) {
                     if (x == bad) throw std::runtime_error("bad x");
                     return 2 * x;
                   })
              .parameters("x")
              .mapspec("x[i] -> y[i]")};
}

/// Every element takes a while.
inline Pipeline slow(std::chrono::milliseconds time) {
  return {function("y",
                   [time](double x) {
                     std::this_thread::sleep_for(time);
                     return 2 * x;
                   })
              .parameters("x")
              .mapspec("x[i] -> y[i]")};
}

}  // namespace mpipe::test
