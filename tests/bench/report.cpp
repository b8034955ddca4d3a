// SPDX-License-Identifier: BSD-3-Clause
#include "bench/report.hpp"

#include <nlohmann/json.hpp>

#include <unistd.h>

#include <fstream>
#include <iostream>

namespace mpipe::bench {

double stolen_seconds() {
  std::ifstream file("/proc/stat");
  std::string cpu;
  double ticks = 0;
  file >> cpu;
  // user nice system idle iowait irq softirq steal, see proc(5)
  for (int k = 0; k < 8; ++k) file >> ticks;
  return file ? ticks / static_cast<double>(::sysconf(_SC_CLK_TCK)) : 0;
}

void print_row(const std::string& name, double value, double limit, const std::string& unit,
               const std::string& figures) {
  const nlohmann::json row{
      {"name", name}, {"value", value}, {"limit", limit}, {"unit", unit}, {"figures", figures}};
  std::cout << row.dump() << std::endl;
}

}  // namespace mpipe::bench
