// SPDX-License-Identifier: BSD-3-Clause
// Reads arrays in NumPy's format.
#include <mpipe/core/error.hpp>

#include "document/inputs/input_files.hpp"
#include "document/text.hpp"
#include "document/value_builder.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <bit>
#include <charconv>

namespace mpipe::detail {
namespace {

namespace fs = std::filesystem;

constexpr std::size_t kLongestHeader = 65536;

struct NpyHeader {
  const ElementType* type = nullptr;
  bool swapped = false;  ///< of the other byte order than this machine's
  bool fortran = false;
  Shape shape;
};

class NpyReader {
 public:
  explicit NpyReader(const fs::path& file) : file_(file), in_(open_input_file(file)) {}

  Value read() {
    const NpyHeader header = read_header();
    // The header is not trusted: what it announces is compared with the size of the file before any memory is
    // taken for it.
    const std::uint64_t bytes = array_bytes(header.shape, header.type->size);
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
    if (header.swapped) swap_bytes({values.get(), bytes}, *header.type);
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
    std::replace(text.begin(), text.end(), '"', '\'');  // NumPy reads both quotes of Python
    return parse_header(text);
  }

  /// `{'descr': '<f8', 'fortran_order': False, 'shape': (3, 4), }`
  NpyHeader parse_header(const std::string& text) const {
    NpyHeader header;
    const std::string_view description = value_of(text, "'descr'");
    if (!description.starts_with('\''))
      refuse_file(file_, "has records of several fields, which are not read. Save one array of numbers.");
    set_type(header, description.substr(1, description.find('\'', 1) - 1));
    const std::string_view order = value_of(text, "'fortran_order'");
    header.fortran = order.starts_with("True");
    if (!header.fortran && !order.starts_with("False")) refuse_header();
    std::string_view shape = value_of(text, "'shape'");
    if (!shape.starts_with('(') || shape.find(')') == std::string_view::npos) refuse_header();
    shape = shape.substr(1, shape.find(')') - 1);
    while (!shape.empty()) {
      const std::size_t begin = std::min(shape.find_first_not_of(" ,"), shape.size());
      shape.remove_prefix(begin);
      if (shape.empty()) break;
      Index extent = -1;
      const auto parsed = std::from_chars(shape.data(), shape.data() + shape.size(), extent);
      if (parsed.ec != std::errc{} || extent < 0) refuse_header();
      header.shape.push_back(extent);
      shape.remove_prefix(static_cast<std::size_t>(parsed.ptr - shape.data()));
      if (shape.starts_with('L')) shape.remove_prefix(1);  // of Python 2: (3L,)
    }
    return header;
  }

  [[noreturn]] void refuse_header() const {
    refuse_file(file_, "has a header that cannot be read (it is damaged).");
  }

  /// The header is a Python dictionary with three keys, in any order. Their names occur nowhere else in it,
  /// so it is enough to search for them.
  std::string_view value_of(std::string_view text, std::string_view key) const {
    const std::size_t at = text.find(key);
    if (at == std::string_view::npos) refuse_header();
    const std::size_t value = text.find_first_not_of(" :", at + key.size());
    if (value == std::string_view::npos) refuse_header();
    return text.substr(value);
  }

  void set_type(NpyHeader& header, std::string_view description) const {
    static constexpr std::pair<std::string_view, Kind> kKinds[] = {
        {"b1", Kind::boolean},    {"i1", Kind::int8},    {"i2", Kind::int16},   {"i4", Kind::int32},
        {"i8", Kind::int64},      {"u1", Kind::uint8},   {"u2", Kind::uint16},  {"u4", Kind::uint32},
        {"u8", Kind::uint64},     {"f4", Kind::float32}, {"f8", Kind::float64}, {"c8", Kind::complex64},
        {"c16", Kind::complex128}};
    const char order = description.empty() ? '\0' : description.front();
    for (const auto& [name, kind] : kKinds)
      if (std::string_view("<>|=").find(order) != std::string_view::npos && description.substr(1) == name)
        header.type = &element_type(kind);
    if (header.type == nullptr)
      refuse_file(file_,
                  fmt::format("has values of type '{}', which is not read. Save numbers, or true and false.",
                              printable(description)));
    header.swapped = order == (std::endian::native == std::endian::little ? '>' : '<');
  }

  /// A complex number is two numbers, of which each has its own byte order.
  static void swap_bytes(std::span<std::byte> values, const ElementType& type) {
    const bool is_complex = type.kind == Kind::complex64 || type.kind == Kind::complex128;
    const std::size_t word = is_complex ? type.size / 2 : type.size;
    for (std::size_t at = 0; at < values.size(); at += word) std::reverse(&values[at], &values[at] + word);
  }

  /// Booleans are left out, because each of their bytes has to be looked at. In one dimension both orders are
  /// the same.
  static bool lies_as_in_memory(const NpyHeader& header) {
    return !header.swapped && !(header.fortran && header.shape.size() > 1) &&
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
