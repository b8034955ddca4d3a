// SPDX-License-Identifier: BSD-3-Clause
#include "property/typed_functions.hpp"

namespace mpipe::property {

const TypeFunctions& boolean_functions() { return typed_functions<bool>(); }
const TypeFunctions& float32_functions() { return typed_functions<float>(); }

}  // namespace mpipe::property
