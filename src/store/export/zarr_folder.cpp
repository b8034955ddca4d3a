// SPDX-License-Identifier: BSD-3-Clause
// Writes a copy of results as a folder in Zarr's format 2.
#include <mpipe/core/error.hpp>

#include "base/api/file.hpp"
#include "data/api/npy.hpp"
#include "store/export/export_plan.hpp"
#include "store/read/box_places.hpp"

#include <fmt/format.h>
#include <fmt/ranges.h>
#include <nlohmann/json.hpp>

#include <zlib.h>

#include <bit>
#include <cmath>
#include <cstring>

namespace mpipe {
namespace {

using nlohmann::json;

static_assert(std::endian::native == std::endian::little, "values are written as they lie in memory");

constexpr std::size_t kChunkBytes = std::size_t{4} << 20;
constexpr int kLevel = 4;  // of zlib: higher ones take several times as long, for a few percent
constexpr std::size_t kBytesOfText = 64;  // a guess: chunks of texts have so many for each value

template <class T>
T number(const Bytes& bytes) {
  T value;
  std::memcpy(&value, bytes.data(), sizeof value);
  return value;
}

json fill_of(const ExportVariable& variable) {
  if (!variable.fill) return nullptr;
  if (!variable.type->is_real()) return json::array({"NaN", "NaN"});
  if (!variable.type->is_integer()) return "NaN";
  Bytes wide(sizeof(std::uint64_t),
             variable.type->kind <= Kind::int64 && (variable.fill->back() & std::byte{0x80}) != std::byte{}
                 ? std::byte{0xFF}
                 : std::byte{});
  std::copy(variable.fill->begin(), variable.fill->end(), wide.begin());
  if (variable.type->kind <= Kind::int64) return number<std::int64_t>(wide);
  return number<std::uint64_t>(wide);
}

/// Extents of chunks of some MB: all of the last axes as far as they fit, so that a chunk is read in few stretches; of
/// parts of equal length where an axis is divided.
Shape chunk_of(const ExportVariable& variable) {
  const std::size_t each = variable.type->fixed_size() ? variable.type->size : kBytesOfText;
  auto left = static_cast<Index>(kChunkBytes / each);
  Shape chunk(variable.shape.size(), 1);
  for (std::size_t axis = chunk.size(); axis-- > 0;) {
    const Index extent = std::max<Index>(variable.shape[axis], 1);
    const Index parts = (extent + left - 1) / left;
    chunk[axis] = (extent + parts - 1) / parts;
    left = std::max<Index>(left / chunk[axis], 1);
  }
  return chunk;
}

json metadata_of(const ExportVariable& variable, const Shape& chunk, bool compressed) {
  json filters = nullptr;
  if (variable.type->kind == Kind::string) filters = json::array({{{"id", "vlen-utf8"}}});
  return {{"zarr_format", 2},
          {"shape", variable.shape},
          {"chunks", chunk},
          {"dtype", variable.type->kind == Kind::string ? "|O" : numpy_type(*variable.type)},
          {"compressor", compressed ? json{{"id", "zlib"}, {"level", kLevel}} : json()},
          {"fill_value", fill_of(variable)},
          {"order", "C"},
          {"filters", filters}};
}

json attributes_of(const ExportVariable& variable) {
  json attributes = {{"_ARRAY_DIMENSIONS", variable.axes}};
  for (const auto& [name, value] : variable.attributes)
    std::visit([&, key = name](const auto& each) { attributes[key] = each; }, value);
  return attributes;
}

void put_length(Bytes& bytes, std::size_t length) {
  const auto number = static_cast<std::uint32_t>(length);
  const auto* from = reinterpret_cast<const std::byte*>(&number);
  bytes.insert(bytes.end(), from, from + sizeof number);
}

/// As the filter `vlen-utf8` of numcodecs has them: their number, then each with its length.
Bytes encoded_texts(const Value& texts) {
  Bytes bytes;
  put_length(bytes, static_cast<std::size_t>(texts.count()));
  for (Index k = 0; k < texts.count(); ++k) {
    const auto text = texts.element(k);
    put_length(bytes, text.size());
    bytes.insert(bytes.end(), text.begin(), text.end());
  }
  return bytes;
}

/// As Python's `zlib.compress` has them.
Bytes compressed(std::span<const std::byte> bytes) {
  uLongf size = compressBound(static_cast<uLong>(bytes.size()));
  Bytes packed(size);
  const int result =
      compress2(reinterpret_cast<Bytef*>(packed.data()), &size, reinterpret_cast<const Bytef*>(bytes.data()),
                static_cast<uLong>(bytes.size()), kLevel);
  if (result != Z_OK)
    throw std::bad_alloc();  // memory is all that can be missing, as there is room for the result
  packed.resize(size);
  return packed;
}

/// Puts the values of a box at the beginning of a chunk, which is of full size also where the array ends before.
Value in_chunk(const Value& values, const Shape& chunk) {
  if (values.shape() == chunk) return values;
  const ElementType& type = values.type();
  const IndexBox box{MultiIndex(chunk.size(), 0), values.shape()};
  Bytes bytes;
  std::vector<std::uint64_t> offsets(static_cast<std::size_t>(element_count(chunk)) + 1, 0);
  if (type.fixed_size()) bytes.resize(static_cast<std::size_t>(element_count(chunk)) * type.size);
  Index at = 0;
  for_each_range_of_box(box, chunk, [&](IndexRange places) {
    for (Index place = places.begin; place < places.end; ++place, ++at) {
      const auto value = values.element(at);
      if (type.fixed_size())
        std::memcpy(bytes.data() + static_cast<std::size_t>(place) * type.size, value.data(), type.size);
      else
        bytes.insert(bytes.end(), value.begin(), value.end());
      offsets[static_cast<std::size_t>(place) + 1] = bytes.size();
    }
  });
  if (type.fixed_size()) return Value::copy_of(type, chunk, bytes);
  // Texts of places without values are empty: they end where the one before them does.
  for (std::size_t k = 1; k < offsets.size(); ++k) offsets[k] = std::max(offsets[k], offsets[k - 1]);
  return Value::copy_of(type, chunk, bytes, offsets);
}

class ZarrFolder {
 public:
  ZarrFolder(std::filesystem::path folder, bool compressed)
      : folder_(std::move(folder)), compressed_(compressed) {
    make_folder(folder_);
  }

  void add(const ExportVariable& variable) {
    const std::filesystem::path place = folder_ / variable.name;
    make_folder(place);
    const Shape chunk = chunk_of(variable);
    write_json(variable.name + "/.zarray", metadata_of(variable, chunk, compressed_));
    write_json(variable.name + "/.zattrs", attributes_of(variable));
    if (element_count(variable.shape) == 0) return;
    Shape grid(chunk.size());
    for (std::size_t axis = 0; axis < grid.size(); ++axis)
      grid[axis] = (variable.shape[axis] + chunk[axis] - 1) / chunk[axis];
    for (Index k = 0; k < element_count(grid); ++k) write_chunk(variable, place, chunk, multi_index(k, grid));
  }

  /// The metadata of all in one file: whoever finds it finds everything.
  void finish() {
    write_json(".zgroup", {{"zarr_format", 2}});
    json attributes = json::object();
    for (const auto& [name, text] : export_attributes()) attributes[name] = text;
    write_json(".zattrs", attributes);
    const json all = {{"zarr_consolidated_format", 1}, {"metadata", metadata_}};
    write(folder_ / ".zmetadata", all.dump(1));
  }

 private:
  void write_chunk(const ExportVariable& variable, const std::filesystem::path& place, const Shape& chunk,
                   const MultiIndex& at) const {
    IndexBox box;
    for (std::size_t axis = 0; axis < chunk.size(); ++axis) {
      box.begin.push_back(at[axis] * chunk[axis]);
      box.end.push_back(std::min(box.begin.back() + chunk[axis], variable.shape[axis]));
    }
    const Value values = in_chunk(variable.read(box), chunk);
    const std::filesystem::path file = place / (at.empty() ? "0" : fmt::format("{}", fmt::join(at, ".")));
    Bytes texts;
    if (variable.type->kind == Kind::string) texts = encoded_texts(values);
    const std::span<const std::byte> bytes = variable.type->kind == Kind::string
                                                 ? std::span<const std::byte>(texts)
                                                 : std::span(values.data(), values.byte_size());
    write(file, compressed_ ? std::span<const std::byte>(compressed(bytes)) : bytes);
  }

  void write_json(const std::string& name, const json& content) {
    metadata_[name] = content;
    write(folder_ / name, content.dump(1));
  }
  static void write(const std::filesystem::path& path, std::string_view text) {
    write(path, std::as_bytes(std::span(text)));
  }
  static void write(const std::filesystem::path& path, std::span<const std::byte> bytes) {
    File(path, File::Mode::make).write_at(0, bytes);
  }

  std::filesystem::path folder_;
  bool compressed_;
  json metadata_ = json::object();
};

/// A folder under construction, which goes when it was not kept.
class TemporaryFolder {
 public:
  explicit TemporaryFolder(const std::filesystem::path& path) : target_(path), path_(temporary_path(path)) {}
  ~TemporaryFolder() {
    std::error_code ignored;  // whoever is on the way out with an error has that to tell
    if (!kept_) std::filesystem::remove_all(path_, ignored);
  }
  TemporaryFolder(const TemporaryFolder&) = delete;
  TemporaryFolder& operator=(const TemporaryFolder&) = delete;

  const std::filesystem::path& path() const { return path_; }
  /// A rename onto a folder that is not empty fails.
  void keep() {
    rename_file(path_, target_);
    kept_ = true;
    sync_folder(target_.parent_path());
  }

 private:
  std::filesystem::path target_;
  std::filesystem::path path_;
  bool kept_ = false;
};

}  // namespace

void export_zarr(RunReader& reader, const ExportChoice& choice, const std::filesystem::path& given) {
  const std::filesystem::path path = given.has_filename() ? given : given.parent_path();  // `copy.zarr/`
  std::error_code ignored;
  if (std::filesystem::exists(std::filesystem::symlink_status(path, ignored)))
    throw Error(
        Category::folder_refused,
        fmt::format(
            "'{}' is there already, and stays as it is. Name a folder that is not there, or remove it.",
            path.string()));
  TemporaryFolder temporary(path);
  ZarrFolder folder(temporary.path(), choice.compressed);
  for (const ExportVariable& variable : plan_export(reader, choice, ComplexNumbers::as_they_are))
    folder.add(variable);
  folder.finish();
  sync_file_system(temporary.path());
  temporary.keep();
}

}  // namespace mpipe
