// SPDX-License-Identifier: BSD-3-Clause
// Simulates a Lennard-Jones fluid: a crystal is made and melted, brought to rest, and then measured.
#include "lj_fluid.hpp"

#define LAMMPS_LIB_MPI
#include <fmt/format.h>
#include <lammps/library.h>

#include <array>
#include <stdexcept>
#include <string>

namespace lj {
namespace {

constexpr std::int64_t kCells = 5;  // per direction, of 4 atoms each
constexpr std::int64_t kAtoms = 4 * kCells * kCells * kCells;
constexpr std::int64_t kMeasureEvery = 10;

/// One instance of LAMMPS on a communicator. Silent: standard output belongs to results.
class Lammps {
 public:
  explicit Lammps(MPI_Comm comm) {
    std::array words{std::string("lammps"),  std::string("-log"), std::string("none"),
                     std::string("-screen"), std::string("none"), std::string("-nocite")};
    std::array<char*, words.size()> arguments{};
    for (std::size_t k = 0; k < words.size(); ++k) arguments[k] = words[k].data();
    handle_ = lammps_open(static_cast<int>(arguments.size()), arguments.data(), comm, nullptr);
    // The destructor of an object that was not made does not run, so there is no handle to close here.
    if (handle_ == nullptr) throw std::runtime_error("LAMMPS did not start");
  }
  ~Lammps() { lammps_close(handle_); }
  Lammps(const Lammps&) = delete;
  Lammps& operator=(const Lammps&) = delete;

  void execute(const std::string& commands) {
    lammps_commands_string(handle_, commands.c_str());
    if (lammps_config_has_exceptions() == 0 || lammps_has_error(handle_) == 0) return;
    std::array<char, 512> message{};
    lammps_get_last_error_message(handle_, message.data(), static_cast<int>(message.size()));
    throw std::runtime_error(message.data());
  }

  /// An item of what a fix has averaged. Collective.
  double mean(const char* fix, int item) {
    constexpr int kGlobal = 0;
    constexpr int kVector = 1;
    auto* const copy = static_cast<double*>(lammps_extract_fix(handle_, fix, kGlobal, kVector, item, 0));
    if (copy == nullptr)
      throw std::runtime_error(fmt::format("LAMMPS has no item {} of its fix '{}'", item, fix));
    const double value = *copy;
    // LAMMPS gives a copy that belongs to the caller.
    lammps_free(copy);
    return value;
  }

 private:
  void* handle_ = nullptr;
};

void check(double density, double temperature, const Steps& steps) {
  if (!(density > 0 && density <= 1))
    throw std::invalid_argument(
        fmt::format("a density of {} is not the one of a fluid: above 0, at most 1", density));
  if (!(temperature > 0 && temperature <= 10))
    throw std::invalid_argument(fmt::format(
        "a temperature of {} is too much for time steps of 0.005: above 0, at most 10", temperature));
  constexpr std::int64_t kMost = 1'000'000'000;
  if (steps.equilibration < 0 || steps.equilibration > kMost || steps.production < kMeasureEvery ||
      steps.production > kMost || steps.production % kMeasureEvery != 0)
    throw std::invalid_argument(
        fmt::format("{} and {} steps: from 0 to {} are for equilibration, and a multiple of "
                    "{} for production",
                    steps.equilibration, steps.production, kMost, kMeasureEvery));
}

/// Twice the temperature, as half of it melts the crystal.
std::string preparation(double density, double temperature, std::uint64_t seed) {
  constexpr std::uint64_t kMostSeeds = 900'000'000;
  return fmt::format(R"(
units lj
atom_style atomic
newton off
lattice fcc {density}
region box block 0 {cells} 0 {cells} 0 {cells}
create_box 1 box
create_atoms 1 box
mass 1 1
pair_style lj/cut 3
pair_coeff 1 1 1 1
pair_modify tail yes
neighbor 0.4 bin
neigh_modify every 10 delay 0 check no
velocity all create {hot} {seed} loop geom
timestep 0.005
fix thermostat all nvt temp {temperature} {temperature} 0.5
)",
                     fmt::arg("density", density), fmt::arg("cells", kCells),
                     fmt::arg("hot", 2 * temperature), fmt::arg("seed", 1 + seed % (kMostSeeds - 1)),
                     fmt::arg("temperature", temperature));
}

/// The means are set up behind the equilibration, and the count of steps begins anew, so that the one average
/// they make covers the production and nothing before it.
std::string measurement(const Steps& steps) {
  return fmt::format(R"(
run {equilibration}
reset_timestep 0
fix means all ave/time {every} {count} {production} c_thermo_pe c_thermo_press
run {production}
)",
                     fmt::arg("equilibration", steps.equilibration), fmt::arg("every", kMeasureEvery),
                     fmt::arg("count", steps.production / kMeasureEvery),
                     fmt::arg("production", steps.production));
}

}  // namespace

State simulate(MPI_Comm comm, double density, double temperature, Steps steps, std::uint64_t seed) {
  // The arguments are checked before LAMMPS starts: where it is built without exceptions, an error of its own
  // would end the process.
  check(density, temperature, steps);
  Lammps lammps(comm);
  lammps.execute(preparation(density, temperature, seed));
  lammps.execute(measurement(steps));
  const double energy = lammps.mean("means", 0) / static_cast<double>(kAtoms);
  return {energy, lammps.mean("means", 1)};
}

}  // namespace lj
