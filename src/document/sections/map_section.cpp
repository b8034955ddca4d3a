// SPDX-License-Identifier: BSD-3-Clause
#include "document/sections/map_section.hpp"

#include "core/api/suggest.hpp"
#include "document/sections/keys.hpp"
#include "document/text.hpp"

#include <fmt/format.h>

#include <algorithm>

namespace mpipe::detail {
namespace {

/// A value for all outputs, or a mapping from outputs ("": all others) to values.
template <class Read>
auto read_per_output(const Yaml& spec, const std::vector<std::string>& outputs, Read&& read) {
  std::map<std::string, decltype(read(spec))> entries;
  if (!spec.is_map()) {
    entries.emplace("", read(spec));
    return entries;
  }
  for (std::size_t k = 0; k < spec.size(); ++k) {
    const std::string& name = spec.key(k).text();
    if (!name.empty() && std::find(outputs.begin(), outputs.end(), name) == outputs.end())
      spec.key(k).refuse(
          fmt::format("no function has the output '{}'.{}", printable(name), suggestion(name, outputs)),
          Category::unknown_output);
    entries.emplace(name, read(spec.value(k)));
  }
  return entries;
}

std::string read_word(const Yaml& value, const std::vector<std::string>& words, std::string_view expected,
                      Category category = Category::bad_document) {
  const std::string word = read_text(value, expected);
  if (std::find(words.begin(), words.end(), word) == words.end())
    value.refuse(
        fmt::format("expected {} but found {}.{}", expected, value.described(), did_you_mean(word, words)),
        category);
  return word;
}

std::string read_storage(const Yaml& value) {
  return read_word(value, {"hdf5", "file", "memory"}, "a storage (hdf5, file or memory)",
                   Category::unknown_storage);
}

std::string read_executor(const Yaml& value) {
  constexpr std::string_view kExpected =
      "an executor (mpi, threads, threads:4, processes, processes:4 or sequential)";
  const std::string text = read_text(value, kExpected);
  const std::size_t colon = text.find(':');
  const std::string kind = text.substr(0, colon);
  const std::vector<std::string> kinds{"mpi", "threads", "processes", "sequential"};
  const bool known = std::find(kinds.begin(), kinds.end(), kind) != kinds.end();
  const bool counted = kind == "threads" || kind == "processes";
  const std::string_view number = colon == std::string::npos ? "1" : std::string_view(text).substr(colon + 1);
  const bool is_number = !number.empty() && number.find_first_not_of("0123456789") == std::string_view::npos;
  if (!known || !is_number || (colon != std::string::npos && !counted))
    value.refuse(fmt::format("expected {} but found {}.{}", kExpected, value.described(),
                             known ? "" : did_you_mean(kind, kinds)),
                 Category::bad_option);
  return text;
}

std::optional<Index> read_chunksize(const Yaml& value) {
  if (value.is_scalar() && value.text() == "auto") return {};
  return read_integer(value, 1, "a number of elements, 1 or more, or auto");
}

}  // namespace

MapSection read_map_section(const Yaml& spec, const std::vector<std::string>& outputs) {
  check_keys(spec, kMapKeys);
  MapSection section;
  if (const auto folder = spec.find("run_folder")) {
    section.run_folder = read_text(*folder, "the path of a folder");
    if (section.run_folder->empty())
      folder->refuse("the path of the run folder is empty. Remove the key for a run without one.");
  }
  if (const auto storage = spec.find("storage"))
    section.storage = read_per_output(*storage, outputs, read_storage);
  if (const auto executor = spec.find("executor"))
    section.executor = read_per_output(*executor, outputs, read_executor);
  if (const auto sizes = spec.find("chunksizes"))
    section.chunksizes = read_per_output(*sizes, outputs, read_chunksize);
  if (const auto handling = spec.find("error_handling"))
    section.error_handling = read_word(*handling, {"raise", "continue"}, "raise or continue");
  if (const auto most = spec.find("max_failures"))
    section.max_failures = read_integer(*most, 0, "a number of failures, 0 or more");
  if (const auto retries = spec.find("retries"))
    section.retries = read_integer(*retries, 0, "a number of tries, 0 or more");
  if (const auto most = spec.find("max_concurrent"))
    section.max_concurrent = read_integer(*most, 1, "a number of runs, 1 or more");
  if (const auto seed = spec.find("seed"))
    section.seed = static_cast<std::uint64_t>(read_integer(*seed, 0, "a whole number, 0 or more"));
  return section;
}

}  // namespace mpipe::detail
