// SPDX-License-Identifier: BSD-3-Clause
// The keys that each kind of mapping in a document may have, and the refusal of others.
#include "document/sections/keys.hpp"

#include "document/text.hpp"
#include "options/api/option_table.hpp"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>

namespace mpipe::detail {
namespace {

constexpr std::string_view kDocument[] = {"mpipe", "name", "functions", "axes", "inputs", "map", "runs"};
constexpr std::string_view kDocumentLater[] = {"scope"};

constexpr std::string_view kFunction[] = {
    "output",  "expr",       "plugin",         "function",   "mapspec",   "defaults",  "bound",
    "renames", "parameters", "internal_shape", "resources",  "isolation", "units",     "long_name",
    "cache",   "scope",      "command",        "returns",    "timeout",   "retries",   "env",
    "workdir", "stdin",      "dtype",          "exit_codes", "python",    "vectorize", "thread_safe"};

constexpr std::string_view kCommand[] = {"command"};
constexpr std::string_view kPython[] = {"python"};
constexpr std::string_view kPlugin[] = {"plugin"};
constexpr std::string_view kTyped[] = {"expr", "command", "python"};
constexpr std::string_view kNoCommand[] = {"expr", "python", "plugin"};
constexpr KeyOfKinds kKeysOfKinds[] = {
    {"function", kPlugin}, {"returns", kCommand},  {"timeout", kCommand},    {"retries", kCommand},
    {"env", kCommand},     {"workdir", kCommand},  {"stdin", kCommand},      {"exit_codes", kCommand},
    {"dtype", kTyped},     {"vectorize", kPython}, {"thread_safe", kPython}, {"isolation", kNoCommand}};

constexpr std::string_view kResources[] = {"ranks", "threads", "gpus", "memory", "time"};

constexpr std::string_view kInput[] = {"data", "linspace", "arange", "geomspace", "random",  "csv",   "json",
                                       "hdf5", "npy",      "column", "columns",   "dataset", "dtype", "raw"};
constexpr std::string_view kRetries[] = {"times", "pause", "on", "memory_factor", "time_factor"};
constexpr std::string_view kRandom[] = {"uniform", "normal", "n", "seed"};

std::vector<std::string_view> keys_of_map() {
  std::vector<std::string_view> keys;
  for (const OptionRow& row : option_table())
    if (row.in_documents()) keys.push_back(row.name);
  return keys;
}
// It stands before `kMapKeys`, which refers to its memory: the variables of one file are made from top to
// bottom. The table of options is constant, and so is there before either.
const std::vector<std::string_view> kMap = keys_of_map();

constexpr std::string_view kRun[] = {"name", "inputs", "axes"};

bool contains(std::span<const std::string_view> keys, std::string_view key) {
  return std::find(keys.begin(), keys.end(), key) != keys.end();
}

}  // namespace

const KeySet kDocumentKeys{"a document", kDocument, kDocumentLater};
const KeySet kFunctionKeys{"a function", kFunction, {}};
const KeySet kResourceKeys{"the resources", kResources, {}};
const KeySet kInputKeys{"an input", kInput, {}};
const KeySet kRetryKeys{"the retries", kRetries, {}};
const KeySet kRandomKeys{"random", kRandom, {}};
const KeySet kMapKeys{"map", kMap, {}};
const KeySet kRunKeys{"a run", kRun, {}};

std::span<const KeyOfKinds> keys_of_kinds() { return kKeysOfKinds; }

void check_keys_of_kind(const Yaml& function, std::string_view kind) {
  for (const KeyOfKinds& row : kKeysOfKinds) {
    const auto found = function.find(row.key);
    if (!found || contains(row.kinds, kind)) continue;
    if (row.key == "isolation")
      found->refuse("a command runs in a process of its own already. Remove 'isolation'.");
    found->refuse(fmt::format("'{}' goes with '{}', not with '{}'. Remove it.", row.key,
                              fmt::join(row.kinds, "' or '"), kind));
  }
}

void check_keys(const Yaml& map, const KeySet& keys) {
  if (!map.is_map()) map.refuse_type(fmt::format("the keys of {}", keys.where));
  for (std::size_t k = 0; k < map.size(); ++k) {
    const Yaml key = map.key(k);
    if (contains(keys.known, key.text())) continue;
    if (contains(keys.later, key.text()))
      key.refuse(fmt::format("'{}' of {} is not supported by this version of mpipe. Remove it.", key.text(),
                             keys.where),
                 Category::not_supported);
    const std::vector<std::string> known(keys.known.begin(), keys.known.end());
    key.refuse(fmt::format("'{}' is no key of {}.{}", printable(key.text()), keys.where,
                           suggestion(key.text(), known)));
  }
}

}  // namespace mpipe::detail
