// SPDX-License-Identifier: BSD-3-Clause
// Writes a value as a file in NumPy's format.
#include "results/npy.hpp"

#include <mpipe/core/error.hpp>

#include "data/api/npy.hpp"
#include "not_supported.hpp"

#include <fmt/format.h>

#include <cerrno>
#include <cstring>
#include <fstream>

namespace mpipe::app {

void write_npy(const std::filesystem::path& path, const Value& value) {
  if (!value.type().is_numeric())
    refuse_unsupported(fmt::format("an .npy file of values of type '{}'", value.type().dtype()),
                       "Use --json or --csv.");
  const std::string header = npy_header(value.type(), value.shape());
  // Streams do not say why they failed; errno may, if it was 0 before.
  errno = 0;
  std::ofstream file(path, std::ios::binary | std::ios::trunc);
  file.write(header.data(), static_cast<std::streamsize>(header.size()));
  file.write(reinterpret_cast<const char*>(value.data()), static_cast<std::streamsize>(value.byte_size()));
  // The last bytes leave the buffer here: a full disk is only noticed after this.
  file.close();
  if (!file)
    throw Error(Category::storage_failed,
                fmt::format("'{}' cannot be written: {}. Name a file in a folder that you may write to.",
                            path.string(), errno != 0 ? std::strerror(errno) : "unknown reason"));
}

}  // namespace mpipe::app
