// SPDX-License-Identifier: BSD-3-Clause
// Sets files of results aside that are damaged beyond reading, so that a run goes on without them.
#include "store/api/set_aside.hpp"

#include <mpipe/core/error.hpp>

#include "store/output/input_variables.hpp"
#include "store/output/run_files.hpp"
#include "store/run_paths.hpp"

#include <fmt/format.h>

#include <array>

namespace mpipe {
namespace {

/// Behind the name of a file that is set aside.
constexpr const char* kDamagedSuffix = ".damaged";

/// `results.h5.damaged`, or where that is there already `results.h5.damaged-2` ..
fs::path place_for(const fs::path& folder, const std::string& name) {
  std::error_code ignored;
  fs::path place = folder / (name + kDamagedSuffix);
  for (int number = 2; fs::exists(fs::symlink_status(place, ignored)); ++number)
    place = folder / fmt::format("{}{}-{}", name, kDamagedSuffix, number);
  return place;
}

/// What is wrong with the file, or nothing. `read` opens it and all that a resume needs of it.
template <class Read>
std::string damage_of(const fs::path& path, const Read& read) {
  const auto file = File::open_existing(path, File::Mode::read);
  if (!file) return {};
  // A disk that cannot be read is no damage of the file: this throws.
  std::array<std::byte, 4096> beginning;
  const std::size_t count = file->read_some_at(0, beginning);
  if (count == 0) return "it is empty";
  try {
    read();
  } catch (const Error& error) {
    if (error.category() != Category::storage_failed) throw;
    return "HDF5 cannot read it";
  }
  return {};
}

std::string set_aside(const fs::path& folder, const fs::path& path, const std::string& damage) {
  const fs::path place = place_for(folder, path.filename().string());
  rename_file(path, place);
  sync_folder(folder);
  return fmt::format(
      "'{}' is damaged ({}). It is called '{}' from now on. What was in it alone is computed again; what "
      "journals hold is kept.",
      path.string(), damage, place.filename().string());
}

void read_inputs(const fs::path& results, const RunLayout& layout) {
  const File there(results, File::Mode::read);
  const H5Turn turn;
  const H5Handle file = h5_open_for_reading(results);
  for (const InputLayout& input : layout.inputs)
    if (h5_has_link(file.get(), input.name)) read_input_variable(file.get(), input.name, there.size());
}

}  // namespace

std::vector<std::string> set_damaged_aside(const fs::path& run_folder, const RunLayout& layout) {
  std::vector<std::string> told;
  const auto check = [&](const fs::path& path, const auto& read) {
    const std::string damage = damage_of(path, read);
    if (!damage.empty()) told.push_back(set_aside(run_folder, path, damage));
  };
  const fs::path results = results_path(run_folder);
  check(results, [&] {
    static_cast<void>(read_table_of_file(results, layout));
    read_inputs(results, layout);
  });
  for (std::size_t k = 0; k < layout.outputs.size(); ++k) {
    if (!has_location(layout.outputs[k])) continue;
    check(segment_path(run_folder, k), [&] {
      FileTable table;
      table.outputs.resize(layout.outputs.size());
      look_for_segment(run_folder, layout, k, table);
    });
  }
  return told;
}

}  // namespace mpipe
