// SPDX-License-Identifier: BSD-3-Clause
#include "bench/report.hpp"

#include <nlohmann/json.hpp>

#include <iostream>

namespace mpipe::bench {

void print_row(const std::string& name, double value, double limit, const std::string& unit,
               const std::string& figures) {
  const nlohmann::json row{
      {"name", name}, {"value", value}, {"limit", limit}, {"unit", unit}, {"figures", figures}};
  std::cout << row.dump() << std::endl;
}

}  // namespace mpipe::bench
