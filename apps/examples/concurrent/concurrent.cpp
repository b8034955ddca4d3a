// SPDX-License-Identifier: BSD-3-Clause
// Two sweeps of a pendulum at the same time, each on half of the ranks: mpirun -n 5 concurrent
#include <mpipe/mpipe.hpp>

#include <cmath>
#include <cstdio>
#include <cstdlib>
#include <thread>

namespace {

/// Period of a pendulum (in units of that of small swings), by the arithmetic-geometric mean.
double period(double amplitude) {
  double a = 1;
  double g = std::cos(amplitude / 2);
  while (std::abs(a - g) > 1e-15 * a) {
    const double mean = (a + g) / 2;
    g = std::sqrt(a * g);
    a = mean;
  }
  return 1 / a;
}

double longest(mpipe::ArrayView<const double> periods) {
  double most = 0;
  for (const double each : periods) most = std::max(most, each);
  return most;
}

mpipe::AsyncMap sweep(const mpipe::Communicator& world, const char* name, double from, double to) {
  const mpipe::Pipeline pipeline{
      mpipe::function("period", period).parameters("amplitude").mapspec("amplitude[i] -> period[i]"),
      mpipe::function("longest", longest).parameters("period")};
  // Maps that start by themselves would use all ranks at once. These wait until `launch_maps` gives each of
  // them its share.
  return pipeline.map_async(world, {{"amplitude", mpipe::linspace(from, to, 2001)}}, {},
                            {.start = false, .name = name});  // described and checked, not begun
}

}  // namespace

int main(int argc, char** argv) {
  const mpipe::Environment mpi(argc, argv);
  const mpipe::Communicator& world = mpi.world();
  mpipe::LaunchedMaps maps =
      mpipe::launch_maps(world, {sweep(world, "small swings", 0, 0.5), sweep(world, "large swings", 0.5, 3)},
                         {.max_concurrent = 2});
  if (!world.is_root()) return EXIT_SUCCESS;  // the other ranks computed, and are done
  // Rank 0 has no thread for the launch: each question takes in what happened, and begins the next run where
  // one waits.
  while (!maps.done())
    std::this_thread::sleep_for(std::chrono::milliseconds(1));  // here rank 0 may do something else
  for (const mpipe::MapOutcome& outcome : maps.gather()) {
    if (!outcome.completed()) return EXIT_FAILURE;
    std::printf("%s: longest period %.6f, on %d ranks\n", outcome.name.c_str(),
                outcome.get().get<double>("longest"), outcome.get().ranks);
  }
  return EXIT_SUCCESS;
}
