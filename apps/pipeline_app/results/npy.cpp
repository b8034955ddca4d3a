// SPDX-License-Identifier: BSD-3-Clause
// Writes an output as a file in NumPy's format, part by part.
#include "results/npy.hpp"

#include <mpipe/core/error.hpp>

#include "base/api/file.hpp"
#include "core/api/text.hpp"
#include "data/api/npy.hpp"
#include "results/plain_text.hpp"
#include "store/api/boxes.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cstring>
#include <functional>

namespace mpipe::app {
namespace {

void check_type(const OutputLayout& layout) {
  const ElementType& type = *layout.type;
  if (type.is_numeric() || type.kind == Kind::string) return;
  const std::string_view why =
      type.kind == Kind::array
          ? "has an array of its own length in each element, and numpy has no type for that. Use --json, or "
            "export "
            "--netcdf."
          : "has objects, bytes of any length that only the program that made them understands, and numpy "
            "has no "
            "type for these. Read them from results.h5 when the run is complete (NAME__bytes, NAME__offset).";
  throw Error(Category::bad_option, fmt::format("'{}' {}", layout.name, why));
}

/// A file without a mask would give missing elements a value that looks like a result.
void check_gaps(const RunReader& reader, std::size_t output) {
  const OutputLayout& layout = reader.outputs()[output];
  const bool shows_gaps = layout.type->is_numeric() && !layout.type->is_integer() &&
                          layout.type->kind != Kind::boolean;  // by NaN
  if (shows_gaps || reader.progress(output).done().count() == reader.element_total(output)) return;
  throw Error(
      Category::missing_input,
      fmt::format("'{}' is not complete, and an .npy file of type {} cannot tell which elements are missing. "
                  "Complete the run, or use --json or --csv.",
                  layout.name, layout.type->dtype()));
}

void for_each_part(RunReader& reader, std::size_t output, const std::function<void(const Value&)>& visit) {
  constexpr std::size_t kBytes = std::size_t{4} << 20;
  constexpr std::size_t kBytesOfText = 256;  // a guess, as nobody knows before it is read
  const OutputLayout& layout = reader.outputs()[output];
  const std::size_t each = layout.type->fixed_size() ? layout.type->size : kBytesOfText;
  const Shape shape = known_shape(layout.shape);
  for (const IndexBox& box : boxes_of(shape, {0, element_count(shape)}, static_cast<Index>(kBytes / each)))
    visit(reader.read_box(output, box));
}

/// numpy's texts are numbers of characters, as many in each text as the longest has, with zeros behind it.
std::vector<std::uint32_t> characters_of(std::string_view text) {
  std::vector<std::uint32_t> characters;
  for (std::size_t at = 0; at < text.size();) {
    const std::size_t length = character_length(text, at);
    const auto first = static_cast<unsigned char>(text[at]);
    // The first byte has as many leading ones as there are bytes, but none where it is the only one.
    std::uint32_t character = length == 1 ? first : first & (0xFFU >> (length + 1));
    for (std::size_t k = 1; k < length; ++k)
      character = character << 6U | (static_cast<unsigned char>(text[at + k]) & 0x3FU);
    characters.push_back(character);
    at += length;
  }
  return characters;
}

std::vector<std::uint32_t> characters_at(const Value& texts, Index k) {
  return characters_of(plain_text(texts, k, "an .npy file"));
}

std::size_t longest_text(RunReader& reader, std::size_t output) {
  std::size_t longest = 1;  // numpy has no texts of type <U0 in files
  for_each_part(reader, output, [&](const Value& texts) {
    for (Index k = 0; k < texts.count(); ++k) longest = std::max(longest, characters_at(texts, k).size());
  });
  return longest;
}

class Writer {
 public:
  explicit Writer(const std::filesystem::path& path)
      : temporary_(path), file_(temporary_.path(), File::Mode::make) {}

  void add(std::span<const std::byte> bytes) {
    file_.write_at(at_, bytes);
    at_ += bytes.size();
  }
  void add(std::string_view text) { add(std::as_bytes(std::span(text))); }
  void keep() {
    file_.sync();
    temporary_.keep(true);
  }

 private:
  TemporaryFile temporary_;
  File file_;
  std::uint64_t at_ = 0;
};

void add_texts(const Value& texts, std::size_t longest, Writer& writer) {
  constexpr std::size_t kAtOnce = std::size_t{1} << 20;
  std::vector<std::uint32_t> all;
  const auto flush = [&] {
    writer.add(std::as_bytes(std::span(all)));
    all.clear();
  };
  for (Index k = 0; k < texts.count(); ++k) {
    std::vector<std::uint32_t> characters = characters_at(texts, k);
    characters.resize(longest, 0);
    all.insert(all.end(), characters.begin(), characters.end());
    if (all.size() >= kAtOnce) flush();
  }
  flush();
}

}  // namespace

void write_npy(const std::filesystem::path& path, RunReader& reader, std::size_t output) {
  const OutputLayout& layout = reader.outputs()[output];
  if (!layout.shape_known())
    throw Error(
        Category::missing_input,
        fmt::format("the shape of '{}' is not known before it is computed. Complete the run.", layout.name));
  check_type(layout);
  check_gaps(reader, output);
  const Shape shape = known_shape(layout.shape);
  Writer writer(path);
  if (layout.type->kind == Kind::string) {
    const std::size_t longest = longest_text(reader, output);
    writer.add(npy_header(fmt::format("<U{}", longest), shape));
    for_each_part(reader, output, [&](const Value& texts) { add_texts(texts, longest, writer); });
  } else {
    writer.add(npy_header(numpy_type(*layout.type), shape));
    for_each_part(reader, output,
                  [&](const Value& values) { writer.add(std::span(values.data(), values.byte_size())); });
  }
  writer.keep();
}

}  // namespace mpipe::app
