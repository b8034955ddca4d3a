// SPDX-License-Identifier: BSD-3-Clause
// Writes frames into journals, and reads the whole ones back.
#include "store/journal/journal.hpp"

#include <mpipe/core/error.hpp>

#include "store/run_paths.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cstring>
#include <utility>

namespace mpipe {
namespace {

constexpr char kMagic[8] = {'m', 'p', 'i', 'p', 'e', 'j', 'n', 'l'};
constexpr std::uint32_t kFrameMagic = 0x6d72666d;  // "mfrm"
constexpr std::uint32_t kMaxRank = 32;
constexpr std::size_t kWindowBytes = std::size_t{1} << 20;

struct FileHeader {
  char magic[8];
  std::uint32_t version;
  std::uint32_t rank;
  std::uint64_t epoch;
  RunKey key;
  std::uint64_t reserved[2];
  std::uint64_t check;  // of all before
};
static_assert(sizeof(FileHeader) == 64);

struct FrameHeader {
  std::uint32_t magic;
  std::uint32_t contents;
  std::uint64_t epoch;
  std::uint32_t output;
  std::uint32_t status;
  std::uint32_t internal_rank;
  std::uint32_t reserved;
  std::int64_t begin;
  std::int64_t end;
  std::uint64_t offset_count;
  std::uint64_t byte_count;
  std::uint64_t body_check;  // of shape, offsets and bytes
  std::uint64_t head_check;  // of all before
};
static_assert(sizeof(FrameHeader) == 80);

template <class Header>
std::uint64_t check_of(const Header& header) {
  return checksum(std::as_bytes(std::span(&header, 1)).first(sizeof(Header) - sizeof(std::uint64_t)));
}

/// Shape and offsets first, then the bytes: two pieces, as they lie in two places when they are written.
std::uint64_t body_check(std::span<const std::byte> front, std::span<const std::byte> bytes) {
  return checksum(bytes, checksum(front));
}

bool plausible(const FrameHeader& header) {
  constexpr std::int64_t kMaxIndex = std::int64_t{1} << 62;
  return 0 <= header.begin && header.begin < header.end && header.end <= kMaxIndex &&
         header.internal_rank <= kMaxRank &&
         (header.contents == static_cast<std::uint32_t>(FrameContents::values) ||
          header.contents == static_cast<std::uint32_t>(FrameContents::marks)) &&
         header.status <= static_cast<std::uint32_t>(ElementStatus::blocked);
}

bool ascending_to(std::span<const std::uint64_t> offsets, std::uint64_t last) {
  return offsets.empty() ||
         (offsets.front() == 0 && offsets.back() == last && std::is_sorted(offsets.begin(), offsets.end()));
}

}  // namespace

JournalWriter::JournalWriter(const fs::path& path, const RunKey& key, int rank)
    : file_(path, File::Mode::create),
      key_(key),
      rank_(static_cast<std::uint32_t>(rank)),
      begin_(sizeof(FileHeader)),
      end_(begin_) {
  write_header();
}

void JournalWriter::write_header() {
  FileHeader header{};
  std::memcpy(header.magic, kMagic, sizeof kMagic);
  header.version = kFormatVersion;
  header.rank = rank_;
  header.epoch = epoch_;
  header.key = key_;
  header.check = check_of(header);
  file_.write_at(0, std::as_bytes(std::span(&header, 1)));
  dirty_ = true;
}

void JournalWriter::append(const JournalFrame& frame) {
  const std::size_t front = frame.internal.size() * sizeof(Index) + frame.offsets.size_bytes();
  head_.resize(sizeof(FrameHeader) + front);
  std::byte* at = head_.data() + sizeof(FrameHeader);
  if (!frame.internal.empty()) std::memcpy(at, frame.internal.data(), frame.internal.size() * sizeof(Index));
  at += frame.internal.size() * sizeof(Index);
  if (!frame.offsets.empty()) std::memcpy(at, frame.offsets.data(), frame.offsets.size_bytes());

  FrameHeader header{};
  header.magic = kFrameMagic;
  header.contents = static_cast<std::uint32_t>(frame.contents);
  header.epoch = epoch_;
  header.output = static_cast<std::uint32_t>(frame.output);
  header.status = static_cast<std::uint32_t>(frame.status);
  header.internal_rank = static_cast<std::uint32_t>(frame.internal.size());
  header.begin = frame.range.begin;
  header.end = frame.range.end;
  header.offset_count = frame.offsets.size();
  header.byte_count = frame.bytes.size();
  // The check of the body is a part of the head, so that it is computed first.
  header.body_check = body_check(std::span(head_).subspan(sizeof header), frame.bytes);
  header.head_check = check_of(header);
  std::memcpy(head_.data(), &header, sizeof header);

  // One call: a frame that is cut short fails its checksum, and the next one is written over it.
  file_.write_at(end_, head_, frame.bytes);
  // Only after the write: when it throws, the journal still ends before this frame, and the next one goes
  // there.
  end_ += head_.size() + frame.bytes.size();
  dirty_ = true;
}

void JournalWriter::restart() {
  if (end_ == begin_) return;
  // The header alone makes all frames old; should it be torn, the journal counts as empty, and a commit has
  // everything in its place by now.
  ++epoch_;
  write_header();
  end_ = begin_;
}

void JournalWriter::sync() {
  if (!std::exchange(dirty_, false)) return;
  file_.sync_data();
}

std::optional<JournalReader> JournalReader::open(const fs::path& path, const RunKey& key) {
  std::optional<File> file = File::open_existing(path, File::Mode::read);
  if (!file) return std::nullopt;
  JournalReader reader(std::move(*file), key);
  if (!reader.read_header()) return std::nullopt;
  return reader;
}

bool JournalReader::read_header() {
  FileHeader header{};
  if (file_.read_some_at(0, std::as_writable_bytes(std::span(&header, 1))) != sizeof header) return false;
  if (std::memcmp(header.magic, kMagic, sizeof kMagic) != 0 || header.check != check_of(header)) return false;
  if (header.version != kFormatVersion)
    throw Error(Category::storage_failed,
                fmt::format("'{}' is of version {} of the format, and this program reads version {}.",
                            file_.path().string(), header.version, kFormatVersion));
  if (header.key != key_)
    throw Error(
        Category::resume_mismatch,
        fmt::format("'{}' was not made by this run. Choose another run folder, or move the file away.",
                    file_.path().string()));
  // Emptied since: frames of the new epoch begin at the front.
  if (header.epoch != epoch_) {
    epoch_ = header.epoch;
    position_ = sizeof header;
    window_size_ = 0;
  }
  return true;
}

const JournalFrame* JournalReader::at(std::uint64_t position) {
  position_ = position;
  return next();
}

void JournalReader::refresh() {
  // A header that cannot be read now is being written; the frames of its epoch are not there yet either.
  read_header();
}

const std::byte* JournalReader::look(std::uint64_t position, std::uint64_t size) {
  if (position >= window_begin_ && position + size <= window_begin_ + window_size_)
    return window_.data() + (position - window_begin_);
  // The size is asked for each time, as the journal of a running job grows.
  const std::uint64_t length = file_.size();
  if (position > length || size > length - position) return nullptr;
  const auto wanted = static_cast<std::size_t>(
      std::max<std::uint64_t>(size, std::min<std::uint64_t>(kWindowBytes, length - position)));
  if (window_.size() < wanted) window_.resize(wanted);
  window_begin_ = position;
  window_size_ = file_.read_some_at(position, std::span(window_).first(wanted));
  return window_size_ < size ? nullptr : window_.data();
}

const JournalFrame* JournalReader::next() {
  FrameHeader header{};
  const std::byte* at = look(position_, sizeof header);
  if (at != nullptr) std::memcpy(&header, at, sizeof header);
  if (at == nullptr || header.magic != kFrameMagic || header.epoch != epoch_ ||
      header.head_check != check_of(header) || !plausible(header)) {
    window_size_ = 0;  // what is there now may be complete when it is looked at again
    return nullptr;
  }
  // Before anything is added up or allocated: lengths that a file of this size cannot have.
  const std::uint64_t limit = file_.size();
  if (header.offset_count > limit / sizeof(std::uint64_t) || header.byte_count > limit) return nullptr;
  const std::uint64_t front =
      header.internal_rank * sizeof(Index) + header.offset_count * sizeof(std::uint64_t);
  const std::uint64_t body = front + header.byte_count;
  at = look(position_ + sizeof header, body);
  // A whole head without its whole body is a frame that is being written: a later call reads it again.
  if (at == nullptr || body_check({at, front}, {at + front, header.byte_count}) != header.body_check) {
    window_size_ = 0;
    return nullptr;
  }
  frame_.internal.resize(header.internal_rank);
  if (header.internal_rank != 0)
    std::memcpy(frame_.internal.data(), at, header.internal_rank * sizeof(Index));
  offsets_.resize(static_cast<std::size_t>(header.offset_count));
  if (!offsets_.empty())
    std::memcpy(offsets_.data(), at + header.internal_rank * sizeof(Index),
                offsets_.size() * sizeof(std::uint64_t));
  frame_.contents = static_cast<FrameContents>(header.contents);
  frame_.output = header.output;
  frame_.range = {header.begin, header.end};
  frame_.status = static_cast<ElementStatus>(header.status);
  frame_.offsets = offsets_;
  frame_.bytes = {at + front, static_cast<std::size_t>(header.byte_count)};
  if (std::any_of(frame_.internal.begin(), frame_.internal.end(), [](Index extent) { return extent < 0; }) ||
      !ascending_to(offsets_, header.byte_count))
    return nullptr;
  // Only now, so that a frame that was refused is looked at again in the same place.
  position_ += sizeof header + body;
  return &frame_;
}

}  // namespace mpipe
