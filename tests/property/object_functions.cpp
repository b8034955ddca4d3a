// SPDX-License-Identifier: BSD-3-Clause
#include "property/typed_functions.hpp"

namespace mpipe::property {

const TypeFunctions& string_functions() { return typed_functions<std::string>(); }
const TypeFunctions& particle_functions() { return typed_functions<test::Particle>(); }

}  // namespace mpipe::property
