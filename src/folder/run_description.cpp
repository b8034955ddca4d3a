// SPDX-License-Identifier: BSD-3-Clause
// Writes and reads run.json, and compares what two starts of a run are.
#include <mpipe/core/error.hpp>

#include "base/api/file.hpp"
#include "base/api/json_integer.hpp"
#include "folder/api/run_folder.hpp"
#include "folder/folder_contents.hpp"

#include <fmt/format.h>
#include <fmt/ranges.h>
#include <nlohmann/json.hpp>

#include <algorithm>

namespace mpipe {
namespace {

using nlohmann::json;

constexpr const char* kFormat = "mpipe-run";
constexpr int kVersion = 1;
constexpr std::size_t kSizeLimit = std::size_t{64} << 20;

/// An extent that is not known beforehand is written as "?", so that a reader can tell it from an axis
/// without elements.
json extents(const PartialShape& shape) {
  json list = json::array();
  for (const auto& extent : shape) list.push_back(extent ? json(*extent) : json("?"));
  return list;
}

Index extent(const json& value) {
  const auto number = detail::json_integer<Index>(value);
  if (number < 0) throw std::invalid_argument("an extent that is no number of elements");
  return number;
}

PartialShape partial_shape(const json& list) {
  PartialShape shape;
  for (const json& value : list)
    shape.push_back(value == "?" ? std::optional<Index>() : std::optional<Index>(extent(value)));
  return shape;
}

json to_json_value(const RunDescription::Output& output) {
  const auto if_known = [&](json value) { return output.rank_known ? value : json(); };
  return {{"name", output.name},
          {"dtype", output.dtype},
          {"mapspec", output.mapspec},
          {"dims", if_known(output.dims)},
          {"shape", if_known(extents(output.shape))},
          {"storage", output.storage}};
}

json to_json_value(const RunDescription::Input& input) {
  return {{"name", input.name}, {"dtype", input.dtype}, {"shape", input.shape}, {"digest", input.digest}};
}

template <class T>
json list_of(const std::vector<T>& items) {
  json list = json::array();
  for (const T& item : items) list.push_back(to_json_value(item));
  return list;
}

RunDescription::Output read_output(const json& value) {
  RunDescription::Output output{value.at("name").get<std::string>(),
                                value.at("dtype").get<std::string>(),
                                value.at("mapspec").get<std::string>(),
                                {},
                                {},
                                value.at("storage").get<std::string>(),
                                !value.at("shape").is_null()};
  if (!output.rank_known) return output;
  output.dims = value.at("dims").get<std::vector<std::string>>();
  output.shape = partial_shape(value.at("shape"));
  return output;
}

RunDescription::Input read_input(const json& value) {
  Shape shape;
  for (const json& number : value.at("shape")) shape.push_back(extent(number));
  return {value.at("name").get<std::string>(), value.at("dtype").get<std::string>(), shape,
          value.at("digest").get<std::string>()};
}

/// Any field that is missing or of another type throws, which the caller turns into the error that the file
/// is damaged. Numbers are read with checks of their range, because the file may have been edited by hand.
RunDescription read_fields(const json& root) {
  RunDescription run;
  run.run_id = root.at("run_id").get<std::string>();
  run.document = root.at("document").get<std::string>();
  run.pipeline_digest = root.at("pipeline_digest").get<std::string>();
  run.error_handling = root.at("error_handling").get<std::string>();
  run.seed = detail::json_integer<std::uint64_t>(root.at("seed"));
  for (const json& output : root.at("outputs")) run.outputs.push_back(read_output(output));
  for (const json& input : root.at("inputs")) run.inputs.push_back(read_input(input));
  run.command_line = root.at("command_line").get<std::string>();
  run.created = root.at("created").get<std::string>();
  run.versions = root.at("versions").get<std::map<std::string, std::string>>();
  return run;
}

[[noreturn]] void damaged(const fs::path& path, const std::string& what) {
  throw Error(
      Category::storage_failed,
      fmt::format(
          "'{}' is damaged: {} (without it nobody knows what this run is). Restore it from a copy, or start "
          "the run anew with --overwrite.",
          path.string(), what));
}

/// `'runs/one', 'runs/two'`: run folders in a folder, some of them where they are many.
std::string runs_in(const fs::path& folder) {
  constexpr std::size_t kMostShown = 10;
  std::vector<std::string> runs;
  std::error_code ignored;
  for (fs::directory_iterator entry(folder, ignored), end; entry != end; entry.increment(ignored))
    if (fs::exists(entry->path() / detail::kDescriptionName, ignored))
      runs.push_back("'" + entry->path().string() + "'");
  std::sort(runs.begin(), runs.end());
  if (runs.size() > kMostShown) {
    runs.resize(kMostShown);
    runs.push_back("..");
  }
  return fmt::format("{}", fmt::join(runs, ", "));
}

std::string read_text(const fs::path& folder) {
  const fs::path path = folder / detail::kDescriptionName;
  std::string text;
  switch (read_small_file(path, kSizeLimit, text)) {
    case ReadResult::ok:
      return text;
    case ReadResult::too_large:
      damaged(path, "it is larger than any description of a run");
    case ReadResult::not_a_file:
      damaged(path, "it is not a file");
    case ReadResult::absent:
      break;
  }
  std::error_code ignored;
  if (const std::string runs = runs_in(folder); !runs.empty())
    throw Error(Category::folder_refused,
                fmt::format("'{}' is not a run folder, but has some in it: {}. Name one of them.",
                            folder.string(), runs));
  const char* why = !fs::exists(folder, ignored)        ? "does not exist"
                    : fs::is_directory(folder, ignored) ? "is not a run folder: it has no run.json"
                                                        : "is not a folder";
  throw Error(Category::folder_refused,
              fmt::format("'{}' {}. Name the folder that was given to --run-folder.", folder.string(), why));
}

// --- comparison
// -------------------------------------------------------------------------------------------------

[[noreturn]] void differs(const std::string& field, const std::string& stored, const std::string& now) {
  throw Error(
      Category::resume_mismatch,
      fmt::format(
          "cannot resume: {} of the run in the folder is {}, but now it is {} (old and new results would not "
          "belong together). Start with what the run began with, or begin a new run in another folder, or "
          "replace this one by --overwrite.",
          field, stored, now));
}

template <class T>
std::string names(const std::vector<T>& items) {
  std::vector<std::string> list;
  for (const T& item : items) list.push_back(item.name);
  return fmt::format("[{}]", fmt::join(list, ", "));
}

template <class T, class U>
void require_equal(const std::string& field, const T& stored, const T& now, U&& show) {
  if (stored != now) differs(field, show(stored), show(now));
}

std::string quoted(const std::string& text) { return text.empty() ? "none" : "'" + text + "'"; }

void compare(const RunDescription::Output& stored, const RunDescription::Output& now) {
  const std::string of = " of output '" + stored.name + "'";
  require_equal("the mapspec" + of, stored.mapspec, now.mapspec, quoted);
  require_equal("what is known beforehand of the axes" + of, stored.rank_known, now.rank_known,
                [](bool known) { return known ? "their number" : "nothing"; });
  require_equal("the shape" + of, stored.shape, now.shape,
                [](const PartialShape& shape) { return to_string(shape); });
  require_equal("the type" + of, stored.dtype, now.dtype, quoted);
  require_equal("the list of axes" + of, stored.dims, now.dims, [](const std::vector<std::string>& dims) {
    return fmt::format("[{}]", fmt::join(dims, ", "));
  });
}

void compare(const RunDescription::Input& stored, const RunDescription::Input& now) {
  const std::string of = " of input '" + stored.name + "'";
  require_equal("the shape" + of, stored.shape, now.shape,
                [](const Shape& shape) { return to_string(shape); });
  require_equal("the type" + of, stored.dtype, now.dtype, quoted);
  require_equal("the value" + of, stored.digest, now.digest,
                [](const std::string& digest) { return "one with digest " + digest; });
}

template <class T>
void compare_lists(const std::string& what, const std::vector<T>& stored, const std::vector<T>& now) {
  if (names(stored) != names(now)) differs(what, names(stored), names(now));
  for (std::size_t k = 0; k < stored.size(); ++k) compare(stored[k], now[k]);
}

}  // namespace

/// Text that is not UTF-8 is replaced, since the description must be readable whatever a command line
/// contained.
std::string to_json(const RunDescription& run) {
  const json root = {{"format", kFormat},
                     {"version", kVersion},
                     {"run_id", run.run_id},
                     {"created", run.created},
                     {"command_line", run.command_line},
                     {"versions", run.versions},
                     {"seed", run.seed},
                     {"error_handling", run.error_handling},
                     {"outputs", list_of(run.outputs)},
                     {"inputs", list_of(run.inputs)},
                     {"pipeline_digest", run.pipeline_digest},
                     {"document", run.document}};
  return root.dump(2, ' ', false, json::error_handler_t::replace) + "\n";
}

/// The format is checked before the version, and the version before the fields: a file of another program
/// must not be called damaged, and neither must one of a later version.
RunDescription read_description(const fs::path& run_folder) {
  const fs::path path = run_folder / detail::kDescriptionName;
  const json root = json::parse(read_text(run_folder), nullptr, false);
  if (root.is_discarded()) damaged(path, "it is not JSON");
  if (!root.is_object() || root.value("format", json()) != kFormat)
    throw Error(Category::folder_refused,
                fmt::format("'{}' is not of a run (this folder belongs to something else). Name the "
                            "folder that was given to --run-folder.",
                            path.string()));
  if (const json version = root.value("version", json()); version != kVersion)
    throw Error(
        Category::folder_refused,
        fmt::format(
            "'{}' has format version {}, and this program reads version {}. Use the mpipe that made it.",
            path.string(), version.dump(), kVersion));
  try {
    return read_fields(root);
  } catch (const std::exception& problem) {  // of the JSON library, or of a shape
    damaged(path, problem.what());
  }
}

/// What users can understand best is compared first. The digest of the pipeline comes last, because it only
/// says that something differs.
void check_same_run(const RunDescription& stored, const RunDescription& now) {
  require_equal("error_handling", stored.error_handling, now.error_handling, quoted);
  require_equal("the seed", stored.seed, now.seed, [](std::uint64_t seed) { return std::to_string(seed); });
  compare_lists("the list of outputs", stored.outputs, now.outputs);
  compare_lists("the list of inputs", stored.inputs, now.inputs);
  require_equal("the pipeline", stored.pipeline_digest, now.pipeline_digest,
                [](const std::string& digest) { return "one with digest " + digest; });
}

}  // namespace mpipe
