// SPDX-License-Identifier: BSD-3-Clause
/// @file
/// ising_report RUN [--svg FILE]: what a run of ising.yaml found, beside Onsager's exact solution.
/// Exit codes: 0 as accurate as demanded, 1 not, 2 usage, 4 a file that cannot be read or written.
#include "exact.hpp"
#include "figure.hpp"
#include "sweep.hpp"

#include <CLI/CLI.hpp>
#include <fmt/format.h>

#include <cstdio>
#include <fstream>

namespace {

using namespace ising;

void print_table(const Sweep& sweep) {
  fmt::print("{:>5} {:>4} {:>10} {:>10} {:>10} {:>10} {:>9}\n", "T", "L", "|m|", "exact", "energy", "exact",
             "Binder");
  for (std::size_t t = 0; t < sweep.temperatures.size(); ++t)
    for (std::size_t l = 0; l < sweep.sizes.size(); ++l) {
      const std::size_t at = sweep.at(t, l);
      const double temperature = sweep.temperatures[t];
      fmt::print("{:>5.3g} {:>4} {:>10.5f} {:>10.5f} {:>10.5f} {:>10.5f} {:>9.5f}\n", temperature,
                 sweep.sizes[l], sweep.magnetization[at], exact_magnetization(temperature), sweep.energy[at],
                 exact_energy(temperature), sweep.binder[at]);
    }
}

void print_accuracy(const Sweep& sweep, const Accuracy& accuracy) {
  const auto print_line = [](const char* what, double deviation, double limit) {
    fmt::print("  {:<42} {:>7.3f} %  (at most {:.1f} %){}\n", what, 100 * deviation, 100 * limit,
               deviation <= limit ? "" : "  MISSED");
  };
  fmt::print("\nCritical temperature: {:.6f} from the crossing of the Binder curves, exactly {:.6f}\n",
             sweep.critical_temperature, critical_temperature());
  fmt::print("Distance from Onsager's solution:\n");
  if (accuracy.temperatures == 0) {
    fmt::print("  |m|, energy: nothing to compare, as no T <= {:.1f} with L = {} is in this sweep  MISSED\n",
               Accuracy::kHighestTemperature, Accuracy::kSize);
  } else {
    const std::string where = fmt::format("T <= {:.1f}, L = {}, worst of {}", Accuracy::kHighestTemperature,
                                          Accuracy::kSize, accuracy.temperatures);
    print_line(("|m|, " + where).c_str(), accuracy.magnetization, Accuracy::kMagnetizationLimit);
    print_line(("energy, " + where).c_str(), accuracy.energy, Accuracy::kEnergyLimit);
  }
  print_line("critical temperature", accuracy.critical_temperature, Accuracy::kCriticalTemperatureLimit);
}

void write_figure(const Sweep& sweep, const std::string& path) {
  std::ofstream file(path);
  file << draw(figure_of(sweep));
  // What the disk refuses may only show when the last bytes are written, so the file is closed before it is
  // judged.
  file.close();
  if (!file) throw std::runtime_error(path + " cannot be written. Name a file in a folder that is there.");
  fmt::print("\nPicture: {}\n", path);
}

}  // namespace

int main(int argc, char** argv) {
  CLI::App app("What a run of the Ising example found, beside the exact solution", "ising_report");
  std::string run_folder;
  std::string svg;
  app.add_option("RUN", run_folder, "the run folder")->required();
  app.add_option("--svg", svg, "write a picture to this file");
  try {
    app.parse(argc, argv);
  } catch (const CLI::ParseError& error) {
    // The parser throws for --help as well, which is no error.
    return app.exit(error) == 0 ? 0 : 2;
  }
  try {
    const Sweep sweep = read_sweep(run_folder);
    const Accuracy accuracy = accuracy_of(sweep);
    print_table(sweep);
    print_accuracy(sweep, accuracy);
    if (!svg.empty()) write_figure(sweep, svg);
    return accuracy.good() ? 0 : 1;
  } catch (const std::exception& error) {
    fmt::print(stderr, "ising_report: {}\n", error.what());
    return 4;
  }
}
