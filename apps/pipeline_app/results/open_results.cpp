// SPDX-License-Identifier: BSD-3-Clause
// Opens the results that a command names.
#include "results/open_results.hpp"

#include <mpipe/core/error.hpp>

#include "core/api/suggest.hpp"
#include "run_folders.hpp"
#include "store/api/run_description.hpp"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>

namespace mpipe::app {

RunReader open_results(const std::string& run) {
  const std::vector<std::filesystem::path> runs = find_runs(run);
  if (!runs.empty() && runs.front() != std::filesystem::path(run)) {
    constexpr std::size_t kShown = 10;
    std::vector<std::string> names;
    for (const auto& folder : runs) names.push_back(folder.string());
    const bool is_long = names.size() > kShown;
    names.resize(std::min(names.size(), kShown));
    throw Error(
        Category::folder_refused,
        fmt::format("'{}' has no results of its own: its runs have folders of their own ({}{}). Name one "
                    "of them.",
                    run, fmt::join(names, ", "), is_long ? ", .." : ""));
  }
  read_description(run);  // says what is wrong when this is no run folder
  return RunReader(run);
}

bool is_within(const std::string& run, const std::filesystem::path& path) {
  std::error_code ignored;
  const auto folder = std::filesystem::weakly_canonical(run, ignored);
  const auto target = std::filesystem::weakly_canonical(path, ignored);
  const auto [own, other] = std::mismatch(folder.begin(), folder.end(), target.begin(), target.end());
  return own == folder.end();
}

void require_outside(const std::string& run, const std::filesystem::path& path) {
  if (!is_within(run, path)) return;
  throw Error(
      Category::bad_option,
      fmt::format(
          "'{}' is in the run folder, which is for the files of the run (one of them would be replaced, "
          "or stand in the way of a later run). Name a file elsewhere.",
          path.string()));
}

std::size_t output_named(const RunReader& reader, const std::string& name) {
  if (const auto found = reader.find(name)) return *found;
  std::vector<std::string> known;
  for (const OutputLayout& output : reader.outputs()) known.push_back(output.name);
  throw Error(Category::unknown_output,
              fmt::format("this run has no output '{}'.{}", name, did_you_mean(name, known)));
}

std::vector<std::size_t> chosen_outputs(const RunReader& reader, const std::vector<std::string>& names) {
  std::vector<std::size_t> chosen;
  for (std::size_t k = 0; names.empty() && k < reader.outputs().size(); ++k) chosen.push_back(k);
  for (const std::string& name : names) {
    const std::size_t found = output_named(reader, name);
    if (std::find(chosen.begin(), chosen.end(), found) == chosen.end()) chosen.push_back(found);
  }
  return chosen;
}

std::vector<std::vector<std::size_t>> outputs_by_axes(const RunReader& reader,
                                                      const std::vector<std::size_t>& outputs) {
  std::vector<std::vector<std::size_t>> groups;
  for (const std::size_t output : outputs) {
    const OutputLayout& layout = reader.outputs()[output];
    const auto same = std::find_if(groups.begin(), groups.end(), [&](const auto& group) {
      const OutputLayout& first = reader.outputs()[group.front()];
      return first.axes == layout.axes && first.shape == layout.shape;
    });
    if (same == groups.end())
      groups.push_back({output});
    else
      same->push_back(output);
  }
  return groups;
}

}  // namespace mpipe::app
