// SPDX-License-Identifier: BSD-3-Clause
// Writes, reads and checks the files that hold one element each.
#include "store/output/element_files.hpp"

#include <mpipe/core/error.hpp>
#include <mpipe/data/codec.hpp>

#include "data/api/npy.hpp"
#include "store/journal/journal_mover.hpp"
#include "store/output/element_order.hpp"
#include "store/output/result_file.hpp"
#include "store/run_paths.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <cstring>
#include <utility>

namespace mpipe {
namespace {

constexpr char kMagic[8] = {'m', 'p', 'i', 'p', 'e', 'e', 'l', 'm'};
constexpr std::uint32_t kMaxRank = 32;
constexpr std::uint64_t kMaxHeaderBytes = std::uint64_t{1} << 16;

/// The last bytes of a file.
struct Footer {
  char magic[8];
  std::uint32_t version;
  std::uint32_t output;
  std::int64_t element;
  RunKey key;
  std::uint32_t internal_rank;
  std::uint32_t reserved;
  std::uint64_t header_bytes;  // of numpy's header
  std::uint64_t data_bytes;    // behind it
  std::uint64_t offset_count;
  std::uint64_t prefix_bytes;  // of the encoding, that numpy has no use for
  std::uint64_t body_check;    // of all before the footer
  std::uint64_t check;         // of all before
};
static_assert(sizeof(Footer) == 96);

std::uint64_t check_of(const Footer& footer) {
  return checksum(std::as_bytes(std::span(&footer, 1)).first(sizeof footer - sizeof footer.check));
}

std::uint64_t body_check(std::span<const std::byte> header, std::span<const std::byte> data,
                         std::span<const std::byte> tail) {
  // Each part seeds the next, so that parts that changed places are noticed as well.
  return checksum(tail, checksum(data, checksum(header)));
}

/// How numpy sees an element.
struct NumpyForm {
  const ElementType* type;
  Shape shape;
  std::size_t prefix = 0;  ///< encoded bytes before the values
};

NumpyForm numpy_form(const ElementType& type, const Shape& internal, std::span<const std::byte> bytes) {
  if (type.is_numeric()) return {&type, internal};
  if (type.kind == Kind::array && type.item->is_numeric() && internal.empty()) {
    ByteReader reader = detail::element_reader(bytes, type);
    Shape shape = detail::read_shape(reader, type.item->size);
    return {type.item, std::move(shape), bytes.size() - reader.remaining()};
  }
  return {&element_type(Kind::uint8), {static_cast<Index>(bytes.size())}};
}

std::uint64_t tail_bytes(const Footer& footer) {
  return footer.internal_rank * sizeof(Index) + footer.offset_count * sizeof(std::uint64_t) +
         footer.prefix_bytes;
}

/// Whether the lengths add up to the size of the file. The sum cannot wrap, as each part is limited first.
bool lengths_fit(const Footer& footer, std::uint64_t size) {
  if (footer.header_bytes > kMaxHeaderBytes || footer.data_bytes > size || footer.prefix_bytes > size ||
      footer.offset_count > size / sizeof(std::uint64_t) || footer.internal_rank > kMaxRank)
    return false;
  return footer.header_bytes + footer.data_bytes + tail_bytes(footer) + sizeof footer == size;
}

/// Whether an element of this shape and length is one of the output.
bool fits(const Footer& footer, const Shape& internal, const OutputLayout& output) {
  if (std::any_of(internal.begin(), internal.end(), [](Index extent) { return extent < 0; })) return false;
  if (!fits_shape(internal, output)) return false;
  long double values = 1;  // a type in which untrusted numbers cannot wrap
  for (const Index extent : internal) values *= static_cast<long double>(extent);
  if (!output.type->fixed_size()) return static_cast<long double>(footer.offset_count) == values + 1;
  return footer.offset_count == 0 && footer.prefix_bytes == 0 &&
         static_cast<long double>(footer.data_bytes) == values * static_cast<long double>(output.type->size);
}

// Links do not count: whatever writes or removes files by these names must not leave the run folder.
bool is_real_folder(const fs::path& path) {
  std::error_code ignored;
  return fs::symlink_status(path, ignored).type() == fs::file_type::directory;
}

/// A file, reached without any symbolic link from the run folder on.
bool is_real_file(const fs::path& path) {
  std::error_code ignored;
  const fs::path shard = path.parent_path();
  const fs::path output = shard.parent_path();
  return fs::symlink_status(path, ignored).type() == fs::file_type::regular && is_real_folder(shard) &&
         is_real_folder(output) && is_real_folder(output.parent_path());
}

/// Reads `bytes`; false when the file ends before.
bool read_all(const File& file, std::uint64_t position, std::span<std::byte> bytes) {
  return file.read_some_at(position, bytes) == bytes.size();
}

std::optional<Index> number_in(std::string_view text) {
  Index number = 0;
  const auto parsed = std::from_chars(text.data(), text.data() + text.size(), number);
  if (text.empty() || parsed.ec != std::errc{} || parsed.ptr != text.data() + text.size() || number < 0)
    return std::nullopt;
  return number;
}

struct Entry {
  fs::path path;
  Index element = 0;
  bool temporary = false;
};

/// Every file of an element, whole or begun, in the folder of one output.
template <class Visit>
void for_each_entry(const fs::path& output_folder, const Visit& visit) {
  if (!is_real_folder(output_folder)) return;
  constexpr std::string_view kSuffix = ".npy";
  for (const std::string& shard : list_folder(output_folder)) {
    const fs::path folder = output_folder / shard;
    if (!number_in(shard) || !is_real_folder(folder)) continue;
    for (const std::string& name : list_folder(folder)) {
      const std::size_t dot = name.find('.');
      if (dot == std::string::npos) continue;
      const auto element = number_in(std::string_view(name).substr(0, dot));
      if (!element || element_path(output_folder, *element).parent_path() != folder) continue;
      const std::string_view rest = std::string_view(name).substr(dot);
      const bool temporary = rest.starts_with(kSuffix) && rest.ends_with(".tmp");
      if (temporary || element_path(output_folder, *element).filename() == name)
        visit(Entry{folder / name, *element, temporary});
    }
  }
}

}  // namespace

ElementFiles::ElementFiles(fs::path folder, const RunLayout& layout)
    : folder_(std::move(folder)),
      layout_(layout),
      key_(run_key(layout.run_id)),
      unsynced_(layout.outputs.size()) {}

fs::path ElementFiles::path_of(std::size_t output, Index element) const {
  return element_path(element_folder(folder_, layout_.outputs[output].name), element);
}

void ElementFiles::make_folders(std::size_t output, Index element) {
  const fs::path shard = path_of(output, element).parent_path();
  if (made_.contains(shard)) return;
  const fs::path of_output = shard.parent_path();
  for (const fs::path& folder : {of_output.parent_path(), of_output, shard}) {
    make_folder(folder);
    if (!is_real_folder(folder))
      throw Error(Category::storage_failed,
                  fmt::format("'{}' is no folder, and elements are to be kept in it (symbolic links are not "
                              "followed). Move it away.",
                              folder.string()));
  }
  made_.insert(shard);
  new_folders_.insert({shard, of_output, of_output.parent_path()});
}

void ElementFiles::write(std::size_t output, IndexRange elements, const PartialArray& array) {
  for (Index element = elements.begin; element < elements.end; ++element) write_one(output, element, array);
  unsynced_[output].insert(elements);
}

void ElementFiles::write_one(std::size_t output, Index element, const PartialArray& array) {
  std::span<const std::byte> bytes{array.data(0), 0};
  PartialArray::Piece piece;
  if (array.type().fixed_size()) {
    bytes = {array.data(element), array.element_bytes()};
  } else {
    piece = array.piece({element, element + 1});
    bytes = piece.bytes;
  }
  const NumpyForm form = numpy_form(array.type(), array.internal(), bytes);
  const std::string text = npy_header(numpy_type(*form.type), form.shape);
  const auto header = std::as_bytes(std::span(text));
  const auto data = bytes.subspan(form.prefix);

  ByteWriter tail;
  for (const Index extent : array.internal()) tail.put(extent);
  for (const std::uint64_t offset : piece.offsets) tail.put(offset);
  for (const std::byte byte : bytes.first(form.prefix)) tail.put(byte);
  Footer footer{};
  std::memcpy(footer.magic, kMagic, sizeof kMagic);
  footer.version = kFormatVersion;
  footer.output = static_cast<std::uint32_t>(output);
  footer.element = element;
  footer.key = key_;
  footer.internal_rank = static_cast<std::uint32_t>(array.internal().size());
  footer.header_bytes = header.size();
  footer.data_bytes = data.size();
  footer.offset_count = piece.offsets.size();
  footer.prefix_bytes = form.prefix;
  footer.body_check = body_check(header, data, tail.bytes());
  footer.check = check_of(footer);
  tail.put(footer);

  // The file gets its name when it is whole. After a power failure it may be there without all of its bytes,
  // as it is synced later, with many others; its checksums tell then.
  make_folders(output, element);
  TemporaryFile temporary(path_of(output, element));
  {
    File file(temporary.path(), File::Mode::make);
    file.write_at(0, header, data);
    file.write_at(header.size() + data.size(), tail.bytes());
  }
  temporary.keep(false);
}

void ElementFiles::sync() {
  Index files = 0;
  for (const RangeSet& written : unsynced_) files += written.count();
  if (files > static_cast<Index>(kManyFiles)) {
    sync_file_system(folder_);
    for (RangeSet& written : unsynced_) written.clear();
    new_folders_.clear();
    return;
  }
  for (std::size_t k = 0; k < unsynced_.size(); ++k) {
    // Files are synced before the folders that have their names, and those before the folders that contain
    // them.
    const RangeSet written = std::exchange(unsynced_[k], {});
    std::set<fs::path> folders;
    for (const IndexRange& range : written.ranges())
      for (Index element = range.begin; element < range.end; ++element) {
        const fs::path path = path_of(k, element);
        File(path, File::Mode::read).sync_data();
        folders.insert(path.parent_path());
      }
    for (const fs::path& folder : folders) sync_folder(folder);
  }
  for (const fs::path& folder : std::exchange(new_folders_, {})) sync_folder(folder.parent_path());
}

std::optional<StoredElement> ElementFiles::read(std::size_t output, Index element) const {
  const fs::path path = path_of(output, element);
  if (!is_real_file(path)) return std::nullopt;
  const auto file = File::open_existing(path, File::Mode::read);
  if (!file) return std::nullopt;
  // The footer is read first, as it tells how long all other parts are. No length is used before all of them
  // were compared with the size of the file.
  const std::uint64_t size = file->size();
  Footer footer{};
  if (size < sizeof footer ||
      !read_all(*file, size - sizeof footer, std::as_writable_bytes(std::span(&footer, 1))) ||
      std::memcmp(footer.magic, kMagic, sizeof kMagic) != 0 || footer.check != check_of(footer))
    return std::nullopt;
  if (footer.version != kFormatVersion)
    throw Error(Category::storage_failed,
                fmt::format("'{}' is of version {} of the format, and this program reads version {}.",
                            path.string(), footer.version, kFormatVersion));
  if (footer.key != key_ || footer.output != output || footer.element != element ||
      !lengths_fit(footer, size))
    return std::nullopt;

  StoredElement found;
  found.internal.resize(footer.internal_rank);
  const std::uint64_t behind = footer.header_bytes + footer.data_bytes;
  if (!read_all(*file, behind, std::as_writable_bytes(std::span(found.internal))) ||
      !fits(footer, found.internal, layout_.outputs[output]))
    return std::nullopt;
  std::vector<std::byte> header(footer.header_bytes);
  std::vector<std::byte> tail(tail_bytes(footer));
  found.bytes.resize(footer.prefix_bytes + footer.data_bytes);
  const auto data = std::span(found.bytes).subspan(footer.prefix_bytes);
  if (!read_all(*file, 0, header) || !read_all(*file, header.size(), data) ||
      !read_all(*file, behind, tail) || body_check(header, data, tail) != footer.body_check)
    return std::nullopt;
  const auto packed = std::span(tail).subspan(footer.internal_rank * sizeof(Index));
  ByteReader rest(packed, "the file of an element", ByteOrigin::file);
  found.offsets.resize(footer.offset_count);
  const auto offsets = rest.take(footer.offset_count * sizeof(std::uint64_t));
  if (!offsets.empty()) std::memcpy(found.offsets.data(), offsets.data(), offsets.size());
  const auto prefix = rest.take(footer.prefix_bytes);
  std::copy(prefix.begin(), prefix.end(), found.bytes.begin());
  if (!found.offsets.empty() && (found.offsets.front() != 0 || found.offsets.back() != found.bytes.size() ||
                                 !std::is_sorted(found.offsets.begin(), found.offsets.end())))
    return std::nullopt;
  return found;
}

void ElementFiles::read(std::size_t output, const RangeSet& elements, const Visit& visit) const {
  for (const IndexRange& range : elements.ranges())
    for (Index element = range.begin; element < range.end; ++element) {
      const auto found = read(output, element);
      if (!found)
        throw Error(Category::storage_failed,
                    fmt::format("element {} of '{}' was stored in '{}', and is not what is there now "
                                "(somebody removed or damaged the file). Resume the run to compute it again.",
                                element, layout_.outputs[output].name, path_of(output, element).string()));
      visit({element, element + 1}, *found);
    }
}

RangeSet ElementFiles::existing(std::size_t output, const RangeSet& elements) const {
  std::vector<IndexRange> found;
  for (const IndexRange& range : elements.ranges())
    for (Index element = range.begin; element < range.end; ++element)
      if (is_real_file(path_of(output, element))) found.push_back({element, element + 1});
  return RangeSet::of(std::move(found));
}

std::optional<Shape> ElementFiles::find_internal(std::size_t output) const {
  std::optional<Shape> internal;
  for_each_entry(element_folder(folder_, layout_.outputs[output].name), [&](const Entry& entry) {
    if (internal || entry.temporary) return;
    if (auto found = read(output, entry.element)) internal = std::move(found->internal);
  });
  return internal;
}

RangeSet ElementFiles::keep_trusted(std::size_t output, Index rank, Index ranks) {
  const OutputLayout& at = layout_.outputs[output];
  std::vector<IndexRange> trusted;
  for_each_entry(element_folder(folder_, at.name), [&](const Entry& entry) {
    // Ranks divide the elements by their numbers, so that no file is checked, or removed, by two of them.
    if (entry.element % ranks != rank) return;
    const bool there = !has_location(at) || entry.element < location_order(at).elements();
    if (!entry.temporary && there && read(output, entry.element))
      trusted.push_back({entry.element, entry.element + 1});
    else
      remove_file(entry.path);
  });
  return RangeSet::of(std::move(trusted));
}

std::vector<fs::path> ElementFiles::leftovers(std::size_t output, const RangeSet& wanted) const {
  std::vector<fs::path> found;
  for_each_entry(element_folder(folder_, layout_.outputs[output].name), [&](const Entry& entry) {
    if (entry.temporary || !wanted.contains(entry.element)) found.push_back(entry.path);
  });
  return found;
}

void adopt_internal_shapes(const ElementFiles& elements, RunLayout& layout) {
  for (std::size_t k = 0; k < layout.outputs.size(); ++k) {
    OutputLayout& output = layout.outputs[k];
    if (!output.in_own_files() || internal_shape(output)) continue;
    if (const auto internal = elements.find_internal(k)) set_internal_shape(*internal, output);
  }
}

void remove_element_files(const fs::path& folder) {
  const fs::path all = element_folder(folder);
  if (!is_real_folder(all)) return;
  for (const std::string& name : list_folder(all)) remove_element_files(folder, name);
  remove_folder(all);
}

void remove_element_files(const fs::path& folder, const std::string& output) {
  const fs::path elements = element_folder(folder, output);
  if (!is_real_folder(element_folder(folder)) || !is_real_folder(elements)) return;
  for_each_entry(elements, [](const Entry& entry) { remove_file(entry.path); });
  for (const std::string& shard : list_folder(elements))
    if (number_in(shard) && is_real_folder(elements / shard)) remove_folder(elements / shard);
  remove_folder(elements);
}

}  // namespace mpipe
