// SPDX-License-Identifier: BSD-3-Clause
// Measures lattices and checks what a simulation is given; the update itself is a template in the header.
#include "ising.hpp"

#include <cmath>
#include <stdexcept>
#include <string>

namespace ising {
namespace {

std::uint32_t checked_size(std::int64_t size) {
  if (size < Lattice::kSmallest || size > Lattice::kLargest)
    throw std::invalid_argument("a lattice of size " + std::to_string(size) +
                                " cannot be simulated. Sizes from " + std::to_string(Lattice::kSmallest) +
                                " to " + std::to_string(Lattice::kLargest) + " can.");
  return static_cast<std::uint32_t>(size);
}

}  // namespace

Lattice::Lattice(std::int64_t size) : size_(checked_size(size)), spins_(std::size_t{size_} * size_, 1) {}

std::int64_t Lattice::magnetization() const {
  std::int64_t up = 0;
  for (const std::uint8_t spin : spins_) up += spin;
  return 2 * up - std::int64_t{sites()};
}

std::int64_t Lattice::energy() const {
  std::int64_t unlike = 0;  // bonds between an up and a down spin: each costs 2
  for (std::uint32_t y = 0; y < size_; ++y) {
    const std::uint8_t* const row = spins_.data() + y * size_;
    const std::uint8_t* const below = spins_.data() + (y + 1 == size_ ? 0 : y + 1) * size_;
    // Each site has its bonds to the right and below, so every bond is counted once. The last site of a row
    // is apart, as its right neighbour is the first one: that keeps the loop free of conditions.
    for (std::uint32_t x = 0; x + 1 < size_; ++x) unlike += (row[x] ^ row[x + 1]) + (row[x] ^ below[x]);
    unlike += (row[size_ - 1] ^ row[0]) + (row[size_ - 1] ^ below[size_ - 1]);
  }
  return 2 * unlike - 2 * std::int64_t{sites()};
}

WolffUpdate::WolffUpdate(Lattice& lattice, double temperature)
    : lattice_(lattice), cluster_(std::size_t{lattice.sites()} + 1) {
  if (!(temperature > 0))
    throw std::invalid_argument("the temperature is " + std::to_string(temperature) +
                                ", and clusters grow only at temperatures above 0.");
  // The probability 1 - exp(-2/T) of a bond, in units of 2^-32, is compared with random integers. expm1 keeps
  // its digits where the temperature is high.
  bond_threshold_ = static_cast<std::uint64_t>(std::ldexp(-std::expm1(-2 / temperature), 32));
}

void Measurement::add(const Lattice& lattice) {
  const double sites = lattice.sites();
  const double m = static_cast<double>(lattice.magnetization()) / sites;
  const double m2 = m * m;
  sum_.magnetization += std::abs(m);
  sum_.energy += static_cast<double>(lattice.energy()) / sites;
  sum_.m2 += m2;
  sum_.m4 += m2 * m2;
  ++count_;
}

Observables Measurement::mean() const {
  const auto count = static_cast<double>(count_);
  return {sum_.magnetization / count, sum_.energy / count, sum_.m2 / count, sum_.m4 / count};
}

void detail::check_schedule(const Schedule& schedule) {
  if (schedule.equilibration < 0)
    throw std::invalid_argument("an equilibration of " + std::to_string(schedule.equilibration) +
                                " sweeps is impossible. Use 0 or more.");
  if (schedule.samples < 1)
    throw std::invalid_argument(std::to_string(schedule.samples) + " samples give no mean. Use 1 or more.");
}

}  // namespace ising
