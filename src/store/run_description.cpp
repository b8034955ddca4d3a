// SPDX-License-Identifier: BSD-3-Clause
// Writes and reads run.json, which is there twice, each with a checksum.
#include "store/api/run_description.hpp"

#include <mpipe/core/error.hpp>
#include <mpipe/mapspec/mapspec.hpp>

#include "base/api/json_integer.hpp"
#include "core/api/hash.hpp"
#include "core/api/quantity.hpp"
#include "store/h5/text_values.hpp"
#include "store/run_paths.hpp"

#include <fmt/format.h>
#include <fmt/ranges.h>
#include <nlohmann/json.hpp>

#include <algorithm>
#include <map>
#include <mutex>
#include <random>

namespace mpipe {
namespace {

using nlohmann::json;

constexpr const char* kFormat = "mpipe-run";
constexpr int kVersion = 2;
constexpr std::size_t kMaxBytes = std::size_t{64} << 20;

// ---- the text

const ElementType& innermost(const ElementType& type) {
  return type.kind == Kind::array ? innermost(*type.item) : type;
}

/// An extent that is not known yet is written as "?", so that a reader can tell it from an axis without
/// elements.
json extents(const PartialShape& shape) {
  json list = json::array();
  for (const auto& extent : shape) list.push_back(extent ? json(*extent) : json("?"));
  return list;
}

json to_json_value(const OutputLayout& output) {
  // What depends on the axes is null until they are known; then the description is written again.
  const auto if_known = [&](json value) { return output.rank_known ? value : json(); };
  return {{"name", output.name},
          {"type", output.type->name},
          {"dtype", output.type->dtype()},
          {"object", innermost(*output.type).kind == Kind::object},
          {"mapspec", output.mapspec},
          {"dims", if_known(output.axes)},
          {"external", if_known(output.external)},
          {"shape", if_known(extents(output.shape))},
          {"storage", to_string(output.storage)},
          {"units", output.units},
          {"long_name", output.long_name}};
}

json to_json_value(const RunDescription::Function& function) {
  return {{"name", function.name},       {"outputs", function.outputs}, {"parameters", function.parameters},
          {"meaning", function.meaning}, {"code", function.code},       {"body", function.body}};
}

json to_json_value(const RunDescription::Reused& reused) {
  return {{"folder", reused.folder}, {"run_id", reused.run_id}, {"outputs", reused.outputs}};
}

json to_json_value(const RunDescription::Given& given) {
  return {{"name", given.name},
          {"dtype", given.dtype},
          {"shape", given.shape},
          {"value", given.text},
          {"digest", given.digest}};
}

json to_json_value(const InputLayout& input) {
  // Where somebody has computed it, it is not computed again: the values may be many.
  const bool is_new = input.digest.empty() && input.value.has_value();
  const std::string digest = is_new ? fmt::format("{:016x}", input.value.digest()) : input.digest;
  return {{"name", input.name},
          {"dims", input.dims},
          {"units", input.units},
          {"long_name", input.long_name},
          {"digest", digest}};
}

template <class T>
json list_of(const std::vector<T>& items) {
  json list = json::array();
  for (const T& item : items) list.push_back(to_json_value(item));
  return list;
}

// ---- reading: what is wrong is thrown without the name of the file, which the caller adds

[[noreturn]] void refuse(const std::string& problem) { throw std::invalid_argument(problem); }

std::string identifier(const json& value) {
  auto name = value.get<std::string>();
  if (!is_identifier(name)) refuse(fmt::format("'{}' is no name", name));
  return name;
}

/// The type with that name; a class, or an array of such, where `is_object` says so.
const ElementType& type_from_name(const std::string& name, bool is_object) {
  constexpr std::size_t kMaxName = 10'000;
  constexpr std::string_view kArray = "array<";
  if (name.size() > kMaxName) refuse("a type has a name that is too long");
  // Nested arrays: the nesting is limited by the length of the name.
  if (name.starts_with(kArray) && name.ends_with('>'))
    return array_type(type_from_name(name.substr(kArray.size(), name.size() - kArray.size() - 1), is_object));
  if (!is_object) {
    if (const ElementType* type = find_element_type(name)) return *type;
    refuse(fmt::format("there is no type '{}'", name));
  }
  // Types of classes that this program may not know: they live as long as the program, as others do.
  static std::mutex mutex;
  static std::map<std::string, ElementType> objects;
  const std::lock_guard lock(mutex);
  return objects.try_emplace(name, ElementType{Kind::object, name, 0, nullptr}).first->second;
}

PartialShape partial_shape(const json& list) {
  PartialShape shape;
  for (const json& value : list)
    shape.push_back(value == "?" ? std::optional<Index>()
                                 : std::optional<Index>(detail::json_integer<Index>(value)));
  return shape;
}

OutputLayout read_output(const json& value) {
  OutputLayout output;
  output.name = identifier(value.at("name"));
  output.type = &type_from_name(value.at("type").get<std::string>(), value.at("object").get<bool>());
  output.mapspec = value.at("mapspec").get<std::string>();
  output.rank_known = !value.at("shape").is_null();
  if (output.rank_known) {
    output.axes = value.at("dims").get<std::vector<std::string>>();
    output.external = value.at("external").get<std::vector<bool>>();
    output.shape = partial_shape(value.at("shape"));
  }
  const auto storage = value.at("storage").get<std::string>();
  const auto found = find_named<StorageKind>(storage);
  if (!found) refuse(fmt::format("there is no storage '{}'", storage));
  output.storage = *found;
  output.units = value.at("units").get<std::string>();
  output.long_name = value.at("long_name").get<std::string>();
  if (output.axes.size() != output.external.size() || output.axes.size() != output.shape.size())
    refuse(fmt::format("the axes of '{}' make no sense", output.name));
  // Sizes are multiplied here once, with checks, so that nobody who uses the layout can be led astray.
  output.check_limits(output.name);
  return output;
}

RunDescription::Function read_function(const json& value) {
  using Texts = std::map<std::string, std::string>;
  return {identifier(value.at("name")),
          value.at("outputs").get<std::vector<std::string>>(),
          value.at("parameters").get<std::vector<std::string>>(),
          value.at("meaning").get<Texts>(),
          value.at("code").get<Texts>(),
          value.value("body", std::string())};
}

RunDescription::Reused read_reused(const json& value) {
  RunDescription::Reused reused{
      value.at("folder").get<std::string>(), value.at("run_id").get<std::string>(), {}};
  for (const auto& [output, count] : value.at("outputs").items())
    reused.outputs[output] = detail::json_integer<Index>(count);
  return reused;
}

RunDescription::Given read_given(const json& value) {
  RunDescription::Given given{identifier(value.at("name")),
                              value.at("dtype").get<std::string>(),
                              {},
                              value.at("value").get<std::string>(),
                              value.at("digest").get<std::string>()};
  for (const json& number : value.at("shape")) given.shape.push_back(detail::json_integer<Index>(number));
  if (std::any_of(given.shape.begin(), given.shape.end(), [](Index extent) { return extent < 0; }))
    refuse(fmt::format("an extent of '{}' is negative", given.name));
  return given;
}

/// Without its value, which is in the results.
InputLayout read_input(const json& value) {
  InputLayout input;
  input.name = identifier(value.at("name"));
  input.dims = value.at("dims").get<std::vector<std::string>>();
  input.units = value.at("units").get<std::string>();
  input.long_name = value.at("long_name").get<std::string>();
  input.digest = value.at("digest").get<std::string>();
  return input;
}

RunDescription read_fields(const json& root) {
  RunDescription run;
  run.run_id = root.at("run_id").get<std::string>();
  for (const json& output : root.at("outputs")) run.outputs.push_back(read_output(output));
  for (const json& input : root.at("variables")) run.inputs.push_back(read_input(input));
  for (const json& function : root.at("functions")) run.functions.push_back(read_function(function));
  for (const json& given : root.at("inputs")) run.given.push_back(read_given(given));
  // Runs that were begun before elements could be taken from others do not have it.
  for (const json& reused : root.value("reused", json::array())) run.reused.push_back(read_reused(reused));
  run.seed = detail::json_integer<std::uint64_t>(root.at("seed"));
  // Runs that were begun before there were parts of sweeps do not have it.
  if (const json shard = root.value("shard", json()); !shard.is_null()) {
    run.shard = shard.get<std::string>();
    parse_part(run.shard);
  }
  run.document = root.at("document").get<std::string>();
  run.document_file =
      root.value("document_file", std::string());  // runs that were begun earlier do not have it
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

/// The two lines of `with_checksum` before what the checksum is of.
std::string head_of(std::string_view rest) {
  return fmt::format("{{\n  \"checksum\": \"{:016x}\",\n", fnv1a(rest));
}

bool has_right_checksum(std::string_view text) {
  static const std::size_t length = head_of("").size();
  return text.size() > length && text.substr(0, length) == head_of(text.substr(length));
}

// ---- files

/// `'runs/one', 'runs/two'`: run folders in a folder, some of them where they are many.
std::string runs_in(const fs::path& folder) {
  constexpr std::size_t kMostShown = 10;
  std::vector<std::string> runs;
  std::error_code ignored;
  for (fs::directory_iterator entry(folder, ignored), end; entry != end; entry.increment(ignored))
    if (fs::exists(entry->path() / kDescriptionName, ignored))
      runs.push_back("'" + entry->path().string() + "'");
  std::sort(runs.begin(), runs.end());
  if (runs.size() > kMostShown) {
    runs.resize(kMostShown);
    runs.push_back("..");
  }
  return fmt::format("{}", fmt::join(runs, ", "));
}

[[noreturn]] void refuse_folder(const fs::path& folder) {
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

/// Nothing when it is not there.
std::optional<RunDescription> read_file(const fs::path& path) {
  std::string text;
  // The folder may be anybody's and the file anything: it is read with a limit, and links are not followed.
  switch (read_small_file(path, kMaxBytes, text)) {
    case ReadResult::ok:
      return description_from_json(text, path);
    case ReadResult::absent:
      return std::nullopt;
    case ReadResult::too_large:
      damaged(path, "it is larger than any description of a run");
    case ReadResult::not_a_file:
      damaged(path, "it is not a file");
  }
  throw Bug("a file that was read in an unknown way");
}

}  // namespace

std::string new_run_id() {
  std::random_device device;
  return fmt::format("{:08x}{:08x}", device(), device());
}

std::string with_checksum(const std::string& json) {
  // Behind the brace with which an object begins, and the end of its line.
  const std::string rest = json.substr(std::min(json.size(), json.find('\n')) + 1);
  return head_of(rest) + rest;
}

/// Text that is not UTF-8 is replaced, since the description must be readable whatever a command line
/// contained.
std::string to_json(const RunDescription& run) {
  std::vector<InputLayout> variables = run.inputs;
  std::erase_if(variables,
                [](const InputLayout& input) { return input.value.has_value() && !is_stored(input.value); });
  const json root = {{"format", kFormat},
                     {"version", kVersion},
                     {"run_id", run.run_id},
                     {"created", run.created},
                     {"command_line", run.command_line},
                     {"versions", run.versions},
                     {"seed", run.seed},
                     {"shard", run.shard.empty() ? json() : json(run.shard)},
                     {"outputs", list_of(run.outputs)},
                     {"functions", list_of(run.functions)},
                     {"inputs", list_of(run.given)},
                     {"variables", list_of(variables)},
                     {"reused", list_of(run.reused)},
                     {"document", run.document},
                     {"document_file", run.document_file}};
  return with_checksum(root.dump(2, ' ', false, json::error_handler_t::replace) + "\n");
}

/// The format is checked before the version, and the version before the fields: a file of another program
/// must not be called damaged, and neither must one of another version, whatever its checksum is of.
RunDescription description_from_json(std::string_view text, const fs::path& path) {
  const bool whole = has_right_checksum(text);
  const json root = json::parse(text, nullptr, false);
  if (root.is_discarded()) damaged(path, "it is not JSON");
  if (!root.is_object() || root.value("format", json()) != kFormat) {
    if (root.is_object() && root.contains("run_id")) damaged(path, "its format has no name");
    throw Error(Category::folder_refused,
                fmt::format("'{}' is not of a run (this folder belongs to something else). Name the "
                            "folder that was given to --run-folder.",
                            path.string()));
  }
  if (const json version = root.value("version", json()); version != kVersion)
    throw Error(
        Category::folder_refused,
        fmt::format(
            "'{}' has format version {}, and this program reads version {}. Use the mpipe that made it.",
            path.string(), version.dump(), kVersion));
  if (!whole) damaged(path, "its checksum is that of another text");
  try {
    return read_fields(root);
  } catch (const std::exception& problem) {  // of the JSON library, of a number or of a shape
    damaged(path, problem.what());
  }
}

void write_description(const fs::path& run_folder, const RunDescription& run) {
  const std::string text = to_json(run);
  // The copy comes first: where it is, run.json is found to be missing, and not to be of no run.
  for (const char* name : {kDescriptionCopyName, kDescriptionName})
    write_file_atomically(run_folder / name, text);
}

/// What is wrong with run.json is thrown only when the copy cannot stand in for it.
RunDescription read_description(const fs::path& run_folder, std::string* damage) {
  std::optional<RunDescription> found;
  std::exception_ptr problem;
  std::string what;
  for (const char* name : {kDescriptionName, kDescriptionCopyName}) {
    try {
      std::optional<RunDescription> run = read_file(run_folder / name);
      if (!run) what = fmt::format("'{}' is missing.", (run_folder / name).string());
      if (!found) found = std::move(run);
    } catch (const Error& error) {
      // Of another version, or of another program: that is no damage, and the copy is no better.
      if (error.category() != Category::storage_failed) throw;
      if (!problem) problem = std::current_exception();
      what = fmt::format("'{}' is damaged: its checksum, or what it says, is wrong.",
                         (run_folder / name).string());
    }
  }
  if (damage != nullptr && found) *damage = what;
  if (found) return std::move(*found);
  if (problem) std::rethrow_exception(problem);
  refuse_folder(run_folder);
}

}  // namespace mpipe
