// SPDX-License-Identifier: BSD-3-Clause
// Turns the layout of a run into JSON and back, and compares two layouts.
#include "store/manifest.hpp"

#include <mpipe/core/error.hpp>
#include <mpipe/mapspec/mapspec.hpp>

#include "base/api/json_integer.hpp"
#include "store/h5/text_values.hpp"
#include "store/output/input_variables.hpp"
#include "store/run_paths.hpp"

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include <charconv>
#include <map>
#include <mutex>

namespace mpipe {
namespace {

using Json = nlohmann::json;

constexpr const char* kFormatName = "mpipe run store";
constexpr std::size_t kMaxBytes = std::size_t{64} << 20;
constexpr std::size_t kMaxAxes = 32;  // of an HDF5 dataset

[[noreturn]] void throw_bad(const fs::path& path, const std::string& what) {
  throw Error(Category::storage_failed,
              fmt::format("'{}': {} (it is damaged, or was not made by mpipe).", path.string(), what));
}

const ElementType& innermost(const ElementType& type) {
  return type.kind == Kind::array ? innermost(*type.item) : type;
}

Json to_json(const PartialShape& shape) {
  Json extents = Json::array();
  for (const auto& extent : shape) extents.push_back(extent ? Json(*extent) : Json());
  return extents;
}

Json to_json(const OutputLayout& output) {
  // What depends on the axes is null until they are known; then the manifest is written again.
  const auto if_known = [&](Json json) { return output.rank_known ? json : Json(); };
  return {{"name", output.name},
          {"type", output.type->name},
          {"object", innermost(*output.type).kind == Kind::object},
          {"mapspec", output.mapspec},
          {"dims", if_known(output.dims)},
          {"external", if_known(output.external)},
          {"shape", if_known(to_json(output.shape))},
          {"storage", to_string(output.storage)},
          {"units", output.units},
          {"long_name", output.long_name}};
}

PartialShape shape_from(const Json& json) {
  PartialShape shape;
  for (const Json& extent : json) {
    if (extent.is_null())
      shape.emplace_back();
    else
      shape.emplace_back(detail::json_integer<Index>(extent));
  }
  return shape;
}

OutputLayout output_from(const Json& json, const fs::path& path) {
  OutputLayout output;
  output.name = json.at("name").get<std::string>();
  if (!is_identifier(output.name)) throw_bad(path, "'" + output.name + "' is no name of an output");
  output.type = &type_from_name(json.at("type").get<std::string>(), json.at("object").get<bool>());
  output.mapspec = json.at("mapspec").get<std::string>();
  output.rank_known = !json.at("shape").is_null();
  if (output.rank_known) {
    output.dims = json.at("dims").get<std::vector<std::string>>();
    output.external = json.at("external").get<std::vector<bool>>();
    output.shape = shape_from(json.at("shape"));
  }
  const auto storage = json.at("storage").get<std::string>();
  const auto found = find_named<StorageKind>(storage);
  if (!found) throw_bad(path, "there is no storage '" + storage + "'");
  output.storage = *found;
  output.units = json.at("units").get<std::string>();
  output.long_name = json.at("long_name").get<std::string>();
  if (output.dims.size() != output.external.size() || output.dims.size() != output.shape.size() ||
      output.dims.size() > kMaxAxes)
    throw_bad(path, "the axes of '" + output.name + "' make no sense");
  // Sizes are multiplied here once, with checks, so that nobody who uses the layout can be led astray.
  Shape known;
  for (const auto& extent : output.shape) known.push_back(extent.value_or(1));
  if (std::any_of(known.begin(), known.end(), [](Index extent) { return extent < 0; }))
    throw_bad(path, "an extent of '" + output.name + "' is negative");
  element_count(known);
  return output;
}

Json to_json(const InputLayout& input) {
  return {{"name", input.name},
          {"dims", input.dims},
          {"units", input.units},
          {"long_name", input.long_name},
          {"checksum", fmt::format("{:016x}", checksum_of(input.value))}};
}

/// Without its value, which is in the results.
InputLayout input_from(const Json& json, const fs::path& path) {
  InputLayout input;
  input.name = json.at("name").get<std::string>();
  if (!is_identifier(input.name)) throw_bad(path, "'" + input.name + "' is no name of an input");
  input.dims = json.at("dims").get<std::vector<std::string>>();
  input.units = json.at("units").get<std::string>();
  input.long_name = json.at("long_name").get<std::string>();
  if (!json.contains("checksum")) return input;
  const auto digits = json.at("checksum").get<std::string>();
  std::uint64_t checksum = 0;
  const char* end = digits.data() + digits.size();
  constexpr int kHexadecimal = 16;
  if (std::from_chars(digits.data(), end, checksum, kHexadecimal).ptr != end || digits.empty())
    throw_bad(path, "the checksum of '" + input.name + "' is no number");
  input.checksum = checksum;
  return input;
}

bool compatible(const PartialShape& a, const PartialShape& b) {
  if (a.size() != b.size()) return false;
  for (std::size_t axis = 0; axis < a.size(); ++axis)
    if (a[axis] && b[axis] && *a[axis] != *b[axis]) return false;
  return true;
}

}  // namespace

const ElementType& type_from_name(const std::string& name, bool is_object) {
  constexpr std::size_t kMaxName = 10'000;
  const std::string before = "array<";
  if (name.size() > kMaxName) throw Error(Category::storage_failed, "a type has a name that is too long.");
  if (name.starts_with(before) && name.ends_with('>')) {
    // Nested arrays: the nesting is limited by the length of the name.
    return array_type(type_from_name(name.substr(before.size(), name.size() - before.size() - 1), is_object));
  }
  if (!is_object) {
    if (const ElementType* type = find_element_type(name)) return *type;
    throw Error(Category::storage_failed, "there is no type '" + name + "'.");
  }
  // Types of classes that this program may not know: they live as long as the program, as others do.
  static std::mutex mutex;
  static std::map<std::string, ElementType> objects;
  const std::lock_guard lock(mutex);
  return objects.try_emplace(name, ElementType{Kind::object, name, 0, nullptr}).first->second;
}

std::string layout_to_text(const RunLayout& layout) {
  Json json{{"format", kFormatName}, {"version", kFormatVersion}, {"run_id", layout.run_id}};
  json["outputs"] = Json::array();
  json["inputs"] = Json::array();
  for (const OutputLayout& output : layout.outputs) json["outputs"].push_back(to_json(output));
  for (const InputLayout& input : layout.inputs)
    if (is_stored(input.value)) json["inputs"].push_back(to_json(input));
  constexpr int kIndent = 1;
  return json.dump(kIndent, ' ', false, Json::error_handler_t::replace) + "\n";
}

RunLayout layout_from_text(std::string_view text, const fs::path& path) {
  try {
    const Json json = Json::parse(text);
    if (json.at("format").get<std::string>() != kFormatName) throw_bad(path, "it is something else");
    const auto version = detail::json_integer<int>(json.at("version"));
    if (version != kFormatVersion)
      throw_bad(path, fmt::format("it is of version {} of the format, and this program reads version {}",
                                  version, kFormatVersion));
    RunLayout layout;
    layout.run_id = json.at("run_id").get<std::string>();
    for (const Json& output : json.at("outputs")) layout.outputs.push_back(output_from(output, path));
    for (const Json& input : json.at("inputs")) layout.inputs.push_back(input_from(input, path));
    return layout;
  } catch (const Error&) {
    // These errors say what is wrong already; those of the JSON library do not know what the file is for.
    throw;
  } catch (const std::exception& error) {  // of the JSON library, or a number that is none
    throw_bad(path, error.what());
  }
}

void write_manifest(const fs::path& folder, const RunLayout& layout) {
  write_file_atomically(manifest_path(folder), layout_to_text(layout));
}

std::optional<RunLayout> read_manifest(const fs::path& folder) {
  const fs::path path = manifest_path(folder);
  std::string text;
  // The folder may be anybody's and the file anything: it is read with a limit, and links are not followed.
  switch (read_small_file(path, kMaxBytes, text)) {
    case ReadResult::ok:
      return layout_from_text(text, path);
    case ReadResult::absent:
      return std::nullopt;
    case ReadResult::not_a_file:
      throw_bad(path, "it is not a file");
    case ReadResult::too_large:
      throw_bad(path, "it is larger than any description of results");
  }
  throw Bug("a file that was read in an unknown way");
}

void check_same_layout(const RunLayout& wanted, const RunLayout& found) {
  const auto refuse = [](const std::string& what) {
    throw Error(
        Category::resume_mismatch,
        fmt::format(
            "the results in the run folder are of another run: {}. Choose another run folder, or start anew.",
            what));
  };
  // The run id comes first: where it differs, the other differences follow from it and would mislead.
  if (wanted.run_id != found.run_id) refuse("the run id differs");
  if (wanted.outputs.size() != found.outputs.size()) refuse("the number of outputs differs");
  for (std::size_t k = 0; k < wanted.outputs.size(); ++k) {
    const OutputLayout& a = wanted.outputs[k];
    const OutputLayout& b = found.outputs[k];
    if (a.name != b.name) refuse(fmt::format("output '{}' was '{}'", a.name, b.name));
    if (*a.type != *b.type)
      refuse(fmt::format("the type of '{}' is {} and was {}", a.name, a.type->name, b.type->name));
    if (a.mapspec != b.mapspec)
      refuse(fmt::format("the mapspec of '{}' is '{}' and was '{}'", a.name, a.mapspec, b.mapspec));
    if (a.in_own_files() != b.in_own_files())
      refuse(fmt::format("the storage of '{}' is {} and was {}", a.name, to_string(a.storage),
                         to_string(b.storage)));
    // Axes are compared where both sides know them; otherwise the side that does not know them adopts them
    // later.
    if (!a.rank_known || !b.rank_known) continue;
    if (a.external != b.external || a.dims != b.dims) refuse(fmt::format("the axes of '{}' differ", a.name));
    if (!compatible(a.shape, b.shape))
      refuse(
          fmt::format("the shape of '{}' is {} and was {}", a.name, to_string(a.shape), to_string(b.shape)));
  }
}

}  // namespace mpipe
