// SPDX-License-Identifier: BSD-3-Clause
// Makespan of a heavy-tailed sweep against what the workers slept.
#include <mpipe/mpipe.hpp>

#include "bench/report.hpp"

#include <fmt/format.h>

#include <atomic>
#include <cmath>
#include <random>
#include <thread>

namespace {

std::atomic<double> slept{0};

double nap(double seconds) {
  const double took =
      mpipe::bench::seconds_of([&] { std::this_thread::sleep_for(std::chrono::duration<double>(seconds)); });
  slept = slept + took;
  return took;
}

/// Lognormal with sigma 1.5 and mean 1 ms. Another draw each time: where the few long ones lie decides how
/// well anybody can do (in-order list scheduling: 1.0005 of the ideal with 2 workers, 1.008 with 4, in the
/// median).
std::vector<double> naps(unsigned draw) {
  constexpr double kSigma = 1.5;
  std::mt19937_64 engine(12345 + draw);
  std::lognormal_distribution<double> lengths(std::log(1e-3) - kSigma * kSigma / 2, kSigma);
  std::vector<double> values(2000);
  for (double& value : values) value = lengths(engine);
  return values;
}

}  // namespace

int main(int argc, char** argv) {
  mpipe::Environment environment(argc, argv);
  const mpipe::Communicator& comm = environment.world();
  const mpipe::Pipeline pipeline{
      mpipe::function("took", nap).parameters("length").mapspec("length[i] -> took[i]")};
  mpipe::MapOptions options;
  options.rank0 = mpipe::Rank0::schedule;
  options.return_results = false;
  std::vector<double> ratios, makespans;
  const double stolen_before = mpipe::bench::stolen_seconds();
  const auto began = mpipe::bench::Clock::now();
  for (unsigned k = 0; k < 9; ++k) {
    const std::vector<double> lengths = naps(k);
    slept = 0;
    comm.barrier();
    const double makespan = mpipe::bench::seconds_of([&] {
      mpipe::map(pipeline, comm, {{"length", lengths}}, options);
    });
    const double ideal = comm.all_reduce(slept.load(), mpipe::ReduceOp::sum) / (comm.size() - 1);
    ratios.push_back(makespan / ideal);
    makespans.push_back(makespan);
  }
  if (!comm.is_root()) return 0;
  const std::chrono::duration<double> elapsed = mpipe::bench::Clock::now() - began;
  const double cores = std::thread::hardware_concurrency();
  const double stolen = (mpipe::bench::stolen_seconds() - stolen_before) / (elapsed.count() * cores);
  mpipe::bench::print_row(fmt::format("heavy tail, {} workers", comm.size() - 1),
                          mpipe::bench::median(ratios), 1.03, "x sleep / workers",
                          fmt::format("makespan {:.3g} s, {:.0f} % of the cores stolen by other machines",
                                      mpipe::bench::median(makespans), 100 * stolen));
  return 0;
}
