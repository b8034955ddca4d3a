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

// A header that is not whole belongs to a file that was just begun, which counts as empty. A whole header of
// another version or run is refused: the records behind it would be taken for facts about these files.
bool check_header(const File& file, const RunKey& key) {
  Header header{};
  if (file.read_some_at(0, std::as_writable_bytes(std::span(&header, 1))) != sizeof header) return false;
  if (std::memcmp(header.magic, kMagic, sizeof kMagic) != 0 || header.check != check_of(header)) return false;
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

std::vector<Extent> read_extents(const fs::path& path, const RunKey& key) {
  constexpr std::size_t kRecordsAtATime = 8192;
  std::vector<Extent> extents;
  const std::optional<File> file = File::open_existing(path, File::Mode::read);
  if (!file || !check_header(*file, key)) return extents;
  std::vector<Record> records(kRecordsAtATime);
  std::uint64_t position = sizeof(Header);
  while (true) {
    const std::size_t got =
        file->read_some_at(position, std::as_writable_bytes(std::span(records))) / sizeof(Record);
    for (std::size_t k = 0; k < got; ++k) {
      const Record& record = records[k];
      // The first record that is not whole is the end: a writer died there, and bytes behind it are
      // no proof.
      if (!plausible(record)) return extents;
      extents.push_back(
          {static_cast<ExtentKind>(record.kind), record.output, {record.begin, record.end}, record.hash});
    }
    if (got < kRecordsAtATime) return extents;
    position += got * sizeof(Record);
  }
}

void write_extents(const fs::path& path, const RunKey& key, std::span<const Extent> extents, bool sync) {
  std::vector<std::byte> bytes = encode_header(key);
  encode(extents, bytes);
  write_file_atomically(path, bytes, sync);
}

}  // namespace mpipe
