// SPDX-License-Identifier: BSD-3-Clause
// Reads arrays in NumPy's format.
#include <mpipe/core/error.hpp>

#include "document/inputs/input_files.hpp"
#include "document/inputs/npy_header.hpp"
#include "document/text.hpp"
#include "document/value_builder.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <bit>
#include <cmath>
#include <cstring>
#include <limits>
#include <tuple>

namespace mpipe::detail {
namespace {

namespace fs = std::filesystem;

constexpr std::size_t kLongestHeader = 65536;

struct NpyHeader {
  const ElementType* type = nullptr;
  bool swapped = false;  ///< of the other byte order than this machine's
  bool fortran = false;
  bool half = false;  ///< stored in two bytes each, of which float32 is made
  Shape shape;

  std::size_t stored_size() const { return half ? 2 : type->size; }
};

/// A floating point number of two bytes, as IEEE 754 lays it out: float32 holds each of them.
float from_half(std::uint16_t bits) {
  const int exponent = bits >> 10U & 0x1FU;
  const auto fraction = static_cast<float>(bits & 0x3FFU);
  float number = 0;
  if (exponent == 0)
    number = std::ldexp(fraction, -24);
  else if (exponent < 31)
    number = std::ldexp(fraction + 1024, exponent - 25);
  else
    number = fraction == 0 ? std::numeric_limits<float>::infinity() : std::numeric_limits<float>::quiet_NaN();
  return (bits & 0x8000U) == 0 ? number : -number;
}

class NpyReader {
 public:
  explicit NpyReader(const fs::path& file) : file_(file), in_(open_input_file(file)) {}

  Value read() {
    const NpyHeader header = read_header();
    // The header is not trusted: what it announces is compared with the size of the file before any memory is
    // taken for it.
    const std::uint64_t bytes = array_bytes(header.shape, header.stored_size());
    const auto begin = static_cast<std::uintmax_t>(in_.tellg());
    const std::uintmax_t expected = begin + bytes;
    if (fs::file_size(file_) != expected)
      refuse_file(file_,
                  fmt::format("has {} bytes, but its header of shape {} needs {} (it is damaged or cut).",
                              fs::file_size(file_), to_string(header.shape), expected));
    // A large array that lies in the file as it would in memory stays there: the value refers to that stretch
    // of the file.
    if (bytes >= smallest_lazy_input && lies_as_in_memory(header))
      return Value::from_file(*header.type, header.shape, FileStretch::of(file_, begin, bytes));
    check_fits(header.shape, header.type->size);
    std::shared_ptr<std::byte[]> values(new std::byte[bytes]);
    take(values.get(), bytes);
    if (header.swapped) swap_bytes({values.get(), bytes}, header);
    if (header.half) values = widened(values.get(), element_count(header.shape));
    // A bool in memory is 0 or 1. To read another byte as one would be undefined, so damage is found here.
    if (header.type->kind == Kind::boolean) check_booleans({values.get(), bytes});
    if (header.fortran && header.shape.size() > 1) values = transposed(values.get(), header);
    return Value::from_bytes(*header.type, header.shape, std::move(values));
  }

 private:
  void take(void* to, std::size_t bytes) {
    in_.read(static_cast<char*>(to), static_cast<std::streamsize>(bytes));
    if (!in_) refuse_file(file_, "ends too early, or cannot be read to its end.");
  }

  NpyHeader read_header() {
    unsigned char start[8];
    take(start, sizeof(start));
    static constexpr unsigned char kMagic[] = {0x93, 'N', 'U', 'M', 'P', 'Y'};
    if (!std::equal(std::begin(kMagic), std::end(kMagic), start))
      refuse_file(file_, "is not in NumPy's format (.npy).");
    const unsigned version = start[6];
    if (version < 1 || version > 3)
      refuse_file(file_, fmt::format("has the version {} of NumPy's format; 1 to 3 are read.", version));
    unsigned char size[4] = {};
    take(size, version == 1 ? 2 : 4);
    const std::size_t length =
        size[0] | std::size_t{size[1]} << 8U | std::size_t{size[2]} << 16U | std::size_t{size[3]} << 24U;
    if (length > kLongestHeader)
      refuse_file(file_, fmt::format("has a header of {} bytes (it is damaged).", length));
    std::string text(length, '\0');
    take(text.data(), length);
    return parse_header(text);
  }

  NpyHeader parse_header(const std::string& text) const {
    NpyKeys keys;
    try {
      keys = parse_npy_header(text);
    } catch (const Error& error) {  // the parser does not know the file
      refuse_file(file_,
                  fmt::format("has a header that cannot be read: {} (the file is damaged, or no program "
                              "like NumPy wrote it). Save the array with numpy.save.",
                              error.what()));
    }
    if (keys.has_fields)
      refuse_file(file_, "has records of several fields, which are not read. Save one array of numbers.");
    NpyHeader header;
    header.fortran = keys.fortran;
    header.shape = std::move(keys.shape);
    set_type(header, keys.description);
    return header;
  }

  /// Types have a name of their size, or a letter. Letters whose size depends on the machine are left out.
  void set_type(NpyHeader& header, std::string_view description) const {
    static constexpr std::tuple<std::string_view, std::string_view, Kind> kKinds[] = {
        {"b1", "?", Kind::boolean},   {"i1", "b", Kind::int8},       {"i2", "h", Kind::int16},
        {"i4", "i", Kind::int32},     {"i8", "q", Kind::int64},      {"u1", "B", Kind::uint8},
        {"u2", "H", Kind::uint16},    {"u4", "I", Kind::uint32},     {"u8", "Q", Kind::uint64},
        {"f2", "e", Kind::float32},   {"f4", "f", Kind::float32},    {"f8", "d", Kind::float64},
        {"c8", "F", Kind::complex64}, {"c16", "D", Kind::complex128}};
    const bool has_order = description.find_first_of("<>|=") == 0;
    const char order = has_order ? description.front() : '=';
    const std::string_view wanted = description.substr(has_order ? 1 : 0);
    for (const auto& [name, letter, kind] : kKinds)
      if (wanted == name || wanted == letter) header.type = &element_type(kind);
    if (header.type == nullptr)
      refuse_file(file_,
                  fmt::format("has values of type '{}', which is not read. Save numbers, or true and false.",
                              printable(description)));
    header.half = wanted == "f2" || wanted == "e";
    header.swapped = order == (std::endian::native == std::endian::little ? '>' : '<');
  }

  /// A complex number is two numbers, of which each has its own byte order.
  static void swap_bytes(std::span<std::byte> values, const NpyHeader& header) {
    const Kind kind = header.type->kind;
    const bool is_complex = kind == Kind::complex64 || kind == Kind::complex128;
    const std::size_t word = is_complex ? header.type->size / 2 : header.stored_size();
    for (std::size_t at = 0; at < values.size(); at += word) std::reverse(&values[at], &values[at] + word);
  }

  static std::shared_ptr<std::byte[]> widened(const std::byte* halves, Index count) {
    std::shared_ptr<std::byte[]> result(new std::byte[static_cast<std::size_t>(count) * sizeof(float)]);
    for (std::size_t k = 0; k < static_cast<std::size_t>(count); ++k) {
      std::uint16_t bits = 0;
      std::memcpy(&bits, halves + 2 * k, sizeof bits);
      const float number = from_half(bits);
      std::memcpy(result.get() + k * sizeof number, &number, sizeof number);
    }
    return result;
  }

  /// Booleans are left out, because each of their bytes has to be looked at. In one dimension both orders are
  /// the same.
  static bool lies_as_in_memory(const NpyHeader& header) {
    return !header.swapped && !header.half && !(header.fortran && header.shape.size() > 1) &&
           header.type->kind != Kind::boolean;
  }

  void check_booleans(std::span<const std::byte> values) const {
    for (const std::byte value : values)
      if (value > std::byte{1}) refuse_file(file_, "has a boolean that is neither 0 nor 1 (it is damaged).");
  }

  /// From the order in which the first axis changes fastest to C order.
  static std::shared_ptr<std::byte[]> transposed(const std::byte* values, const NpyHeader& header) {
    const std::size_t size = header.type->size;
    const Index count = element_count(header.shape);
    std::shared_ptr<std::byte[]> result(new std::byte[static_cast<std::size_t>(count) * size]);
    MultiIndex index(header.shape.size(), 0);
    for (Index k = 0; k < count; ++k) {
      const auto to = static_cast<std::size_t>(linear_index(index, header.shape));
      std::copy_n(values + static_cast<std::size_t>(k) * size, size, result.get() + to * size);
      for (std::size_t axis = 0; axis < index.size() && ++index[axis] == header.shape[axis]; ++axis)
        index[axis] = 0;
    }
    return result;
  }

  const fs::path& file_;
  std::ifstream in_;
};

}  // namespace

Value read_npy(const fs::path& file) { return NpyReader(file).read(); }

}  // namespace mpipe::detail
