// SPDX-License-Identifier: BSD-3-Clause
#include "property/functions.hpp"

namespace mpipe::property {

const TypeFunctions& functions_of(Type type) {
  switch (type) {
    case Type::boolean:
      return boolean_functions();
    case Type::int64:
      return int64_functions();
    case Type::uint64:
      return uint64_functions();
    case Type::float32:
      return float32_functions();
    case Type::float64:
      return float64_functions();
    case Type::complex128:
      return complex128_functions();
    case Type::string:
      return string_functions();
    case Type::particle:
      return particle_functions();
  }
  throw Bug("no such type");
}

}  // namespace mpipe::property
