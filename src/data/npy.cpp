// SPDX-License-Identifier: BSD-3-Clause
// Reads the header of NumPy files, and writes it.
#include "data/api/npy.hpp"

#include <mpipe/core/error.hpp>

#include <fmt/format.h>

#include <bit>

namespace mpipe {
namespace {

static_assert(std::endian::native == std::endian::little,
              "the types below say that the least byte comes first");

}  // namespace

std::string numpy_type(const ElementType& type) {
  if (type.kind == Kind::boolean) return "|b1";
  if (type.is_integer()) {
    const char sign = type.kind >= Kind::uint8 ? 'u' : 'i';
    return fmt::format("{}{}{}", type.size == 1 ? '|' : '<', sign, type.size);
  }
  if (type.is_real()) return fmt::format("<f{}", type.size);
  if (type.is_numeric()) return fmt::format("<c{}", type.size);
  throw Bug("an .npy file of values of type " + type.name);
}

/// The header is padded so that the values behind it begin at a multiple of 64 bytes and can be mapped into
/// memory as they are. Its length has 16 bits, which a header of any rank that mpipe has fits into.
std::string npy_header(const std::string& type, const Shape& shape) {
  std::string header =
      fmt::format("{{'descr': '{}', 'fortran_order': False, 'shape': {}, }}", type, to_string(shape));
  constexpr std::size_t kBefore = 10;     // magic, version, length
  constexpr std::size_t kAlignment = 64;  // of the values
  header.append((kAlignment - (kBefore + header.size() + 1) % kAlignment) % kAlignment, ' ');
  header += '\n';
  std::string text = "\x93NUMPY";
  text += '\x01';
  text += '\x00';
  text += static_cast<char>(header.size() & 0xFFU);
  text += static_cast<char>(header.size() >> 8U);
  return text + header;
}

}  // namespace mpipe
