// SPDX-License-Identifier: BSD-3-Clause
#include "ising/chart.hpp"
#include "ising/exact.hpp"
#include "ising/figure.hpp"
#include "ising/sweep.hpp"

#include <gtest/gtest.h>
#include <hdf5.h>

#include <unistd.h>

#include <cmath>
#include <filesystem>
#include <fstream>
#include <limits>
#include <string>

namespace ising {
namespace {

constexpr double kNaN = std::numeric_limits<double>::quiet_NaN();

/// A sweep that lies on the exact solution.
Sweep exact_sweep() {
  Sweep sweep;
  sweep.temperatures = {1.5, 2.0, 2.25, 2.3, 3.0};
  sweep.sizes = {16, 64};
  for (const double t : sweep.temperatures)
    for (const std::int64_t size : sweep.sizes) {
      sweep.magnetization.push_back(exact_magnetization(t));
      sweep.energy.push_back(exact_energy(t));
      sweep.binder.push_back(0.61 - static_cast<double>(size) * (t - critical_temperature()) / 100);
    }
  sweep.critical_temperature = critical_temperature();
  return sweep;
}

TEST(Accuracy, OfTheExactSolutionIsPerfect) {
  const Accuracy accuracy = accuracy_of(exact_sweep());
  EXPECT_EQ(accuracy.temperatures, 2);
  EXPECT_EQ(accuracy.magnetization, 0);
  EXPECT_EQ(accuracy.energy, 0);
  EXPECT_EQ(accuracy.critical_temperature, 0);
  EXPECT_TRUE(accuracy.good());
}

TEST(Accuracy, IsThatOfTheWorstPoint) {
  Sweep sweep = exact_sweep();
  sweep.magnetization[sweep.at(0, 1)] *= 1.002;
  sweep.magnetization[sweep.at(1, 1)] *= 0.995;
  sweep.energy[sweep.at(0, 1)] *= 0.997;
  EXPECT_NEAR(accuracy_of(sweep).magnetization, 0.005, 1e-12);
  EXPECT_NEAR(accuracy_of(sweep).energy, 0.003, 1e-12);
  EXPECT_TRUE(accuracy_of(sweep).good());
}

TEST(Accuracy, ComparesTheLargeLatticeInTheOrderedPhaseOnly) {
  Sweep sweep = exact_sweep();
  sweep.magnetization[sweep.at(0, 0)] = 0.1;
  sweep.energy[sweep.at(2, 1)] = 0.1;
  EXPECT_TRUE(accuracy_of(sweep).good());
}

TEST(Accuracy, IsMissedByEachQuantityAlone) {
  Sweep magnetization = exact_sweep();
  magnetization.magnetization[magnetization.at(1, 1)] *= 1.011;
  EXPECT_FALSE(accuracy_of(magnetization).good());
  Sweep energy = exact_sweep();
  energy.energy[energy.at(1, 1)] *= 1.006;
  EXPECT_FALSE(accuracy_of(energy).good());
  Sweep critical = exact_sweep();
  critical.critical_temperature *= 1.011;
  EXPECT_FALSE(accuracy_of(critical).good());
}

TEST(Accuracy, IsMissedWhereSomethingIsNotComputed) {
  for (const std::size_t t : {0, 1}) {
    Sweep sweep = exact_sweep();
    sweep.magnetization[sweep.at(t, 1)] = kNaN;
    EXPECT_TRUE(std::isnan(accuracy_of(sweep).magnetization));
    EXPECT_FALSE(accuracy_of(sweep).good());
  }
  Sweep sweep = exact_sweep();
  sweep.critical_temperature = kNaN;
  EXPECT_FALSE(accuracy_of(sweep).good());
}

TEST(Accuracy, IsMissedWithoutAnythingToCompare) {
  Sweep sweep = exact_sweep();
  sweep.sizes = {16, 32};
  EXPECT_EQ(accuracy_of(sweep).temperatures, 0);
  EXPECT_FALSE(accuracy_of(sweep).good());
}

/// A run folder of this test's own, removed at the end.
class ReadSweep : public testing::Test {
 protected:
  ReadSweep()
      : folder_(std::filesystem::path(testing::TempDir()) /
                ("ising_report_test." + std::to_string(::getpid()))) {
    std::filesystem::create_directories(folder_);
  }
  ~ReadSweep() override { std::filesystem::remove_all(folder_); }

  void write(const Sweep& sweep, const std::string& left_out = "") {
    const hid_t file = H5Fcreate((folder_ / "results.h5").c_str(), H5F_ACC_TRUNC, H5P_DEFAULT, H5P_DEFAULT);
    ASSERT_GE(file, 0);
    const hsize_t t = sweep.temperatures.size();
    const hsize_t l = sweep.sizes.size();
    const auto put = [&](const char* name, const std::vector<hsize_t>& shape, hid_t type, const void* data) {
      if (name == left_out) return;
      const hid_t space = H5Screate_simple(static_cast<int>(shape.size()), shape.data(), nullptr);
      const hid_t set = H5Dcreate2(file, name, type, space, H5P_DEFAULT, H5P_DEFAULT, H5P_DEFAULT);
      EXPECT_GE(H5Dwrite(set, type, H5S_ALL, H5S_ALL, H5P_DEFAULT, data), 0);
      H5Dclose(set);
      H5Sclose(space);
    };
    put("temperature", {t}, H5T_NATIVE_DOUBLE, sweep.temperatures.data());
    put("size", {l}, H5T_NATIVE_INT64, sweep.sizes.data());
    put("mean_magnetization", {t, l}, H5T_NATIVE_DOUBLE, sweep.magnetization.data());
    put("mean_energy", {t, l}, H5T_NATIVE_DOUBLE, sweep.energy.data());
    put("binder", {sweep.binder.size()}, H5T_NATIVE_DOUBLE, sweep.binder.data());
    put("critical_temperature", {}, H5T_NATIVE_DOUBLE, &sweep.critical_temperature);
    H5Fclose(file);
  }

  std::string refusal() const {
    try {
      read_sweep(folder_);
    } catch (const std::runtime_error& error) {
      return error.what();
    }
    return "accepted";
  }

  std::filesystem::path folder_;
};

TEST_F(ReadSweep, FindsWhatIsThere) {
  const Sweep sweep = exact_sweep();
  write(sweep);
  const Sweep found = read_sweep(folder_);
  EXPECT_EQ(found.temperatures, sweep.temperatures);
  EXPECT_EQ(found.sizes, sweep.sizes);
  EXPECT_EQ(found.magnetization, sweep.magnetization);
  EXPECT_EQ(found.energy, sweep.energy);
  EXPECT_EQ(found.binder, sweep.binder);
  EXPECT_EQ(found.critical_temperature, sweep.critical_temperature);
}

TEST_F(ReadSweep, NamesWhatIsMissing) {
  EXPECT_NE(refusal().find("results.h5 cannot be opened"), std::string::npos);
  std::ofstream(folder_ / "results.h5") << "not HDF5";
  EXPECT_NE(refusal().find("results.h5 cannot be opened"), std::string::npos);
  write(exact_sweep(), "binder");
  EXPECT_NE(refusal().find("'binder' is not there"), std::string::npos);
}

TEST_F(ReadSweep, RefusesArraysThatDoNotFit) {
  Sweep sweep = exact_sweep();
  sweep.binder.pop_back();
  write(sweep);
  EXPECT_NE(refusal().find("'binder' has another number"), std::string::npos);
}

int count_of(const std::string& text, const std::string& part) {
  int count = 0;
  for (std::size_t at = text.find(part); at != std::string::npos; at = text.find(part, at + 1)) ++count;
  return count;
}

TEST(Ticks, AreRound) {
  EXPECT_EQ(ticks({0, 1}, 5), (std::vector<double>{0, 0.2, 0.4, 0.6000000000000001, 0.8, 1}));
  EXPECT_EQ(ticks({-2.1, -0.7}, 3), (std::vector<double>{-2, -1.5, -1}));
  EXPECT_EQ(ticks({1450, 3250}, 4), (std::vector<double>{1500, 2000, 2500, 3000}));
}

TEST(Figure, HasAMarkerPerPointAndBalancedElements) {
  const std::string svg = draw(figure_of(exact_sweep()));
  EXPECT_EQ(svg.rfind("<svg ", 0), 0u);
  EXPECT_EQ(count_of(svg, "<g "), count_of(svg, "</g>"));
  EXPECT_EQ(count_of(svg, "<text "), count_of(svg, "</text>"));
  EXPECT_EQ(count_of(svg, "<circle class=\"point\""),
            1 + 5 + 5 + 2);  // legend, two panels, and the zoom's two
  EXPECT_EQ(count_of(svg, "class=\"ring\""), 1);
  EXPECT_EQ(count_of(svg, "L = 16"), 1);
  EXPECT_EQ(count_of(svg, "nan"), 0);
}

TEST(Figure, LeavesOutWhatIsNotComputed) {
  Sweep sweep = exact_sweep();
  for (double& value : sweep.magnetization) value = kNaN;
  for (double& value : sweep.energy) value = kNaN;
  for (double& value : sweep.binder) value = kNaN;
  sweep.critical_temperature = kNaN;
  const std::string svg = draw(figure_of(sweep));
  EXPECT_EQ(count_of(svg, "<circle class=\"point\""), 1);
  EXPECT_EQ(count_of(svg, "class=\"ring\""), 0);
  EXPECT_EQ(count_of(svg, "nan"), 0);
}

TEST(Figure, OfAnEmptySweepIsStillDrawn) {
  Sweep empty;
  empty.critical_temperature = kNaN;
  const std::string svg = draw(figure_of(empty));
  EXPECT_NE(svg.find("</svg>"), std::string::npos);
  EXPECT_EQ(count_of(svg, "nan"), 0);
}

}  // namespace
}  // namespace ising
