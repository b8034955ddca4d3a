// SPDX-License-Identifier: BSD-3-Clause
// Makespan of a heavy-tailed sweep against what the workers slept.
#include <mpipe/mpipe.hpp>

#include "bench/report.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <atomic>
#include <cmath>
#include <limits>
#include <numeric>
#include <optional>
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

/// As many draws as it takes for their median to stand for the distribution: where the few long naps lie
/// decides how well anybody can do, and with 4 workers the median of nine draws is anything from 1.00
/// to 1.03.
constexpr unsigned kDraws = 31;

/// Lognormal with sigma 1.5 and mean 1 ms; another draw for each k.
std::vector<double> naps(unsigned draw) {
  constexpr double kSigma = 1.5;
  std::mt19937_64 engine(12345 + draw);
  std::lognormal_distribution<double> lengths(std::log(1e-3) - kSigma * kSigma / 2, kSigma);
  std::vector<double> values(2000);
  for (double& value : values) value = lengths(engine);
  return values;
}

/// What list scheduling in order would reach if starting, sending and ending cost nothing: its makespan over
/// the mean load of a worker.
double free_of_cost(const std::vector<double>& lengths, int workers) {
  std::vector<double> loads(static_cast<std::size_t>(workers));
  for (const double length : lengths) *std::ranges::min_element(loads) += length;
  return std::ranges::max(loads) * workers / std::accumulate(lengths.begin(), lengths.end(), 0.0);
}

constexpr std::size_t kRows = 40;
constexpr double kRowNap = 10e-3;

/// The makespan of elements in rows, and then a call of length `of_row` for each row, if scheduling cost nothing: a
/// worker that is free takes a row that is complete, else the next element. `in_waves`: rows begin when all elements
/// are done.
double makespan_of_rows(const std::vector<double>& lengths, double of_row, int workers, bool in_waves) {
  std::vector<double> free(static_cast<std::size_t>(workers));
  std::vector<double> complete(kRows);
  const std::size_t per_row = lengths.size() / kRows;
  std::size_t next = 0;
  double all_done = 0;
  for (std::size_t rows_left = kRows; rows_left > 0;) {
    double& worker = *std::ranges::min_element(free);
    // A row that has been taken is never the first again.
    const auto last = complete.begin() + static_cast<std::ptrdiff_t>(next / per_row);
    const auto row = std::min_element(complete.begin(), last);
    const bool no_more = next == lengths.size();
    if (row != last && (no_more || (!in_waves && *row <= worker))) {
      worker = std::max(worker, in_waves ? all_done : *row) + of_row;
      *row = std::numeric_limits<double>::infinity();
      --rows_left;
    } else {
      worker += lengths[next];
      all_done = std::max(all_done, worker);
      complete[next / per_row] = std::max(complete[next / per_row], worker);
      ++next;
    }
  }
  return std::ranges::max(free);
}

/// A long call for each row of a heavy-tailed sweep, which may begin when its row is complete.
void measure_rows(const mpipe::Communicator& comm) {
  const mpipe::Pipeline pipeline{
      mpipe::function("took", nap).parameters("length").mapspec("length[i, j] -> took[i, j]"),
      mpipe::function("row", [](mpipe::ArrayView<const double>) { return nap(kRowNap); })
          .parameters("took")
          .mapspec("took[i, :] -> row[i]")};
  mpipe::MapOptions options;
  options.rank0 = mpipe::Rank0::schedule;
  const int workers = comm.size() - 1;
  std::vector<double> ratios, waves;
  for (unsigned k = 0; k < 15; ++k) {
    std::vector<double> lengths = naps(k);
    lengths.resize(kRows * 25);
    mpipe::Array<double> sweep({static_cast<mpipe::Index>(kRows), 25}, lengths.begin());
    comm.barrier();
    std::optional<mpipe::Results> results;
    const double makespan = mpipe::bench::seconds_of([&] {
      results = mpipe::map(pipeline, comm, {{"length", sweep}}, options);
    });
    if (!comm.is_root()) continue;
    // Naps are longer than they should be: what they took is what anybody would have had to schedule.
    const auto took = results->get<mpipe::Array<double>>("took");
    const auto rows = results->get<mpipe::Array<double>>("row");
    lengths.assign(took.begin(), took.end());
    const double of_row = std::accumulate(rows.begin(), rows.end(), 0.0) / static_cast<double>(kRows);
    const double floor = makespan_of_rows(lengths, of_row, workers, false);
    ratios.push_back(makespan / floor);
    waves.push_back(makespan_of_rows(lengths, of_row, workers, true) / floor);
  }
  if (!comm.is_root()) return;
  mpipe::bench::print_row(fmt::format("rows of a heavy tail, {} workers", workers),
                          mpipe::bench::median(ratios), 1.05, "x list scheduling",
                          fmt::format("waves without any cost {:.3f}", mpipe::bench::median(waves)));
}

}  // namespace

int main(int argc, char** argv) {
  mpipe::Environment environment(argc, argv);
  const mpipe::Communicator& comm = environment.world();
  measure_rows(comm);
  const mpipe::Pipeline pipeline{
      mpipe::function("took", nap).parameters("length").mapspec("length[i] -> took[i]")};
  mpipe::MapOptions options;
  options.rank0 = mpipe::Rank0::schedule;
  options.return_results = false;
  std::vector<double> ratios, makespans, floors;
  const double stolen_before = mpipe::bench::stolen_seconds();
  const auto began = mpipe::bench::Clock::now();
  for (unsigned k = 0; k < kDraws; ++k) {
    const std::vector<double> lengths = naps(k);
    slept = 0;
    comm.barrier();
    const double makespan = mpipe::bench::seconds_of([&] {
      mpipe::map(pipeline, comm, {{"length", lengths}}, options);
    });
    const double ideal = comm.all_reduce(slept.load(), mpipe::ReduceOp::sum) / (comm.size() - 1);
    ratios.push_back(makespan / ideal);
    makespans.push_back(makespan);
    floors.push_back(free_of_cost(lengths, comm.size() - 1));
  }
  if (!comm.is_root()) return 0;
  const std::chrono::duration<double> elapsed = mpipe::bench::Clock::now() - began;
  const double cores = std::thread::hardware_concurrency();
  const double stolen = (mpipe::bench::stolen_seconds() - stolen_before) / (elapsed.count() * cores);
  mpipe::bench::print_row(
      fmt::format("heavy tail, {} workers", comm.size() - 1), mpipe::bench::median(ratios), 1.03,
      "x sleep / workers",
      fmt::format("makespan {:.3g} s, list scheduling without any cost {:.3f}, "
                  "{:.0f} % of the cores stolen by other machines",
                  mpipe::bench::median(makespans), mpipe::bench::median(floors), 100 * stolen));
  return 0;
}
