// SPDX-License-Identifier: BSD-3-Clause
// Reads a sweep from the HDF5 file of its run, and compares it with the exact solution.
#include "sweep.hpp"

#include "exact.hpp"

#include <hdf5.h>

#include <cmath>
#include <stdexcept>
#include <string>
#include <utility>

namespace ising {
namespace {

/// Closes what HDF5 opened.
class Handle {
 public:
  Handle(hid_t id, herr_t (*close)(hid_t)) : id_(id), close_(close) {}
  Handle(Handle&& other) noexcept : id_(std::exchange(other.id_, H5I_INVALID_HID)), close_(other.close_) {}
  Handle& operator=(Handle&&) = delete;
  ~Handle() {
    if (*this) close_(id_);
  }
  explicit operator bool() const { return id_ >= 0; }
  hid_t get() const { return id_; }

 private:
  hid_t id_;
  herr_t (*close_)(hid_t);
};

class ResultsFile {
 public:
  explicit ResultsFile(std::filesystem::path path) : path_(std::move(path)), file_(open(path_)) {
    if (!file_)
      throw std::runtime_error(
          path_.string() +
          " cannot be opened as an HDF5 file. Name the run folder of a sweep of ising.yaml.");
  }

  /// All values of a dataset in C order.
  template <class T>
  std::vector<T> read(const std::string& name) const {
    const Handle dataset(H5Dopen2(file_.get(), name.c_str(), H5P_DEFAULT), H5Dclose);
    if (!dataset) fail(name, "is not there. Is this a run of ising.yaml?");
    const Handle space(H5Dget_space(dataset.get()), H5Sclose);
    const hssize_t count = space ? H5Sget_simple_extent_npoints(space.get()) : -1;
    if (count < 0) fail(name, "has no extent: the file is damaged.");
    std::vector<T> values(static_cast<std::size_t>(count));
    const hid_t type = std::is_floating_point_v<T> ? H5T_NATIVE_DOUBLE : H5T_NATIVE_INT64;
    if (H5Dread(dataset.get(), type, H5S_ALL, H5S_ALL, H5P_DEFAULT, values.data()) < 0)
      fail(name, "cannot be read as numbers.");
    return values;
  }

  [[noreturn]] void fail(const std::string& dataset, const std::string& problem) const {
    throw std::runtime_error(path_.string() + ": dataset '" + dataset + "' " + problem);
  }

 private:
  static Handle open(const std::filesystem::path& path) {
    H5Eset_auto2(H5E_DEFAULT, nullptr, nullptr);  // what fails is told by exceptions
    const Handle access(H5Pcreate(H5P_FILE_ACCESS), H5Pclose);
    H5Pset_file_locking(access.get(), false, true);  // a job that writes this file is not disturbed
    return {H5Fopen(path.c_str(), H5F_ACC_RDONLY, access.get()), H5Fclose};
  }

  std::filesystem::path path_;
  Handle file_;
};

}  // namespace

Sweep read_sweep(const std::filesystem::path& run_folder) {
  const ResultsFile file(run_folder / "results.h5");
  Sweep sweep;
  sweep.temperatures = file.read<double>("temperature");
  sweep.sizes = file.read<std::int64_t>("size");
  const auto read_map = [&](const std::string& name) {
    std::vector<double> values = file.read<double>(name);
    // The sizes are compared here, once: everything after this indexes without a check.
    if (values.size() != sweep.temperatures.size() * sweep.sizes.size())
      file.fail(name, "has another number of values than there are temperatures and sizes.");
    return values;
  };
  sweep.magnetization = read_map("mean_magnetization");
  sweep.energy = read_map("mean_energy");
  sweep.binder = read_map("binder");
  const std::vector<double> critical_temperature = file.read<double>("critical_temperature");
  if (critical_temperature.size() != 1) file.fail("critical_temperature", "is not a single number.");
  sweep.critical_temperature = critical_temperature.front();
  return sweep;
}

bool Accuracy::good() const {
  return temperatures > 0 && magnetization <= kMagnetizationLimit && energy <= kEnergyLimit &&
         critical_temperature <= kCriticalTemperatureLimit;
}

Accuracy accuracy_of(const Sweep& sweep) {
  const auto deviation = [](double found, double exact) { return std::abs(found / exact - 1); };
  const auto raise = [](double& worst, double found) {
    if (!std::isnan(worst) && !(found <= worst)) worst = found;  // nothing is worse than NaN
  };
  Accuracy accuracy;
  accuracy.critical_temperature = deviation(sweep.critical_temperature, critical_temperature());
  for (std::size_t t = 0; t < sweep.temperatures.size(); ++t)
    for (std::size_t l = 0; l < sweep.sizes.size(); ++l) {
      const double temperature = sweep.temperatures[t];
      if (temperature > Accuracy::kHighestTemperature || sweep.sizes[l] != Accuracy::kSize) continue;
      ++accuracy.temperatures;
      raise(accuracy.magnetization,
            deviation(sweep.magnetization[sweep.at(t, l)], exact_magnetization(temperature)));
      raise(accuracy.energy, deviation(sweep.energy[sweep.at(t, l)], exact_energy(temperature)));
    }
  return accuracy;
}

}  // namespace ising
