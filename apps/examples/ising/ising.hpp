// SPDX-License-Identifier: BSD-3-Clause
/// @file
/// The two-dimensional Ising model on a periodic square lattice, without a field, moved by Wolff's cluster
/// algorithm [U. Wolff, Phys. Rev. Lett. 62, 361 (1989)]. Coupling and Boltzmann's constant are 1.
/// Nothing here knows of mpipe: plugin.cpp hands these functions to it.
#pragma once

#include <algorithm>
#include <concepts>
#include <cstdint>
#include <random>
#include <span>
#include <vector>

namespace ising {

/// A source of 64 random bits at a time.
template <class Generator>
concept Random64 = std::uniform_random_bit_generator<Generator> && Generator::min()
== 0 && Generator::max() == ~std::uint64_t{0};

/// The spins of an L x L torus, row by row. A new lattice is ordered: all spins up.
class Lattice {
 public:
  /// Sizes that a lattice may have. On a torus of 2 x 2 each pair of neighbours shares two bonds.
  static constexpr std::int64_t kSmallest = 2;
  static constexpr std::int64_t kLargest = 4096;

  /// Throws std::invalid_argument for a size outside [kSmallest, kLargest].
  explicit Lattice(std::int64_t size);

  std::uint32_t size() const { return size_; }
  std::uint32_t sites() const { return size_ * size_; }

  /// 0: down, 1: up. Site (x, y) is number y * size() + x.
  std::span<std::uint8_t> spins() { return spins_; }
  std::span<const std::uint8_t> spins() const { return spins_; }

  /// The sum of all spins (each -1 or +1).
  std::int64_t magnetization() const;

  /// Minus the sum over all 2 * sites() bonds of the product of their two spins.
  std::int64_t energy() const;

 private:
  std::uint32_t size_;
  std::vector<std::uint8_t> spins_;
};

/// Flips one cluster after the other of the same lattice at one temperature.
class WolffUpdate {
 public:
  /// Keeps a reference to the lattice. Throws std::invalid_argument unless temperature > 0.
  WolffUpdate(Lattice& lattice, double temperature);

  /// Grows a cluster from a random site, flips it and returns its number of spins.
  template <Random64 Generator>
  std::uint32_t operator()(Generator& random);

 private:
  struct Site {
    std::uint32_t x;
    std::uint32_t y;
  };

  Lattice& lattice_;
  std::uint64_t bond_threshold_;  // the probability of a bond, in units of 2^-32
  std::vector<Site> cluster_;     // one more than there are sites: room for a candidate that is refused
};

/// How long a simulation lasts, in sweeps (a sweep flips about as many spins as there are).
struct Schedule {
  std::int64_t equilibration = 0;  ///< sweeps before the first measurement
  std::int64_t samples = 0;        ///< measurements, about half a sweep or more apart
};

/// Means over the measurements of one simulation; m is the magnetisation per spin.
struct Observables {
  double magnetization = 0;  ///< <|m|>
  double energy = 0;         ///< per spin
  double m2 = 0;             ///< <m^2>
  double m4 = 0;             ///< <m^4>
};

/// Adds up measurements of the lattice.
class Measurement {
 public:
  void add(const Lattice& lattice);

  /// The means so far.
  Observables mean() const;

 private:
  Observables sum_;
  std::int64_t count_ = 0;
};

/// Simulates one lattice from the ordered state. All randomness comes from `random`, so that the same stream
/// gives the same bytes. Throws std::invalid_argument for a temperature that is not positive, a size outside
/// the bounds of Lattice, or a schedule with a negative equilibration or no sample.
template <Random64 Generator>
Observables simulate(double temperature, std::int64_t size, const Schedule& schedule, Generator& random);

// ---------------------------------------------------------------------------------------------------------

template <Random64 Generator>
std::uint32_t WolffUpdate::operator()(Generator& random) {
  const std::uint32_t size = lattice_.size();
  std::uint8_t* const spins = lattice_.spins().data();
  Site* const cluster = cluster_.data();

  const auto first = static_cast<std::uint32_t>(((random() >> 32) * lattice_.sites()) >> 32);
  const std::uint8_t old_spin = spins[first];
  spins[first] ^= 1;
  cluster[0] = {first % size, first / size};
  std::uint32_t count = 1;

  // Whether a neighbour joins is a coin's decision, which no processor foresees: so each candidate is written
  // behind the cluster and spun, and only the count and the spin's bit depend on whether it stays. Sites are
  // taken in the order in which they joined; the next ones are then known long before their turn comes.
  const auto try_bond = [&](Site site, std::uint32_t coin) {
    std::uint8_t& spin = spins[site.y * size + site.x];
    const bool joins = (spin == old_spin) & (coin < bond_threshold_);
    cluster[count] = site;
    count += joins;
    spin ^= static_cast<std::uint8_t>(joins);
  };
  for (std::uint32_t next = 0; next < count; ++next) {
    const auto [x, y] = cluster[next];
    const std::uint64_t coins_x = random();
    const std::uint64_t coins_y = random();
    try_bond({x + 1 == size ? 0 : x + 1, y}, static_cast<std::uint32_t>(coins_x));
    try_bond({x == 0 ? size - 1 : x - 1, y}, static_cast<std::uint32_t>(coins_x >> 32));
    try_bond({x, y + 1 == size ? 0 : y + 1}, static_cast<std::uint32_t>(coins_y));
    try_bond({x, y == 0 ? size - 1 : y - 1}, static_cast<std::uint32_t>(coins_y >> 32));
  }
  return count;
}

namespace detail {

void check_schedule(const Schedule& schedule);

/// Flips clusters for the given number of sweeps, and returns how many clusters there are in half a sweep.
template <Random64 Generator>
std::int64_t equilibrate(WolffUpdate& flip_cluster, std::int64_t sites, std::int64_t sweeps,
                         Generator& random) {
  std::int64_t clusters = 0;
  std::int64_t spins = 0;
  do {
    spins += flip_cluster(random);
    ++clusters;
  } while (spins < sweeps * sites);
  return std::max<std::int64_t>(1, clusters * sites / (2 * spins));
}

}  // namespace detail

template <Random64 Generator>
Observables simulate(double temperature, std::int64_t size, const Schedule& schedule, Generator& random) {
  detail::check_schedule(schedule);
  Lattice lattice(size);
  WolffUpdate flip_cluster(lattice, temperature);
  // From here on a fixed number of clusters lies between two measurements: were it to depend on what these
  // clusters turn out to be, large ones would be met more often than they occur.
  const std::int64_t stride =
      detail::equilibrate(flip_cluster, lattice.sites(), schedule.equilibration, random);
  Measurement measurement;
  for (std::int64_t sample = 0; sample < schedule.samples; ++sample) {
    for (std::int64_t cluster = 0; cluster < stride; ++cluster) flip_cluster(random);
    measurement.add(lattice);
  }
  return measurement.mean();
}

}  // namespace ising
