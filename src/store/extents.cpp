// SPDX-License-Identifier: BSD-3-Clause
// Writes and reads files of extents: checksummed records, of which a reader takes all whole ones.
#include "store/extents.hpp"

#include <mpipe/core/error.hpp>

#include "store/run_paths.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cstring>
#include <utility>

namespace mpipe {
namespace {

constexpr char kMagic[8] = {'m', 'p', 'i', 'p', 'e', 'e', 'x', 't'};
constexpr std::uint32_t kRecordMagic = 0x7478656d;  // "mext"

struct Header {
  char magic[8];
  std::uint32_t version;
  std::uint32_t reserved;
  RunKey key;
  std::uint64_t reserved_too;
  std::uint64_t check;  // of all before
};
static_assert(sizeof(Header) == 48);

struct Record {
  std::uint32_t magic;
  std::uint32_t kind;
  std::uint32_t output;
  std::uint32_t reserved;
  std::int64_t begin;
  std::int64_t end;
  std::uint64_t hash;
  std::uint64_t check;  // of all before
};
static_assert(sizeof(Record) == 48);

// The check is the last field and covers all bytes before it. The sizes asserted above leave no room for
// padding, whose bytes would be arbitrary.
template <class T>
std::uint64_t check_of(const T& value) {
  return checksum(std::as_bytes(std::span(&value, 1)).first(sizeof(T) - sizeof(std::uint64_t)));
}

template <class T>
void append_bytes(std::vector<std::byte>& out, const T& value) {
  const auto bytes = std::as_bytes(std::span(&value, 1));
  out.insert(out.end(), bytes.begin(), bytes.end());
}

std::vector<std::byte> encode_header(const RunKey& key) {
  Header header{};
  std::memcpy(header.magic, kMagic, sizeof kMagic);
  header.version = kFormatVersion;
  header.key = key;
  header.check = check_of(header);
  std::vector<std::byte> bytes;
  append_bytes(bytes, header);
  return bytes;
}

void encode(std::span<const Extent> extents, std::vector<std::byte>& out) {
  for (const Extent& extent : extents) {
    Record record{};
    record.magic = kRecordMagic;
    record.kind = static_cast<std::uint32_t>(extent.kind);
    record.output = static_cast<std::uint32_t>(extent.output);
    record.begin = extent.range.begin;
    record.end = extent.range.end;
    record.hash = extent.hash;
    record.check = check_of(record);
    append_bytes(out, record);
  }
}

// A torn record fails its checksum. The bounds keep later sums of indices from overflowing.
bool plausible(const Record& record) {
  constexpr std::int64_t kMaxIndex = std::int64_t{1} << 62;
  return record.magic == kRecordMagic && record.check == check_of(record) && record.kind >= 1 &&
         record.kind <= 4 && 0 <= record.begin && record.begin < record.end && record.end <= kMaxIndex;
}

// A whole header of another version or run is refused: the records behind it would be taken for facts about
// these files. Behind a damaged one, records still have their own checksums, and those of the values.
bool check_header(const File& file, const RunKey& key) {
  Header header{};
  if (file.read_some_at(0, std::as_writable_bytes(std::span(&header, 1))) != sizeof header ||
      std::memcmp(header.magic, kMagic, sizeof kMagic) != 0 || header.check != check_of(header))
    return false;
  if (header.version != kFormatVersion)
    throw Error(Category::storage_failed,
                fmt::format("'{}' is of version {} of the format, and this program reads version {}.",
                            file.path().string(), header.version, kFormatVersion));
  if (header.key != key)
    throw Error(
        Category::resume_mismatch,
        fmt::format("'{}' was not made by this run. Choose another run folder, or move the file away.",
                    file.path().string()));
  return true;
}

}  // namespace

ExtentWriter::ExtentWriter(const fs::path& path, const RunKey& key) : file_(path, File::Mode::create) {
  const std::vector<std::byte> header = encode_header(key);
  file_.write_at(0, header);
  end_ = header.size();
}

void ExtentWriter::append(std::span<const Extent> extents) {
  if (extents.empty()) return;
  buffer_.clear();
  encode(extents, buffer_);
  // All records go out by one call: after a crash the file ends with a whole record, or with a torn one that
  // readers leave out.
  file_.write_at(end_, buffer_);
  end_ += buffer_.size();
  dirty_ = true;
}

void ExtentWriter::sync() {
  if (!std::exchange(dirty_, false)) return;
  file_.sync_data();
}

std::vector<Extent> read_extents(const fs::path& path, const RunKey& key, std::vector<LogDamage>* damage) {
  std::vector<Extent> extents;
  const std::optional<File> file = File::open_existing(path, File::Mode::read);
  if (!file) return extents;
  const auto note = [&](std::size_t position, std::size_t bytes) {
    if (damage != nullptr) damage->push_back({path, position, bytes});
  };
  std::vector<std::byte> bytes(file->size());
  bytes.resize(file->read_some_at(0, bytes));
  // A file that was just begun has no whole header.
  if (bytes.size() < sizeof(Header)) return extents;
  if (!check_header(*file, key)) note(0, sizeof(Header));
  for (std::size_t at = sizeof(Header); at + sizeof(Record) <= bytes.size();) {
    Record record{};
    std::memcpy(&record, bytes.data() + at, sizeof record);
    if (plausible(record)) {
      extents.push_back(
          {static_cast<ExtentKind>(record.kind), record.output, {record.begin, record.end}, record.hash});
      at += sizeof record;
      continue;
    }
    // Records may have moved, where something between them was lost: the next one may begin anywhere.
    const std::size_t from = at;
    do {
      at = find_mark(bytes, kRecordMagic, at + 1);
      if (at + sizeof record <= bytes.size()) std::memcpy(&record, bytes.data() + at, sizeof record);
    } while (at + sizeof record <= bytes.size() && !plausible(record));
    if (at + sizeof record > bytes.size()) at = bytes.size();
    note(from, at - from);
  }
  return extents;
}

void write_extents(const fs::path& path, const RunKey& key, std::span<const Extent> extents, bool sync) {
  std::vector<std::byte> bytes = encode_header(key);
  encode(extents, bytes);
  write_file_atomically(path, bytes, sync);
}

}  // namespace mpipe
