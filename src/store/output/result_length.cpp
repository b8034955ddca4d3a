// SPDX-License-Identifier: BSD-3-Clause
// Compares the length of a results file with what the file system can do.
#include "store/api/result_length.hpp"

#include "store/output/result_file.hpp"
#include "store/run_paths.hpp"

#include <fmt/format.h>

#include <fcntl.h>

#include <algorithm>
#include <limits>

namespace mpipe {

std::string length_problem(File& file, const RunLayout& layout, std::span<const std::size_t> outputs) {
  long double bytes = 0;  // a sum that cannot wrap
  for (const std::size_t k : outputs) {
    const OutputLayout& output = layout.outputs[k];
    if (output.selected || output.storage == StorageKind::file) continue;  // some chunks, or marks
    const auto values = static_cast<long double>(element_order(output).values());
    // Complex values have their real and imaginary parts beside them.
    const bool twice = output.type->kind == Kind::complex64 || output.type->kind == Kind::complex128;
    bytes += values * static_cast<long double>(output.type->size * (twice ? 2 : 1));
  }
  constexpr auto kMost = static_cast<long double>(std::numeric_limits<std::int64_t>::max());
  if (bytes < kMost && file.can_grow_to(static_cast<std::uint64_t>(bytes))) return {};
  return fmt::format(
      "the results take {}, and the file system of '{}' has no files of that size. Use smaller axes, a "
      "selection, the storage 'file' (a file per element), or another run folder.",
      readable_size(static_cast<std::uint64_t>(std::min(bytes, kMost))), file.path().parent_path().string());
}

std::string warn_of_size(const fs::path& folder, const RunLayout& layout) {
  std::error_code ignored;
  fs::path there = fs::absolute(folder, ignored);
  while (!fs::is_directory(there, ignored) && there.has_relative_path()) there = there.parent_path();
  // A file without a name, which goes when it is closed.
  const int descriptor = file_system().open(there, O_TMPFILE | O_RDWR);
  if (descriptor < 0) return {};  // the run will find out
  File file(descriptor, there / kResultsName);
  std::vector<std::size_t> outputs;
  for (std::size_t k = 0; k < layout.outputs.size(); ++k)
    if (has_location(layout.outputs[k])) outputs.push_back(k);
  return length_problem(file, layout, outputs);
}

}  // namespace mpipe
