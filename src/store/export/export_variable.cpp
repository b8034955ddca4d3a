// SPDX-License-Identifier: BSD-3-Clause
// Reads variables of a copy in parts, and chooses the values of what is missing.
#include "store/export/export_variable.hpp"

#include <mpipe/core/error.hpp>

#include "core/api/text.hpp"
#include "store/api/boxes.hpp"
#include "store/h5/text_values.hpp"
#include "store/output/result_file.hpp"
#include "store/read/box_places.hpp"

#include <fmt/format.h>

#include <bitset>
#include <cstring>
#include <limits>
#include <memory>

namespace mpipe {
namespace {

Value value_of(const ElementType& type, const Shape& shape, std::shared_ptr<std::byte[]> bytes) {
  return Value::from_bytes(type, {element_count(shape)}, std::move(bytes)).reshaped(shape);
}

std::shared_ptr<std::byte[]> room_for(Index count, const ElementType& type) {
  return std::shared_ptr<std::byte[]>(
      new std::byte[std::max<std::size_t>(static_cast<std::size_t>(count) * type.size, 1)]);
}

void check_texts(const ExportVariable& variable, const Value& texts) {
  for (Index k = 0; k < texts.count(); ++k) {
    const auto bytes = texts.element(k);
    if (is_text(bytes)) continue;
    const std::string_view text(reinterpret_cast<const char*>(bytes.data()), bytes.size());
    throw Error(
        Category::bad_option,
        fmt::format("'{}' has the text '{}', with bytes that are no text in UTF-8, which no other tool would "
                    "read back. Leave this output out, or read it from results.h5.",
                    variable.name, printable(text)));
  }
}

/// Integers at the end of the range of a type, of which one is to be found that does not occur: those that netCDF uses
/// for what is missing are among them.
class UnusedInteger {
 public:
  explicit UnusedInteger(const ElementType& type) : type_(type), is_signed_(type.kind <= Kind::int64) {}

  void add(const Value& values) {
    for (Index k = 0; k < values.count(); ++k) {
      const std::uint64_t distance = distance_of(values.element(k));
      if (distance < kSearched) used_.set(static_cast<std::size_t>(distance));
    }
  }

  std::optional<Bytes> find() const {
    // What netCDF fills with stands first: -127, -32767, -2147483647, -9223372036854775806, and 2^64 - 2.
    const std::size_t first =
        type_.size == sizeof(std::int64_t) ? (is_signed_ ? 2 : 1) : (is_signed_ ? 1 : 0);
    for (std::size_t k = 0; k < kSearched; ++k) {
      const std::size_t distance = (first + k) % kSearched;
      if (!used_.test(distance)) return bytes_of(distance);
    }
    return std::nullopt;
  }

 private:
  static constexpr std::size_t kSearched = 256;

  /// From the least signed, or the greatest unsigned integer.
  std::uint64_t distance_of(std::span<const std::byte> value) const {
    std::uint64_t bits = 0;
    std::memcpy(&bits, value.data(), value.size());
    return is_signed_ ? (bits - end()) & mask() : end() - bits;
  }
  Bytes bytes_of(std::uint64_t distance) const {
    const std::uint64_t bits = is_signed_ ? end() + distance : end() - distance;
    Bytes bytes(type_.size);
    std::memcpy(bytes.data(), &bits, bytes.size());
    return bytes;
  }
  std::uint64_t mask() const {
    return std::numeric_limits<std::uint64_t>::max() >> (8 * (sizeof(std::uint64_t) - type_.size));
  }
  std::uint64_t end() const { return is_signed_ ? (mask() >> 1) + 1 : mask(); }

  const ElementType& type_;
  bool is_signed_;
  std::bitset<kSearched> used_;
};

}  // namespace

IndexBox whole(const Shape& shape) { return {MultiIndex(shape.size(), 0), shape}; }

Value slice(const Value& array, const IndexBox& box) {
  const ElementType& type = array.type();
  const Shape shape = box.shape();
  if (!type.fixed_size()) {
    Bytes bytes;
    std::vector<std::uint64_t> offsets{0};
    for_each_range_of_box(box, array.shape(), [&](IndexRange places) {
      for (Index k = places.begin; k < places.end; ++k) {
        const auto value = array.element(k);
        bytes.insert(bytes.end(), value.begin(), value.end());
        offsets.push_back(bytes.size());
      }
    });
    return Value::copy_of(type, shape, bytes, offsets);
  }
  const std::shared_ptr<std::byte[]> bytes = room_for(element_count(shape), type);
  std::byte* to = bytes.get();
  for_each_range_of_box(box, array.shape(), [&](IndexRange places) {
    array.fetch(places);
    const std::size_t size = static_cast<std::size_t>(places.size()) * type.size;
    std::memcpy(to, array.address() + static_cast<std::size_t>(places.begin) * type.size, size);
    to += size;
  });
  return value_of(type, shape, bytes);
}

Value ExportVariable::read(const IndexBox& box) const {
  Value found = values(box);
  if (type->kind == Kind::string) check_texts(*this, found);
  if (!fill) return found;
  const std::vector<ElementStatus> known = states(box);
  const std::shared_ptr<std::byte[]> bytes = room_for(found.count(), *type);
  if (found.count() != 0) std::memcpy(bytes.get(), found.data(), found.byte_size());
  for (std::size_t k = 0; k < known.size(); ++k)
    if (known[k] != ElementStatus::done) std::memcpy(bytes.get() + k * type->size, fill->data(), type->size);
  return value_of(*type, box.shape(), bytes);
}

std::vector<IndexBox> boxes_of(const ExportVariable& variable) {
  constexpr std::size_t kBytes = std::size_t{4} << 20;
  constexpr std::size_t kBytesOfText = 256;  // a guess, as nobody knows before it is read
  const std::size_t each = variable.type->fixed_size() ? variable.type->size : kBytesOfText;
  return boxes_of(variable.shape, {0, element_count(variable.shape)}, static_cast<Index>(kBytes / each));
}

ExportVariable part_of(const ExportVariable& variable, int part) {
  ExportVariable made = variable;
  made.name += part == 0 ? "__re" : "__im";
  made.type = &element_type(variable.type->kind == Kind::complex64 ? Kind::float32 : Kind::float64);
  made.values = [values = variable.values, type = made.type, part](const IndexBox& box) {
    const Value numbers = values(box);
    const std::shared_ptr<std::byte[]> bytes = room_for(numbers.count(), *type);
    for (Index k = 0; k < numbers.count(); ++k)
      std::memcpy(bytes.get() + static_cast<std::size_t>(k) * type->size,
                  numbers.element(k).data() + static_cast<std::size_t>(part) * type->size, type->size);
    return value_of(*type, box.shape(), bytes);
  };
  return made;
}

void choose_fill(ExportVariable& variable) {
  const ElementType& type = *variable.type;
  if (type.kind == Kind::boolean) {
    variable.type = &element_type(Kind::int8);
    variable.fill = Bytes{std::byte{0xFF}};
    variable.attributes.emplace_back("flag_values", std::vector<std::int8_t>{0, 1});
    variable.attributes.emplace_back("flag_meanings", "false true");
  } else if (type.is_integer()) {
    UnusedInteger unused(type);
    for (const IndexBox& box : boxes_of(variable)) unused.add(variable.values(box));
    variable.fill = unused.find();
    if (!variable.fill)
      throw Error(
          Category::bad_option,
          fmt::format(
              "'{}' has all values that the type {} has, so that none is left to tell what is missing. "
              "Complete the run, or name the other outputs.",
              variable.name, type.name));
  } else if (type.is_numeric()) {
    variable.fill = pending_value(type);
  }
}

}  // namespace mpipe
