// SPDX-License-Identifier: BSD-3-Clause
/// @file
/// What a run of ising.yaml found, and how near that comes to the exact solution.
#pragma once

#include <cstdint>
#include <filesystem>
#include <vector>

namespace ising {

/// Arrays over (temperature, size) are in C order: the size changes fastest. NaN stands for what is not
/// computed.
struct Sweep {
  std::vector<double> temperatures;
  std::vector<std::int64_t> sizes;
  std::vector<double> magnetization;  ///< mean |m| per spin
  std::vector<double> energy;         ///< mean per spin
  std::vector<double> binder;
  double critical_temperature = 0;

  std::size_t at(std::size_t temperature, std::size_t size) const {
    return temperature * sizes.size() + size;
  }
};

/// Reads results.h5 of a run folder, which may still be written to. Throws std::runtime_error (file, what,
/// why).
Sweep read_sweep(const std::filesystem::path& run_folder);

/// How far a sweep is from the exact solution; relative, and NaN where something is not computed. Only the
/// ordered phase of the large lattice is compared with the infinite one: elsewhere lattices truly differ.
struct Accuracy {
  static constexpr double kHighestTemperature = 2.0;
  static constexpr std::int64_t kSize = 64;
  static constexpr double kMagnetizationLimit = 0.01;
  static constexpr double kEnergyLimit = 0.005;
  static constexpr double kCriticalTemperatureLimit = 0.01;

  int temperatures = 0;  ///< how many were compared
  double magnetization = 0;
  double energy = 0;
  double critical_temperature = 0;

  /// False when there was nothing to compare, too.
  bool good() const;
};
Accuracy accuracy_of(const Sweep& sweep);

}  // namespace ising
