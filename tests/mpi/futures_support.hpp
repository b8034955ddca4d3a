// SPDX-License-Identifier: BSD-3-Clause
/// @file
/// What the tests of executors share: functions to submit, and the scope that they run in.
#pragma once

#include <mpipe/futures/mpi_pool_executor.hpp>

#include "support/expect_error.hpp"
#include "support/world.hpp"

#include <gtest/gtest.h>

#include <chrono>
#include <cmath>
#include <stdexcept>
#include <string>
#include <thread>

namespace mpipe::test {

using namespace std::chrono_literals;

inline int mul(int x, int y) { return x * y; }
inline int divide(int x, int y) {
  if (y == 0) throw std::domain_error("division by zero");
  return x / y;
}
inline void nap(int milliseconds) { std::this_thread::sleep_for(std::chrono::milliseconds(milliseconds)); }
inline void nap_and_throw(int milliseconds) {
  nap(milliseconds);
  throw std::runtime_error("this is an exception");
}
inline int rank_of_world() { return world().rank(); }

/// Collective. Runs `body(ranks)` on the root, while the others serve.
template <class Body>
void on_root_of(const Communicator& comm, int root, Body body) {
  MPICommExecutor ranks(comm, root);
  EXPECT_EQ(ranks.is_root(), comm.rank() == root);
  if (ranks.is_root()) body(ranks);
}

/// Collective. Runs `body(pool)` on rank 0 with one executor on all workers.
template <class Body>
void with_pool(Body body) {
  on_root_of(world(), 0, [&](MPICommExecutor& ranks) {
    MPIPoolExecutor pool(ranks);
    body(pool);
  });
}

inline int worker_count() { return std::max(1, world().size() - 1); }

/// The exception that `action` throws, as an `E`; the test has failed where it throws none.
template <class E, class Action>
std::optional<E> thrown(Action action) {
  try {
    action();
  } catch (const E& error) {
    return error;
  } catch (const std::exception& error) {
    ADD_FAILURE() << "another exception: " << error.what();
    return std::nullopt;
  }
  ADD_FAILURE() << "nothing was thrown";
  return std::nullopt;
}

}  // namespace mpipe::test
