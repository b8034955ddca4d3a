// SPDX-License-Identifier: BSD-3-Clause
#include "fuzz/fuzz_target.hpp"

#include <unistd.h>

#include <cctype>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <fstream>

namespace mpipe::fuzz {

void broken(std::string_view property) {
  std::fprintf(stderr, "fuzz: broken: %.*s\n", static_cast<int>(property.size()), property.data());
  std::abort();
}

bool has_large_number(std::string_view text) {
  int digits = 0;
  for (std::size_t k = 0; k < text.size(); ++k) {
    const auto c = static_cast<unsigned char>(text[k]);
    if (std::isdigit(c) != 0) {
      if (++digits > 4) return true;
    } else if ((c == 'e' || c == 'E') && digits > 0) {
      return true;
    } else if (c != '_' && c != '.') {
      digits = 0;
    }
  }
  return false;
}

ScratchFile::ScratchFile(const char* name) {
  const char* root = std::filesystem::exists("/dev/shm") ? "/dev/shm" : "/tmp";
  std::snprintf(folder_, sizeof folder_, "%s/mpipe-fuzz-XXXXXX", root);
  if (::mkdtemp(folder_) == nullptr) broken("a folder for scratch files can be made");
  std::snprintf(path_, sizeof path_, "%s/%s", folder_, name);
}

ScratchFile::~ScratchFile() {
  std::error_code ignored;
  std::filesystem::remove_all(folder_, ignored);
}

void ScratchFile::write(std::span<const std::byte> bytes) const {
  std::ofstream file(path_, std::ios::binary | std::ios::trunc);
  file.write(reinterpret_cast<const char*>(bytes.data()), static_cast<std::streamsize>(bytes.size()));
  file.close();
  require(!file.fail(), "a scratch file can be written");
}

}  // namespace mpipe::fuzz
