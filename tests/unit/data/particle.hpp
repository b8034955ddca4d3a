// SPDX-License-Identifier: BSD-3-Clause
/// @file
/// A user's type, as a user would write it.
#pragma once

#include <boost/serialization/string.hpp>
#include <boost/serialization/vector.hpp>

#include <string>
#include <vector>

namespace mpipe::test {

struct Particle {
  std::string name;
  std::vector<double> position;
  int charge = 0;

  template <class Archive>
  void serialize(Archive& archive, unsigned) {
    archive& name& position& charge;
  }
  friend bool operator==(const Particle&, const Particle&) = default;
};

}  // namespace mpipe::test
