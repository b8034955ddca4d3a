// SPDX-License-Identifier: BSD-3-Clause
#include "npy.hpp"

#include <mpipe/core/error.hpp>

#include "not_supported.hpp"

#include <fmt/format.h>

#include <bit>
#include <cerrno>
#include <cstring>
#include <fstream>

namespace mpipe::app {
namespace {

static_assert(std::endian::native == std::endian::little,
              "the types below say that the least byte comes first");

/// numpy's code of a type: `<f8`.
std::string type_code(const ElementType& type) {
  if (type.kind == Kind::boolean) return "|b1";
  if (type.is_integer()) {
    const char sign = type.kind >= Kind::uint8 ? 'u' : 'i';
    return fmt::format("{}{}{}", type.size == 1 ? '|' : '<', sign, type.size);
  }
  if (type.is_real()) return fmt::format("<f{}", type.size);
  if (type.is_numeric()) return fmt::format("<c{}", type.size);
  refuse_unsupported(fmt::format("an .npy file of values of type '{}'", type.dtype()),
                     "Use --json or --csv.");
}

}  // namespace

std::string npy_header(const ElementType& type, const Shape& shape) {
  std::string header = fmt::format("{{'descr': '{}', 'fortran_order': False, 'shape': {}, }}",
                                   type_code(type), to_string(shape));
  constexpr std::size_t kBefore = 10;     // magic, version, length
  constexpr std::size_t kAlignment = 64;  // of the values
  header.append(kAlignment - (kBefore + header.size() + 1) % kAlignment, ' ');
  header += '\n';
  std::string text = "\x93NUMPY";
  text += '\x01';
  text += '\x00';
  text += static_cast<char>(header.size() & 0xFFU);
  text += static_cast<char>(header.size() >> 8U);
  return text + header;
}

void write_npy(const std::filesystem::path& path, const Value& value) {
  const std::string header = npy_header(value.type(), value.shape());
  errno = 0;
  std::ofstream file(path, std::ios::binary | std::ios::trunc);
  file.write(header.data(), static_cast<std::streamsize>(header.size()));
  file.write(reinterpret_cast<const char*>(value.data()), static_cast<std::streamsize>(value.byte_size()));
  file.close();
  if (!file)
    throw Error(Category::storage_failed,
                fmt::format("'{}' cannot be written: {}. Name a file in a folder that you may write to.",
                            path.string(), errno != 0 ? std::strerror(errno) : "unknown reason"));
}

}  // namespace mpipe::app
