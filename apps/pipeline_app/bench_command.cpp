// SPDX-License-Identifier: BSD-3-Clause
/// `bench`: what a message, a block, an element and storing cost on the machine or allocation that it runs on.
#include <mpipe/comm/environment.hpp>
#include <mpipe/mpipe.hpp>

#include "base/api/file.hpp"
#include "comm/api/collective.hpp"
#include "command.hpp"
#include "output.hpp"
#include "table.hpp"

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include <algorithm>
#include <chrono>
#include <cmath>

namespace mpipe::app {
namespace {

struct BenchFlags {
  std::string folder;
  double megabytes = 256;
  bool json = false;
};

/// Steps of a computation that no compiler can leave out or shorten.
double spin(std::int64_t steps) {
  double x = 1;
  for (std::int64_t k = 0; k < steps; ++k) x = 1 / (1 + x);
  return x;
}

template <class Action>
double seconds_of(const Action& action) {
  const SteadyClock clock;
  const TimePoint begin = clock.now();
  action();
  return seconds(clock.now() - begin);
}

double median(std::vector<double> values) {
  const auto middle = values.begin() + static_cast<std::ptrdiff_t>(values.size() / 2);
  std::nth_element(values.begin(), middle, values.end());
  return *middle;
}

/// A folder that goes at the end, also where the disk was too small for it; empty: there is none.
struct RemovedFolder {
  std::filesystem::path path;
  ~RemovedFolder() {
    std::error_code ignored;
    if (!path.empty()) std::filesystem::remove_all(path, ignored);
  }
};

class Bench {
 public:
  /// Collective.
  Bench(const Communicator& world, const BenchFlags& flags)
      : world_(world), flags_(flags), nodes_(world.nodes().size()) {}

  /// Collective.
  void run() {
    check_folder();
    step_ = world_.broadcast_value(seconds_of_a_step());
    measure_messages();
    measure_elements();
    if (!flags_.folder.empty()) measure_storing();
    if (world_.is_root()) print_result(flags_.json ? as_json() : as_text());
  }

 private:
  /// Before anything is measured, which takes its time.
  void check_folder() const {
    together(world_, [&] {
      if (!world_.is_root() || flags_.folder.empty() ||
          std::filesystem::is_directory(resolve_path(flags_.folder)))
        return;
      throw Error(
          Category::bad_option,
          fmt::format("--folder: there is no folder '{}'. Name one that all ranks share.", flags_.folder));
    });
  }

  /// The least of some tries: what it takes when nobody disturbs.
  static double seconds_of_a_step() {
    constexpr std::int64_t kSteps = 1'000'000;
    double least = 1;
    double kept = 0;  // or there would be nothing to compute
    for (int k = 0; k < 20; ++k) least = std::min(least, seconds_of([&] { kept += spin(kSteps); }) / kSteps);
    return kept > 0 ? least : 0;
  }

  /// Eight bytes from rank 0 to each other rank and back, one rank after the other.
  void measure_messages() {
    for (int other = 1; other < world_.size(); ++other) {
      world_.barrier();
      if (!world_.is_root() && world_.rank() != other) continue;
      const int both[] = {0, other};
      trips_.push_back(seconds_of_a_trip(world_.subgroup(both)));
    }
    world_.barrier();
  }
  static double seconds_of_a_trip(const Communicator& pair) {
    constexpr int kTrips = 200;
    std::byte bytes[8]{};
    const SendPart out{1 - pair.rank(), bytes};
    const ReceivePart in{1 - pair.rank(), bytes};
    std::vector<double> trips;
    for (int k = 0; k < kTrips; ++k)
      trips.push_back(seconds_of([&] {
        for (const bool sends : {pair.is_root(), !pair.is_root()})
          sends ? pair.exchange(std::span(&out, 1), {}) : pair.exchange({}, std::span(&in, 1));
      }));
    return median(std::move(trips));
  }

  int workers() const { return std::max(1, world_.size() - 1); }

  /// Seconds of a map of so many elements of so many steps; `block`: elements of each, 0: automatic.
  double map_seconds(Index elements, std::int64_t steps, Index block) const {
    const Pipeline pipeline{function("y", [](std::int64_t, std::int64_t n) { return spin(n); })
                                .parameters("x", "n")
                                .mapspec("x[i] -> y[i]")};
    MapOptions options;
    options.return_results = false;
    options.rank0 = world_.size() > 1 ? Rank0::schedule : Rank0::automatic;
    if (block > 0) options.chunksizes = {{"", block}};
    const Inputs inputs{{"x", std::vector<std::int64_t>(static_cast<std::size_t>(elements), 0)},
                        {"n", steps}};
    world_.barrier();
    return world_.broadcast_value(seconds_of([&] { map(pipeline, world_, inputs, options); }));
  }

  /// Where the overhead of a block of one element equals the length of the element, half of the time is lost: the fixed
  /// point of the length, which the overhead depends on little.
  void measure_elements() {
    constexpr Index kElements = 400'000;
    constexpr double kSecondsOfARound = 0.2;
    element_ = map_seconds(kElements, 1, 0) * workers() / static_cast<double>(kElements);
    double length = 1e-6;
    std::vector<double> lengths;
    for (int round = 0; round < 5; ++round) {
      const auto steps = std::max<std::int64_t>(1, std::llround(length / step_));
      const double task = static_cast<double>(steps) * step_;
      const auto elements =
          std::clamp<Index>(std::llround(kSecondsOfARound * workers() / (2 * task)), 2'000, 100'000);
      length =
          std::max(step_, map_seconds(elements, steps, 1) * workers() / static_cast<double>(elements) - task);
      if (round >= 2) lengths.push_back(length);  // the first ones come from afar
    }
    metg_ = median(std::move(lengths));
  }

  /// The same map with and without a run folder; the difference is storing.
  void measure_storing() {
    const auto elements = static_cast<Index>(flags_.megabytes * 1e6 / sizeof(double));
    const Pipeline pipeline{
        function("y", [](double x) { return x + 1; }).parameters("x").mapspec("x[i] -> y[i]")};
    MapOptions options;
    options.return_results = false;
    const Inputs inputs{{"x", linspace(0, 1, elements)}};
    const double computed = seconds_of([&] { map(pipeline, world_, inputs, options); });
    std::string folder;
    if (world_.is_root()) folder = temporary_path(resolve_path(flags_.folder) / "mpipe-bench").string();
    options.run_folder = world_.broadcast_text(folder);
    const RemovedFolder stays_no_longer{folder};
    world_.barrier();
    const double stored = seconds_of([&] { map(pipeline, world_, inputs, options); });
    world_.barrier();
    bandwidth_ = flags_.megabytes * 1e6 / std::max(1e-3, stored - computed);
  }

  double slowest_trip() const { return trips_.empty() ? 0 : *std::max_element(trips_.begin(), trips_.end()); }

  std::string as_json() const {
    nlohmann::ordered_json root{
        {"ranks", world_.size()}, {"nodes", nodes_}, {"element_seconds", element_}, {"metg_seconds", metg_}};
    root["round_trip_seconds"] =
        trips_.empty() ? nlohmann::ordered_json()
                       : nlohmann::ordered_json{{"median", median(trips_)}, {"slowest", slowest_trip()}};
    root["stored_bytes_per_second"] =
        bandwidth_ > 0 ? nlohmann::ordered_json(bandwidth_) : nlohmann::ordered_json();
    return root.dump() + "\n";
  }

  std::string as_text() const {
    // An overhead of a twentieth is one that nobody looks for.
    constexpr double kWell = 20;
    std::string text = fmt::format("{} on {}\n", count_text(world_.size(), "rank"),
                                   count_text(static_cast<Index>(nodes_), "node"));
    if (!trips_.empty())
      text += fmt::format("  a message to another rank and back   {} (slowest rank {})\n",
                          call_time_text(median(trips_)), call_time_text(slowest_trip()));
    text += fmt::format("  an element, automatic block sizes    {} of a worker\n", call_time_text(element_));
    text += fmt::format("  a block of one element               {} of a worker (METG(50 %))\n",
                        call_time_text(metg_));
    if (bandwidth_ > 0)
      text += fmt::format("  storing into one file                {:.3g} MB/s, {:.3g} MB/s a node\n",
                          bandwidth_ / 1e6, bandwidth_ / 1e6 / static_cast<double>(nodes_));
    return text + fmt::format(
                      "Leave block sizes automatic, or let a block take {} or more: then less than a "
                      "twentieth of the time is lost.\n",
                      call_time_text(kWell * metg_));
  }

  const Communicator& world_;
  const BenchFlags& flags_;
  std::size_t nodes_;
  double step_ = 0;            ///< seconds
  std::vector<double> trips_;  ///< seconds, by rank from 1 on; on rank 0
  double element_ = 0;         ///< seconds of a worker
  double metg_ = 0;            ///< seconds
  double bandwidth_ = 0;       ///< bytes a second; 0: not measured
};

int run_bench(const BenchFlags& flags, Program& program) {
  if (!(flags.megabytes >= 1 && flags.megabytes <= 1e6))
    throw Error(Category::bad_option,
                fmt::format("--size {} is not a number of megabytes from 1 to 1000000.", flags.megabytes));
  const Environment mpi(program.argc, program.argv);
  const Communicator& world = mpi.world();
  int code = 0;
  try {
    Bench(world, flags).run();
  } catch (const Error& error) {
    // Errors of mpipe come to all ranks alike.
    code = exit_code(error.category());
    if (world.is_root()) print_error(error.what());
  }
  world.barrier();
  return world.is_root() ? code : 0;
}

}  // namespace

void add_bench_command(CLI::App& app, Program& program) {
  const auto flags = std::make_shared<BenchFlags>();
  CLI::App* command =
      add_command(app, {CommandGroup::batch, "bench",
                        "Measures messages, blocks and storing on this machine; under mpirun on all ranks",
                        "mpirun -n 2 pipeline_app bench --folder ."});
  command->add_option("--folder", flags->folder, "Also measure storing, in a run folder in this one")
      ->type_name("DIR");
  command->add_option("--size", flags->megabytes, "What to store, in megabytes; 256")->type_name("MB");
  command->add_flag("--json", flags->json, "Print one JSON object");
  command->callback(
      [flags, &program] { program.action = [flags, &program] { return run_bench(*flags, program); }; });
}

}  // namespace mpipe::app
