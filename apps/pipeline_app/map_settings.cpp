// SPDX-License-Identifier: BSD-3-Clause
#include "map_settings.hpp"

#include <mpipe/core/error.hpp>

#include "core/api/suggest.hpp"
#include "not_supported.hpp"

#include <fmt/format.h>

#include <charconv>

namespace mpipe::app {
namespace {

constexpr Index kMaxPrint = 10000;

/// A text, and who said it.
struct Said {
  std::string text;
  std::string by;  ///< `--seed`, `MPIPE_SEED`, `wing.yaml:12:5`
};

std::optional<Said> from_environment(const char* variable, const Environ& environment) {
  const char* text = environment(variable);
  if (text == nullptr || *text == '\0') return std::nullopt;
  return Said{text, variable};
}

std::optional<Said> said(const std::optional<std::string>& flag, const std::string& name,
                         const char* variable, const Environ& environment) {
  if (flag) return Said{*flag, name};
  return from_environment(variable, environment);
}

std::string place_in(const Document& document, const std::string& key) {
  const auto place = document.map_place(key);
  return place ? place->to_string() : document.file().string();
}

template <class Number>
Number number_from(const Said& value, const char* what) {
  Number number{};
  const char* end = value.text.data() + value.text.size();
  const auto parsed = std::from_chars(value.text.data(), end, number);
  if (parsed.ec != std::errc() || parsed.ptr != end)
    throw Error(Category::bad_option, fmt::format("{}: '{}' is not {}.", value.by, value.text, what));
  return number;
}

std::vector<std::string> split(const std::string& text, char at) {
  std::vector<std::string> parts;
  std::size_t begin = 0;
  for (std::size_t end = text.find(at); end != std::string::npos; end = text.find(at, begin)) {
    parts.push_back(text.substr(begin, end - begin));
    begin = end + 1;
  }
  parts.push_back(text.substr(begin));
  return parts;
}

/// Per output: "" is all others.
using PerOutput = std::map<std::string, Said>;

/// `[OUT=]KIND`, several by commas.
void add_entries(PerOutput& entries, const std::string& text, const std::string& by) {
  for (const std::string& entry : split(text, ',')) {
    const std::size_t equals = entry.find('=');
    const std::string output = equals == std::string::npos ? "" : entry.substr(0, equals);
    const std::string value = equals == std::string::npos ? entry : entry.substr(equals + 1);
    if (value.empty() || equals == 0)
      throw Error(Category::bad_option,
                  fmt::format("{}: '{}' is not [OUTPUT=]VALUE. Write, say, {} mean=VALUE.", by, entry, by));
    entries[output] = {value, by};
  }
}

PerOutput per_output(const std::vector<std::string>& flags, const std::string& name, const char* variable,
                     const Environ& environment, PerOutput entries) {
  if (const auto value = from_environment(variable, environment))
    add_entries(entries, value->text, value->by);
  for (const std::string& flag : flags) add_entries(entries, flag, name);
  return entries;
}

PerOutput from_document(const Document& document, const std::map<std::string, std::string>& section,
                        const std::string& key) {
  PerOutput entries;
  for (const auto& [output, value] : section) entries[output] = {value, place_in(document, key)};
  return entries;
}

std::map<std::string, std::string> texts(const PerOutput& entries) {
  std::map<std::string, std::string> values;
  for (const auto& [output, value] : entries) values[output] = value.text;
  return values;
}

std::map<std::string, std::string> choose_storage(const MapFlags& flags, const Environ& environment,
                                                  const Document& document, bool has_folder) {
  const PerOutput entries = per_output(flags.storage, "--storage", "MPIPE_STORAGE", environment,
                                       from_document(document, document.map().storage, "storage"));
  std::map<std::string, std::string> storage = texts(entries);
  if (!storage.empty()) storage.try_emplace("", has_folder ? "hdf5" : "memory");
  return storage;
}

std::map<std::string, std::string> choose_executor(const MapFlags& flags, const Environ& environment,
                                                   const Document& document) {
  const PerOutput entries = per_output(flags.executor, "--executor", "MPIPE_EXECUTOR", environment,
                                       from_document(document, document.map().executor, "executor"));
  return texts(entries);
}

std::map<std::string, ChunkSize> choose_chunks(const MapFlags& flags, const Environ& environment,
                                               const Document& document) {
  PerOutput entries;
  for (const auto& [output, size] : document.map().chunksizes)
    entries[output] = {size ? std::to_string(*size) : "auto", place_in(document, "chunksizes")};
  entries = per_output(flags.chunksizes, "--chunksizes", "MPIPE_CHUNKSIZES", environment, std::move(entries));
  std::map<std::string, ChunkSize> sizes;
  for (const auto& [output, value] : entries) {
    sizes[output] = {};
    if (value.text == "auto") continue;
    const auto size = number_from<Index>(value, "a number of elements, nor auto");
    if (size <= 0)
      throw Error(
          Category::bad_chunksize,
          fmt::format("{}: '{}' is no size of a block, which has at least 1 element.", value.by, value.text));
    sizes[output] = size;
  }
  return sizes;
}

std::string choose_error_handling(const MapFlags& flags, const Environ& environment,
                                  const Document& document) {
  auto value = said(flags.error_handling, "--error-handling", "MPIPE_ERROR_HANDLING", environment);
  if (!value && document.map().error_handling)
    value = Said{*document.map().error_handling, place_in(document, "error_handling")};
  if (!value) return "raise";
  if (value->text != "raise" && value->text != "continue")
    throw Error(Category::bad_option,
                fmt::format("{}: error_handling is raise or continue, not '{}'.{}", value->by, value->text,
                            did_you_mean(value->text, {"raise", "continue"})));
  return value->text;
}

/// A number of failures or of tries: a flag, a variable, or a key of the document's section `map`.
std::optional<Index> choose_count(const std::optional<std::string>& flag, const std::string& name,
                                  const char* variable, const Environ& environment,
                                  const std::optional<Index>& in_document) {
  const auto value = said(flag, name, variable, environment);
  if (!value) return in_document;
  const Index count = number_from<Index>(*value, "a whole number");
  if (count < 0)
    throw Error(Category::bad_option,
                fmt::format("{}: {} is less than 0. Give 0 or more.", value->by, count));
  return count;
}

Rank0 choose_rank0(const MapFlags& flags, const Environ& environment) {
  const auto value = said(flags.rank0, "--rank0", "MPIPE_RANK0", environment);
  if (!value || value->text == "auto") return Rank0::automatic;
  if (value->text == "schedule") return Rank0::schedule;
  if (value->text == "work") return Rank0::work;
  throw Error(Category::bad_option,
              fmt::format("{}: '{}' is not one of schedule, work, auto.{}", value->by, value->text,
                          did_you_mean(value->text, {"schedule", "work", "auto"})));
}

std::optional<Index> slice_end(const std::string& text, const std::string& whole) {
  if (text.empty()) return std::nullopt;
  return number_from<Index>({text, "--fixed " + whole},
                            "a whole number, which AXIS=I and AXIS=BEGIN:END:STEP take");
}

std::variant<Index, Slice> parse_position(const std::string& text, const std::string& whole) {
  const std::vector<std::string> parts = split(text, ':');
  if (parts.size() == 1 && !text.empty()) return *slice_end(text, whole);
  if (parts.size() == 1 || parts.size() > 3)
    throw Error(
        Category::bad_option,
        fmt::format("--fixed {}: '{}' is neither a position (i=3) nor a slice (i=0:10:2).", whole, text));
  Slice slice{slice_end(parts[0], whole), slice_end(parts[1], whole), std::nullopt};
  if (parts.size() == 3) slice.step = slice_end(parts[2], whole);
  if (slice.step == 0)
    throw Error(Category::bad_option,
                fmt::format("--fixed {}: a step of 0 never gets anywhere. Give another, or none.", whole));
  return slice;
}

}  // namespace

std::string chosen(const std::optional<std::string>& flag, const char* variable, const Environ& environment,
                   const std::string& fallback) {
  const auto value = said(flag, "", variable, environment);
  return value ? value->text : fallback;
}

Index max_print(const std::optional<std::string>& flag, const Environ& environment) {
  const auto value = said(flag, "--max-print", "MPIPE_MAX_PRINT", environment);
  if (!value) return kMaxPrint;
  const Index most = number_from<Index>(*value, "a number of values");
  if (most < 0)
    throw Error(Category::bad_option,
                fmt::format("{}: {} is less than 0. 0 prints no data.", value->by, most));
  return most;
}

int max_concurrent(const MapFlags& flags, const Environ& environment, const Document& document) {
  const auto most = choose_count(flags.max_concurrent, "--max-concurrent", "MPIPE_MAX_CONCURRENT",
                                 environment, document.map().max_concurrent);
  constexpr Index kMost = 1'000'000;
  if (most.value_or(1) < 1 || most.value_or(1) > kMost)
    throw Error(Category::bad_option,
                fmt::format("max_concurrent is '{}'. Give a number from 1 to {}.", *most, kMost));
  return static_cast<int>(most.value_or(1));
}

FixedIndices parse_fixed(const std::vector<std::string>& flags) {
  FixedIndices fixed;
  for (const std::string& flag : flags)
    for (const std::string& entry : split(flag, ',')) {
      const std::size_t equals = entry.find('=');
      if (equals == std::string::npos || equals == 0)
        throw Error(
            Category::bad_option,
            fmt::format("--fixed {}: '{}' is not AXIS=POSITION. Write, say, --fixed i=3.", flag, entry));
      const std::string axis = entry.substr(0, equals);
      if (!fixed.emplace(axis, parse_position(entry.substr(equals + 1), flag)).second)
        throw Error(Category::bad_option,
                    fmt::format("--fixed: the axis '{}' is fixed twice. Keep one.", axis));
    }
  return fixed;
}

MapOptions map_options(const MapFlags& flags, const Environ& environment, const Document& document) {
  const MapSection& section = document.map();
  MapOptions options;
  if (const auto folder = said(flags.run_folder, "--run-folder", "MPIPE_RUN_FOLDER", environment))
    options.run_folder = folder->text;
  else
    options.run_folder = section.run_folder.value_or("");
  if (flags.run_folder && flags.run_folder->empty())
    throw Error(Category::bad_option, "--run-folder is empty. Name a folder.");
  options.resume = flags.resume;
  options.overwrite = flags.overwrite;
  options.storage = choose_storage(flags, environment, document, !options.run_folder.empty());
  options.executor = choose_executor(flags, environment, document);
  options.chunksizes = choose_chunks(flags, environment, document);
  options.error_handling = choose_error_handling(flags, environment, document);
  options.max_failures = choose_count(flags.max_failures, "--max-failures", "MPIPE_MAX_FAILURES", environment,
                                      section.max_failures);
  options.retries =
      choose_count(flags.retries, "--retries", "MPIPE_RETRIES", environment, section.retries).value_or(0);
  options.retry_failed = flags.retry_failed;
  options.outputs = flags.outputs;
  options.fixed = parse_fixed(flags.fixed);
  options.seed = section.seed.value_or(0);
  if (const auto seed = said(flags.seed, "--seed", "MPIPE_SEED", environment))
    options.seed = number_from<std::uint64_t>(*seed, "a seed, which is a whole number from 0 to 2^64 - 1");
  options.rank0 = choose_rank0(flags, environment);
  return options;
}

}  // namespace mpipe::app
