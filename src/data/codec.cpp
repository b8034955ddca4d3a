// SPDX-License-Identifier: BSD-3-Clause
// The parts of the codec that do not depend on a type: shapes, checks and refusals.
#include <mpipe/data/codec.hpp>

#include <algorithm>

namespace mpipe::detail {
namespace {

/// A shape has at most `limit` items. Of one without any the other extents are bounded too, as strides are
/// made of them.
bool fits(const Shape& shape, Index limit) {
  const bool has_items = std::find(shape.begin(), shape.end(), 0) == shape.end();
  if (!has_items) limit = Index{1} << 62;
  Index count = 1;
  for (const Index extent : shape) {
    const Index factor = std::max<Index>(extent, 1);
    if (factor > limit / count) return false;
    count *= factor;
  }
  return count <= limit;
}

}  // namespace

void throw_bad_encoding(const ElementType& type, const char* what) {
  throw Error(Category::storage_failed, "the bytes of a value of type " + type.name +
                                            " cannot be read: " + what +
                                            " (the value is damaged, or was written for another type).");
}

/// C++ leaves undefined what a `bool` does whose byte is neither 0 nor 1, so such a byte must not get into
/// one.
void check_booleans(std::span<const std::byte> bytes, const ElementType& type) {
  const bool valid =
      std::all_of(bytes.begin(), bytes.end(), [](std::byte byte) { return std::to_integer<int>(byte) <= 1; });
  if (!valid) throw_bad_encoding(type, "a bool is neither 0 nor 1");
}

/// The bytes may be damaged or come from elsewhere. Each number is therefore checked before it decides how
/// much memory is asked for, and the number of items is held against the bytes that are really there.
Shape read_shape(ByteReader& reader, std::size_t item_bytes) {
  constexpr std::uint64_t kMaxRank = 64;
  const std::uint64_t rank = reader.get<std::uint64_t>();
  if (rank > kMaxRank) reader.fail("its rank is over 64");
  Shape shape;
  for (std::uint64_t axis = 0; axis < rank; ++axis) {
    const std::uint64_t extent = reader.get<std::uint64_t>();
    if (extent > (std::uint64_t{1} << 62)) reader.fail("an extent is too large");
    shape.push_back(static_cast<Index>(extent));
  }
  if (!fits(shape, static_cast<Index>(reader.remaining() / item_bytes)))
    reader.fail("its shape has more items than there are bytes");
  return shape;
}

void write_shape(std::span<const Index> shape, Bytes& out) {
  const std::uint64_t rank = shape.size();
  append(out, &rank, sizeof(rank));
  append(out, shape.data(), shape.size_bytes());
}

void append(Bytes& out, const void* data, std::size_t size) {
  const auto* bytes = static_cast<const std::byte*>(data);
  out.insert(out.end(), bytes, bytes + size);
}

}  // namespace mpipe::detail
