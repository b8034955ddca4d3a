// SPDX-License-Identifier: BSD-3-Clause
#include "property/typed_functions.hpp"

namespace mpipe::property {

const TypeFunctions& int64_functions() { return typed_functions<std::int64_t>(); }
const TypeFunctions& uint64_functions() { return typed_functions<std::uint64_t>(); }

}  // namespace mpipe::property
