// SPDX-License-Identifier: BSD-3-Clause
// Onsager's energy and Yang's magnetisation of the infinite lattice, as functions of the temperature.
#include "exact.hpp"

#include <cmath>
#include <numbers>

namespace ising {

double critical_temperature() { return 2 / std::log1p(std::numbers::sqrt2); }

double exact_magnetization(double temperature) {
  if (temperature >= critical_temperature()) return 0;
  return std::pow(1 - std::pow(std::sinh(2 / temperature), -4), 0.125);
}

double exact_energy(double temperature) {
  // With K = 1/T: u = -coth 2K (1 + 2/pi k' F(k)), k = 2 sinh 2K / cosh^2 2K, k' = 2 tanh^2 2K - 1, where F
  // is the complete elliptic integral of the first kind and k^2 + k'^2 = 1.
  const double coth = 1 / std::tanh(2 / temperature);
  const double complement = 2 / (coth * coth) - 1;
  const double modulus = 2 * std::sinh(2 / temperature) / std::pow(std::cosh(2 / temperature), 2);
  // At the critical temperature F has its logarithmic pole and k' its zero: the product vanishes.
  if (modulus >= 1) return -coth;
  return -coth * (1 + 2 * std::numbers::inv_pi * complement * std::comp_ellint_1(modulus));
}

}  // namespace ising
