// SPDX-License-Identifier: BSD-3-Clause
// A solver that crashes, hangs or runs out of memory for some parameters, and a sweep that survives it:
//
//     isolation          or          mpirun -n 3 isolation
#include <mpipe/mpipe.hpp>

#include <chrono>
#include <cmath>
#include <cstdio>
#include <cstdlib>
#include <thread>

namespace {

/// As old codes are: it ends the whole program when it does not like its input.
double solve(double load) {
  if (load == 3) std::abort();
  if (load == 5) std::this_thread::sleep_for(std::chrono::hours(1));
  if (load == 7) std::exit(42);
  return std::sqrt(load);
}

double squared(double deflection) { return deflection * deflection; }

}  // namespace

int main(int argc, char** argv) {
  mpipe::Environment mpi(argc, argv);  // forks the small process that isolated functions are forked from
  const mpipe::Pipeline pipeline{
      mpipe::function("deflection", solve)
          .parameters("load")
          .mapspec("load[i] -> deflection[i]")
          // The limits are what ends a call that hangs or eats the memory; a crash needs none.
          .resources({.memory = 1'000'000'000, .time = std::chrono::seconds(1)})
          .isolation(mpipe::Isolation::process),
      mpipe::function("energy", squared).parameters("deflection").mapspec("deflection[i] -> energy[i]")};
  const auto results = mpipe::map(pipeline, mpi.world(), {{"load", mpipe::linspace(0, 9, 10)}},
                                  {.error_handling = "continue"});
  if (!mpi.world().is_root()) return 0;
  for (const mpipe::Failure& failure : results.failures)
    std::printf("deflection[%td]: %s\n", static_cast<std::ptrdiff_t>(failure.element),
                failure.message.c_str());
  const auto& energy = results.at("energy");
  for (mpipe::Index k = 0; k < 10; ++k)
    // Elements whose deflection failed are blocked, and have no value that could be decoded.
    if (energy.done.contains(k))
      std::printf("energy[%td] = %.1f\n", static_cast<std::ptrdiff_t>(k),
                  mpipe::decode<double>(energy.value.element(k)));
}
