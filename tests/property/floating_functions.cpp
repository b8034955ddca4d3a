// SPDX-License-Identifier: BSD-3-Clause
// The functions of random pipelines for floating and complex numbers.
#include "property/typed_functions.hpp"

#include <complex>

namespace mpipe::property {

const TypeFunctions& float64_functions() { return typed_functions<double>(); }
const TypeFunctions& complex128_functions() { return typed_functions<std::complex<double>>(); }

}  // namespace mpipe::property
