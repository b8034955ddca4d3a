// SPDX-License-Identifier: BSD-3-Clause
/// @file
/// Reading arguments of any real type as doubles.
#pragma once

#include <mpipe/data/element_type.hpp>

namespace mpipe::detail {

/// out[k] = values[at + k * step] for k in [0, n); `values` are of the type that the reader was made for.
using ReadRun = void (*)(const std::byte* values, Index at, Index step, double* out, Index n);

/// Throws `Error` (type_mismatch) for a type that is no real number.
ReadRun reader_for(const ElementType& type);

}  // namespace mpipe::detail
