// SPDX-License-Identifier: BSD-3-Clause
// Reads arrays that C passes, and describes values to it.
#include "c_interface/array.hpp"

#include <mpipe/core/error.hpp>

#include "c_interface/guarded.hpp"

#include <fmt/format.h>

namespace mpipe {
namespace {

constexpr int kMostAxes = 32;

// The numbers of types in the header are those of `Kind`, and are never changed.
static_assert(static_cast<int>(Kind::boolean) == MPIPE_BOOL && static_cast<int>(Kind::int64) == MPIPE_INT64);
static_assert(static_cast<int>(Kind::uint64) == MPIPE_UINT64 &&
              static_cast<int>(Kind::float64) == MPIPE_FLOAT64);
static_assert(static_cast<int>(Kind::complex128) == MPIPE_COMPLEX128);
static_assert(std::is_same_v<Index, std::int64_t>);

}  // namespace

CArray read_array(const mpipe_array* array, const std::string& what) {
  need(array, what);
  if (array->type < MPIPE_BOOL || array->type > MPIPE_COMPLEX128)
    throw Error(Category::bad_option,
                fmt::format("{} has the type {}, which there is not. Use one of `mpipe_type`, say "
                            "MPIPE_FLOAT64.",
                            what, array->type));
  if (array->rank < 0 || array->rank > kMostAxes)
    throw Error(Category::bad_option,
                fmt::format("{} has {} axes, and 0 to {} are possible. Correct its rank.", what, array->rank,
                            kMostAxes));
  CArray read;
  read.type = &element_type(static_cast<Kind>(array->type));
  if (array->rank > 0) {
    need(array->shape, "shape of " + what);
    read.shape.assign(array->shape, array->shape + array->rank);
  }
  for (const Index extent : read.shape)
    if (extent < 0)
      throw Error(Category::bad_option,
                  fmt::format("{} has the shape {}, and lengths are at least 0. Correct it.", what,
                              to_string(read.shape)));
  const Index count = element_count(read.shape);
  if (count > 0) need(array->data, "data of " + what);
  read.bytes = {static_cast<const std::byte*>(array->data),
                static_cast<std::size_t>(count) * read.type->size};
  return read;
}

mpipe_type c_type(const ElementType& type, const std::string& what) {
  if (!type.is_numeric())
    throw Error(
        Category::type_mismatch,
        fmt::format(
            "{} is of the type {}, and C has numbers only. Read it from the results file, or give numbers.",
            what, type.name));
  return static_cast<mpipe_type>(type.kind);
}

mpipe_array c_array(const Value& value, const std::string& what) {
  const mpipe_type type = c_type(value.type(), what);
  return {type, static_cast<std::int32_t>(value.rank()), value.shape().data(), value.data()};
}

}  // namespace mpipe
