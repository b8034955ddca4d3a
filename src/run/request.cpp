// SPDX-License-Identifier: BSD-3-Clause
#include "run/api/request.hpp"

#include <mpipe/core/error.hpp>
#include <mpipe/data/hdf5_input.hpp>

#include "run/api/wire_json.hpp"

#include <fmt/format.h>

#include <optional>

namespace mpipe {
namespace {

Json optional_index(const std::optional<Index>& value) { return value ? Json(*value) : Json(nullptr); }

std::optional<Index> to_optional_index(const Json& json) {
  return json.is_null() ? std::nullopt : std::optional(whole_number<Index>(json));
}

Json encode_fixed(const FixedIndices& fixed) {
  Json json = Json::object();
  for (const auto& [axis, position] : fixed) {
    if (const Index* index = std::get_if<Index>(&position)) {
      json[axis] = *index;
    } else {
      const Slice& slice = std::get<Slice>(position);
      json[axis] = {optional_index(slice.start), optional_index(slice.stop), optional_index(slice.step)};
    }
  }
  return json;
}

FixedIndices decode_fixed(const Json& json) {
  FixedIndices fixed;
  for (const auto& [axis, position] : json.items()) {
    if (position.is_array())
      fixed[axis] = Slice{to_optional_index(position.at(0)), to_optional_index(position.at(1)),
                          to_optional_index(position.at(2))};
    else
      fixed[axis] = whole_number<Index>(position);
  }
  return fixed;
}

/// `?` is null.
Json encode_shapes(const InternalShapes& shapes) {
  Json json = Json::object();
  for (const auto& [output, shape] : shapes) {
    json[output] = Json::array();
    for (const auto& extent : shape.extents(output)) json[output].push_back(optional_index(extent));
  }
  return json;
}

InternalShapes decode_shapes(const Json& json) {
  InternalShapes shapes;
  for (const auto& [output, extents] : json.items()) {
    PartialShape shape;
    for (const Json& extent : extents) shape.push_back(to_optional_index(extent));
    shapes.emplace(output, shape);
  }
  return shapes;
}

/// Names, and whether they call from threads: only rank 0 makes their pools.
Json encode_user_executors(const std::map<std::string, UserExecutor>& executors) {
  Json json = Json::object();
  for (const auto& [name, executor] : executors) json[name] = executor.threads;
  return json;
}

/// Inputs that lie in files: every rank looks at them itself.
struct InputPlace {
  const FileStretch* file = nullptr;
  std::string dataset;  ///< empty: the values lie in the file as in memory
};

std::optional<InputPlace> place_of(const Value& value) {
  if (value.file() != nullptr) return InputPlace{value.file(), {}};
  if (const auto* source = dynamic_cast<const DatasetSource*>(value.source()))
    return InputPlace{&source->place().file, source->place().dataset};
  return std::nullopt;
}

Json encode_files(const Inputs& inputs) {
  Json json = Json::object();
  for (const auto& [name, value] : inputs)
    if (const auto place = place_of(value))
      json[name] = {{"type", value.type().name},
                    {"shape", value.shape()},
                    {"path", place->file->path},
                    {"dataset", place->dataset},
                    {"offset", place->file->offset},
                    {"size", place->file->size},
                    {"file_bytes", place->file->file_bytes},
                    {"modified_ns", place->file->modified_ns}};
  return json;
}

void decode_files(const Json& json, Inputs& inputs) {
  for (const auto& [name, file] : json.items()) {
    const ElementType* type = find_element_type(file.at("type").get<std::string>());
    if (type == nullptr) throw Bug("a request has an input of unknown type");
    const Shape shape = decode_indices(file.at("shape"));
    FileStretch stretch{file.at("path"), whole_number<std::uint64_t>(file.at("offset")),
                        whole_number<std::uint64_t>(file.at("size")),
                        whole_number<std::uint64_t>(file.at("file_bytes")),
                        whole_number<std::int64_t>(file.at("modified_ns"))};
    const auto dataset = file.at("dataset").get<std::string>();
    if (dataset.empty()) {
      inputs.emplace(name, Value::from_file(*type, shape, std::move(stretch)));
      continue;
    }
    auto source =
        std::make_shared<DatasetSource>(DatasetSource::Place{std::move(stretch), dataset}, *type, shape);
    inputs.emplace(name, Value::from_source(*type, shape, std::move(source)));
  }
}

Json encode_chunks(const std::map<std::string, ChunkSize>& chunks) {
  Json json = Json::object();
  for (const auto& [output, size] : chunks) json[output] = optional_index(size.number());
  return json;
}

std::map<std::string, ChunkSize> decode_chunks(const Json& json) {
  std::map<std::string, ChunkSize> chunks;
  for (const auto& [output, size] : json.items())
    chunks[output] = size.is_null() ? ChunkSize() : ChunkSize(whole_number<Index>(size));
  return chunks;
}

Rank0 decode_rank0(const Json& json) {
  const auto number = whole_number<std::uint8_t>(json);
  if (number > static_cast<std::uint8_t>(Rank0::work)) throw Bug("a request has an unknown role of rank 0");
  return static_cast<Rank0>(number);
}

void append_sized(Bytes& out, const void* data, std::size_t size) {
  const std::uint64_t length = size;
  detail::append(out, &length, sizeof(length));
  detail::append(out, data, size);
}

}  // namespace

namespace {

Json encode_options(const Inputs& inputs, const MapOptions& options) {
  return {{"run_folder", options.run_folder},
          {"resume", options.resume},
          {"overwrite", options.overwrite},
          {"storage", options.storage},
          {"executor", options.executor},
          {"user_executors", encode_user_executors(options.user_executors)},
          {"files", encode_files(inputs)},
          {"parallel", options.parallel},
          {"error_handling", options.error_handling},
          {"max_failures", optional_index(options.max_failures)},
          {"retries", options.retries},
          {"retry_failed", options.retry_failed},
          {"outputs", options.outputs},
          {"auto_subpipeline", options.auto_subpipeline},
          {"fixed", encode_fixed(options.fixed)},
          {"internal_shapes", encode_shapes(options.internal_shapes)},
          {"team_grace", optional_index(options.team_grace ? std::optional<Index>(options.team_grace->count())
                                                           : std::nullopt)},
          {"seed", options.seed},
          {"rank0", static_cast<int>(options.rank0)},
          {"return_results", options.return_results},
          {"keep_status", options.keep_status},
          {"document", options.document},
          {"command_line", options.command_line},
          {"chunksizes", encode_chunks(options.chunksizes)}};
}

}  // namespace

void check_texts(const Inputs& inputs, const MapOptions& options) {
  try {
    encode_options(inputs, options).dump();
  } catch (const Json::type_error& error) {
    throw Error(
        Category::bad_option,
        fmt::format("an option cannot be sent to the other ranks, as it is no valid UTF-8 text: {}. Use "
                    "names of folders, outputs and files that are.",
                    error.what()));
  }
}

Bytes encode_request(const Inputs& inputs, const MapOptions& options) {
  check_texts(inputs, options);
  const std::string text = encode_options(inputs, options).dump();
  Bytes bytes;
  append_sized(bytes, text.data(), text.size());
  for (const auto& [name, value] : inputs) {
    if (place_of(value)) continue;
    const Bytes wire = value.to_wire();
    append_sized(bytes, name.data(), name.size());
    append_sized(bytes, wire.data(), wire.size());
  }
  return bytes;
}

Request decode_request(std::span<const std::byte> bytes) {
  ByteReader reader = detail::element_reader(bytes, element_type(Kind::string));
  const auto text = [&] {
    const auto raw = reader.take(reader.get<std::uint64_t>());
    return std::string(reinterpret_cast<const char*>(raw.data()), raw.size());
  };
  const Json json = Json::parse(text());
  Request request;
  MapOptions& options = request.options;
  options.run_folder = json.at("run_folder").get<std::string>();
  options.resume = json.at("resume");
  options.overwrite = json.at("overwrite");
  options.storage = json.at("storage").get<std::map<std::string, std::string>>();
  options.executor = json.at("executor").get<std::map<std::string, std::string>>();
  for (const auto& [name, threads] : json.at("user_executors").items())
    options.user_executors[name] = {nullptr, threads.get<bool>()};
  options.parallel = json.at("parallel").get<bool>();
  options.error_handling = json.at("error_handling");
  options.max_failures = to_optional_index(json.at("max_failures"));
  options.retries = whole_number<Index>(json.at("retries"));
  options.retry_failed = json.at("retry_failed");
  options.outputs = json.at("outputs").get<std::vector<std::string>>();
  options.auto_subpipeline = json.at("auto_subpipeline");
  options.fixed = decode_fixed(json.at("fixed"));
  options.internal_shapes = decode_shapes(json.at("internal_shapes"));
  if (const auto grace = to_optional_index(json.at("team_grace"))) options.team_grace = Duration(*grace);
  options.seed = whole_number<std::uint64_t>(json.at("seed"));
  options.rank0 = decode_rank0(json.at("rank0"));
  options.return_results = json.at("return_results");
  decode_files(json.at("files"), request.inputs);
  options.keep_status = json.at("keep_status");
  options.document = json.at("document");
  options.command_line = json.at("command_line");
  options.chunksizes = decode_chunks(json.at("chunksizes"));
  while (!reader.at_end()) {
    std::string name = text();
    request.inputs.emplace(std::move(name), Value::from_wire(reader.take(reader.get<std::uint64_t>())));
  }
  return request;
}

}  // namespace mpipe
