// SPDX-License-Identifier: BSD-3-Clause
// Functions submitted to executors against a raw farm of one message per task, trivial tasks.
#include <mpipe/comm/native_comm.hpp>
#include <mpipe/mpipe.hpp>

#include "bench/raw_farm.hpp"
#include "bench/report.hpp"

#include <fmt/format.h>

#include <deque>

namespace {

using namespace mpipe::bench;

double task(std::int64_t k) { return 0.5 * static_cast<double>(k); }

double farm(const mpipe::Communicator& comm, std::int64_t tasks) {
  const MPI_Comm native = mpipe::native_comm(comm);
  comm.barrier();
  FarmTime time;
  if (comm.is_root()) {
    time = farm_single_root(native, tasks);
  } else {
    std::vector<double> values(static_cast<std::size_t>(tasks));
    farm_single_worker(native, values, task);
  }
  return comm.broadcast_value(time.seconds);
}

/// Seconds from the first submit to the last result, never with more than `outstanding` between.
double futures(const mpipe::Communicator& comm, std::int64_t tasks, std::size_t outstanding) {
  double seconds = 0;
  {
    mpipe::MPICommExecutor ranks(comm);
    if (ranks.is_root()) {
      mpipe::MPIPoolExecutor pool(ranks);
      pool.submit(task, std::int64_t{0}).result();
      double sum = 0;
      seconds = seconds_of([&] {
        std::deque<mpipe::Future<double>> waiting;
        for (std::int64_t k = 0; k < tasks; ++k) {
          if (waiting.size() == outstanding) {
            sum += waiting.front().result();
            waiting.pop_front();
          }
          waiting.push_back(pool.submit(task, k));
        }
        for (const mpipe::Future<double>& future : waiting) sum += future.result();
      });
      const double n = static_cast<double>(tasks);
      if (sum != 0.25 * n * (n - 1)) throw mpipe::Bug("the sum of the results is wrong");
    }
  }
  return comm.broadcast_value(seconds);
}

void compare(const mpipe::Communicator& comm, std::size_t outstanding, std::int64_t tasks, int repeats) {
  const Pair pair = measure(
      repeats, [&] { return futures(comm, tasks, outstanding); }, [&] { return farm(comm, tasks); });
  if (!comm.is_root()) return;
  const double to_us = 1e6 / static_cast<double>(tasks);
  print_row(fmt::format("submit to result, {} outstanding, {} worker{}", outstanding, comm.size() - 1,
                        comm.size() > 2 ? "s" : ""),
            pair.ratio, 3, "x raw farm, 1 task a message",
            fmt::format("{:.3g} us per task, farm {:.3g} us", pair.ours * to_us, pair.baseline * to_us));
}

}  // namespace

int main(int argc, char** argv) {
  mpipe::Environment environment(argc, argv);
  const mpipe::Communicator& comm = environment.world();
  // With one outstanding only one worker has something to do, which a farm does not know: two ranks only.
  if (comm.size() == 2) compare(comm, 1, 20'000, 7);
  compare(comm, 1000, 50'000, 7);
  return 0;
}
