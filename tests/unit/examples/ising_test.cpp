// SPDX-License-Identifier: BSD-3-Clause
// The physics of the Ising example: against configurations done by hand, against all states of small
// lattices, and the exact solution against published values and against an integral.
#include "ising/ising.hpp"

#include "ising/exact.hpp"

#include <gtest/gtest.h>

#include <array>
#include <cmath>
#include <cstring>
#include <limits>
#include <numbers>
#include <random>
#include <stdexcept>

namespace ising {
namespace {

void set_spins(Lattice& lattice, std::uint64_t bits) {
  for (std::uint8_t& spin : lattice.spins()) {
    spin = bits & 1;
    bits >>= 1;
  }
}

/// The canonical means over all 2^(size * size) states.
Observables enumerate(std::int64_t size, double temperature) {
  Lattice lattice(size);
  const double sites = lattice.sites();
  Observables sum;
  double partition = 0;
  for (std::uint64_t state = 0; state < std::uint64_t{1} << lattice.sites(); ++state) {
    set_spins(lattice, state);
    const auto energy = static_cast<double>(lattice.energy());
    const double m = static_cast<double>(lattice.magnetization()) / sites;
    const double weight = std::exp(-(energy + 2 * sites) / temperature);
    partition += weight;
    sum.magnetization += weight * std::abs(m);
    sum.energy += weight * energy / sites;
    sum.m2 += weight * m * m;
    sum.m4 += weight * m * m * m * m;
  }
  return {sum.magnetization / partition, sum.energy / partition, sum.m2 / partition, sum.m4 / partition};
}

using Fields = std::array<double, 4>;
Fields fields_of(const Observables& o) { return {o.magnetization, o.energy, o.m2, o.m4}; }

TEST(Lattice, StartsOrdered) {
  const Lattice lattice(6);
  EXPECT_EQ(lattice.size(), 6u);
  EXPECT_EQ(lattice.sites(), 36u);
  EXPECT_EQ(lattice.magnetization(), 36);
  EXPECT_EQ(lattice.energy(), -72);
}

TEST(Lattice, OneSpinDownBreaksFourBondsWhereverItIs) {
  for (std::uint32_t site = 0; site < 25; ++site) {
    Lattice lattice(5);
    lattice.spins()[site] = 0;
    EXPECT_EQ(lattice.magnetization(), 23) << site;
    EXPECT_EQ(lattice.energy(), -50 + 8) << site;
  }
}

TEST(Lattice, KnowsCheckerboardAndStripes) {
  Lattice checkerboard(4);
  Lattice rows(4);
  Lattice columns(4);
  for (std::uint32_t site = 0; site < 16; ++site) {
    checkerboard.spins()[site] = (site / 4 + site % 4) % 2 != 0;
    rows.spins()[site] = site / 4 < 2;
    columns.spins()[site] = site % 4 < 2;
  }
  EXPECT_EQ(checkerboard.magnetization(), 0);
  EXPECT_EQ(checkerboard.energy(), 32);
  for (const Lattice* halves : {&rows, &columns}) {
    EXPECT_EQ(halves->magnetization(), 0);
    EXPECT_EQ(halves->energy(), -32 + 2 * 8);
  }
}

TEST(Lattice, OfOddSizeHasItsSeam) {
  Lattice lattice(3);  // a checkerboard cannot close: in each row and column one bond joins like spins
  for (std::uint32_t site = 0; site < 9; ++site) lattice.spins()[site] = (site / 3 + site % 3) % 2 != 0;
  EXPECT_EQ(lattice.energy(), 18 - 2 * 6);
}

TEST(Lattice, OfTwoByTwoCountsEachNeighbourTwice) {
  Lattice lattice(2);
  EXPECT_EQ(lattice.energy(), -8);
  lattice.spins()[0] = 0;
  EXPECT_EQ(lattice.energy(), 0);
  lattice.spins()[3] = 0;
  EXPECT_EQ(lattice.energy(), 8);
}

TEST(Lattice, RefusesSizesWithoutSense) {
  for (const std::int64_t size :
       {std::int64_t{-1}, std::int64_t{0}, std::int64_t{1}, std::int64_t{4097},
        std::numeric_limits<std::int64_t>::max(), std::numeric_limits<std::int64_t>::min()})
    EXPECT_THROW(Lattice{size}, std::invalid_argument) << size;
}

TEST(WolffUpdate, FlipsAllOrOneAtTheExtremes) {
  std::mt19937_64 random(1);
  Lattice cold(8);
  EXPECT_EQ(WolffUpdate(cold, 1e-3)(random), 64u);
  EXPECT_EQ(cold.magnetization(), -64);
  Lattice hot(8);
  EXPECT_EQ(WolffUpdate(hot, std::numeric_limits<double>::infinity())(random), 1u);
  EXPECT_EQ(hot.magnetization(), 62);
}

TEST(WolffUpdate, FlipsAsManySpinsAsItSays) {
  std::mt19937_64 random(2);
  Lattice lattice(12);
  WolffUpdate flip_cluster(lattice, 2.3);
  for (int step = 0; step < 1000; ++step) {
    const std::int64_t before = lattice.magnetization();
    const std::int64_t flipped = flip_cluster(random);
    ASSERT_GE(flipped, 1);
    ASSERT_EQ(std::abs(lattice.magnetization() - before), 2 * flipped);
  }
}

TEST(WolffUpdate, GrowsClustersOfConnectedLikeSpinsOnly) {
  std::mt19937_64 random(3);
  for (int step = 0; step < 100; ++step) {
    Lattice lattice(10);
    for (std::uint32_t site = 0; site < 100; ++site) lattice.spins()[site] = site % 10 != 3 && site % 10 != 7;
    const std::uint32_t flipped = WolffUpdate(lattice, 1e-3)(random);
    // At this temperature a cluster is all of one region: a wall of 10, 3 x 10 between walls, 5 x 10 around.
    ASSERT_TRUE(flipped == 10 || flipped == 30 || flipped == 50) << flipped;
  }
}

TEST(WolffUpdate, RefusesTemperaturesWithoutSense) {
  Lattice lattice(4);
  for (const double temperature : {0.0, -1.0, std::numeric_limits<double>::quiet_NaN()})
    EXPECT_THROW(WolffUpdate(lattice, temperature), std::invalid_argument) << temperature;
}

struct SmallCase {
  std::int64_t size;
  double temperature;
};
class SmallLattice : public testing::TestWithParam<SmallCase> {};

TEST_P(SmallLattice, AgreesWithTheSumOverAllStates) {
  const auto [size, temperature] = GetParam();
  const Fields exact = fields_of(enumerate(size, temperature));
  // Many independent simulations give the error of their mean, whatever the correlations within each.
  constexpr int runs = 200;
  Fields sum{};
  Fields squares{};
  for (int run = 0; run < runs; ++run) {
    std::mt19937_64 random(static_cast<std::uint64_t>(run) + 1);
    const Fields found = fields_of(simulate(temperature, size, {10, 500}, random));
    for (std::size_t k = 0; k < found.size(); ++k) {
      sum[k] += found[k];
      squares[k] += found[k] * found[k];
    }
  }
  for (std::size_t k = 0; k < sum.size(); ++k) {
    const double mean = sum[k] / runs;
    const double error = std::sqrt((squares[k] / runs - mean * mean) / (runs - 1));
    EXPECT_NEAR(mean, exact[k], 4 * error) << "field " << k;
    EXPECT_LT(error, 0.01) << "field " << k;  // or the comparison would say nothing
  }
}

INSTANTIATE_TEST_SUITE_P(All, SmallLattice,
                         testing::Values(SmallCase{2, 1.5}, SmallCase{2, 3.0}, SmallCase{2, 6.0},
                                         SmallCase{3, 1.0}, SmallCase{3, 2.3}, SmallCase{3, 4.0},
                                         SmallCase{4, 1.5}, SmallCase{4, 2.269}, SmallCase{4, 3.2}),
                         [](const auto& test) {
                           return "L" + std::to_string(test.param.size) + "T" +
                                  std::to_string(std::lround(1000 * test.param.temperature));
                         });

TEST(Simulate, GivesTheSameBytesForTheSameStream) {
  std::array<Observables, 3> found;
  const std::array<std::uint64_t, 3> seeds{7, 7, 8};
  for (std::size_t k = 0; k < found.size(); ++k) {
    std::mt19937_64 random(seeds[k]);
    found[k] = simulate(2.27, 16, {20, 100}, random);
  }
  EXPECT_EQ(std::memcmp(&found[0], &found[1], sizeof(Observables)), 0);
  EXPECT_NE(std::memcmp(&found[0], &found[2], sizeof(Observables)), 0);
}

TEST(Simulate, OrderedPhaseAgreesWithOnsager) {
  std::mt19937_64 random(11);
  const Observables found = simulate(2.0, 64, {50, 1000}, random);
  EXPECT_NEAR(found.magnetization, exact_magnetization(2.0), 0.01 * exact_magnetization(2.0));
  EXPECT_NEAR(found.energy, exact_energy(2.0), 0.005 * std::abs(exact_energy(2.0)));
}

TEST(Simulate, RefusesSchedulesWithoutSense) {
  std::mt19937_64 random(1);
  EXPECT_THROW(simulate(2.0, 8, {0, 0}, random), std::invalid_argument);
  EXPECT_THROW(simulate(2.0, 8, {0, -1}, random), std::invalid_argument);
  EXPECT_THROW(simulate(2.0, 8, {-1, 1}, random), std::invalid_argument);
  EXPECT_NO_THROW(simulate(2.0, 8, {0, 1}, random));
}

TEST(Exact, CriticalTemperature) { EXPECT_NEAR(critical_temperature(), 2.269185314213022, 1e-14); }

TEST(Exact, MagnetizationHasPublishedValuesAndLimits) {
  EXPECT_NEAR(exact_magnetization(2.0), 0.911319377877496, 1e-13);
  EXPECT_NEAR(exact_magnetization(1.0), 0.999275751, 1e-8);
  EXPECT_EQ(exact_magnetization(0.01), 1);
  EXPECT_EQ(exact_magnetization(critical_temperature()), 0);
  EXPECT_EQ(exact_magnetization(3), 0);
}

TEST(Exact, EnergyAtTheCriticalTemperatureIsMinusSqrt2) {
  EXPECT_NEAR(exact_energy(critical_temperature()), -std::numbers::sqrt2, 1e-14);
  EXPECT_NEAR(exact_energy(std::nextafter(critical_temperature(), 0)), -std::numbers::sqrt2, 1e-12);
  EXPECT_NEAR(exact_energy(std::nextafter(critical_temperature(), 9)), -std::numbers::sqrt2, 1e-12);
}

TEST(Exact, EnergyHasItsLimits) {
  EXPECT_NEAR(exact_energy(0.05), -2, 1e-14);
  EXPECT_NEAR(exact_energy(1e4), -2e-4, 1e-11);  // -2 tanh(1/T) to the leading order
}

/// ln Z per spin [Onsager 1944, eq. 109a] by the trapezoidal rule, which for periodic functions converges
/// exponentially away from the critical temperature.
double log_partition(double temperature) {
  const double cosh = std::cosh(2 / temperature);
  const double sinh = std::sinh(2 / temperature);
  constexpr int points = 400;
  double sum = 0;
  for (int a = 0; a < points; ++a)
    for (int b = 0; b < points; ++b)
      sum += std::log(cosh * cosh - sinh * (std::cos(2 * std::numbers::pi * a / points) +
                                            std::cos(2 * std::numbers::pi * b / points)));
  return std::numbers::ln2 + sum / (2.0 * points * points);
}

TEST(Exact, EnergyIsTheDerivativeOfThePartitionFunction) {
  for (const double temperature : {1.5, 2.0, 2.2, 2.35, 2.6, 3.2}) {
    const double step = 1e-4;  // in the coupling K = 1/T, where u = -d ln Z / d K
    const double numeric =
        -(log_partition(1 / (1 / temperature + step)) - log_partition(1 / (1 / temperature - step))) /
        (2 * step);
    EXPECT_NEAR(exact_energy(temperature), numeric, 1e-5) << temperature;
  }
}

}  // namespace
}  // namespace ising
