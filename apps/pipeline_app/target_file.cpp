// SPDX-License-Identifier: BSD-3-Clause
// Keeps files of the user from being replaced by mistake.
#include "target_file.hpp"

#include <mpipe/core/error.hpp>

#include "base/api/file.hpp"

#include <fmt/format.h>

namespace mpipe::app {

void require_regular(const std::filesystem::path& file, const std::string& kind) {
  std::error_code error;
  const std::filesystem::file_status status = std::filesystem::status(file, error);
  if (!std::filesystem::exists(status) || std::filesystem::is_regular_file(status)) return;
  throw Error(
      Category::bad_option,
      fmt::format("'{}' is no file, so a {} cannot take its place. Name another one.", file.string(), kind));
}

void require_replaceable(const std::filesystem::path& file, std::string_view beginning,
                         const std::string& kind, const std::string& advice) {
  require_regular(file, kind);
  std::error_code error;
  if (!std::filesystem::exists(file, error)) return;
  const File there(file, File::Mode::read);
  std::string found(beginning.size(), '\0');
  found.resize(there.read_some_at(0, std::as_writable_bytes(std::span(found))));
  if (found != beginning)
    throw Error(Category::bad_option,
                fmt::format("'{}' is there, and is no {} of pipeline_app (it would be lost). {}",
                            file.string(), kind, advice));
}

}  // namespace mpipe::app
