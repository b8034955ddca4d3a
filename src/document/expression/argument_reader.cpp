// SPDX-License-Identifier: BSD-3-Clause
// Reads the arguments of an expression as doubles, whatever their types are.
#include "document/expression/argument_reader.hpp"

#include <mpipe/core/error.hpp>

namespace mpipe::detail {
namespace {

template <class T>
void read_run(const std::byte* values, Index at, Index step, double* out, Index n) {
  const T* from = reinterpret_cast<const T*>(values) + at;
  // Two loops, because the compiler can only vectorise the one whose step it knows.
  if (step == 1) {
    for (Index k = 0; k < n; ++k) out[k] = static_cast<double>(from[k]);
  } else {
    for (Index k = 0; k < n; ++k) out[k] = static_cast<double>(from[k * step]);
  }
}

}  // namespace

ReadRun reader_for(const ElementType& type) {
  switch (type.kind) {
    case Kind::boolean:
      return read_run<bool>;
    case Kind::int8:
      return read_run<std::int8_t>;
    case Kind::int16:
      return read_run<std::int16_t>;
    case Kind::int32:
      return read_run<std::int32_t>;
    case Kind::int64:
      return read_run<std::int64_t>;
    case Kind::uint8:
      return read_run<std::uint8_t>;
    case Kind::uint16:
      return read_run<std::uint16_t>;
    case Kind::uint32:
      return read_run<std::uint32_t>;
    case Kind::uint64:
      return read_run<std::uint64_t>;
    case Kind::float32:
      return read_run<float>;
    case Kind::float64:
      return read_run<double>;
    default:
      throw Error(Category::type_mismatch,
                  "an expression computes with real numbers, but a value given to it is of type " +
                      type.name + ". Compute it in a plugin, or give a number.");
  }
}

}  // namespace mpipe::detail
