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
/// Read at a time where frames are read one behind another, and at a place that is jumped to.
constexpr std::size_t kWindowBytes = std::size_t{1} << 20;
constexpr std::size_t kJumpBytes = std::size_t{1} << 12;

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
  constexpr std::uint64_t kMaxBytes = std::uint64_t{1} << 60;  // sums of lengths do not wrap
  return 0 <= header.begin && header.begin < header.end && header.end <= kMaxIndex &&
         header.internal_rank <= kMaxRank && header.byte_count <= kMaxBytes &&
         header.offset_count <= kMaxBytes / sizeof(std::uint64_t) &&
         (header.contents == static_cast<std::uint32_t>(FrameContents::values) ||
          header.contents == static_cast<std::uint32_t>(FrameContents::marks)) &&
         header.status <= static_cast<std::uint32_t>(ElementStatus::blocked);
}

/// The head of a frame, where `at` has a whole one. Its own checksum vouches for it.
std::optional<FrameHeader> head_at(const std::byte* at) {
  if (at == nullptr) return std::nullopt;
  FrameHeader header{};
  std::memcpy(&header, at, sizeof header);
  if (header.magic != kFrameMagic || header.head_check != check_of(header) || !plausible(header))
    return std::nullopt;
  return header;
}

std::uint64_t front_bytes(const FrameHeader& header) {
  return header.internal_rank * sizeof(Index) + header.offset_count * sizeof(std::uint64_t);
}

std::uint64_t frame_bytes(const FrameHeader& header) {
  return sizeof header + front_bytes(header) + header.byte_count;
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

  // What is left of a longer frame must not look like damage behind this one.
  if (torn_) file_.resize(end_);
  torn_ = true;
  // One call: a frame that is cut short fails its checksum.
  file_.write_at(end_, head_, frame.bytes);
  torn_ = false;
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
  JournalReader reader(std::move(*file), key, false);
  if (!reader.read_header() && !reader.find_epoch()) return std::nullopt;
  return reader;
}

std::optional<JournalReader> JournalReader::follow(const fs::path& path, const RunKey& key) {
  std::optional<File> file = File::open_existing(path, File::Mode::read);
  if (!file) return std::nullopt;
  JournalReader reader(std::move(*file), key, true);
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

/// The header is damaged: frames tell the epoch by themselves. Those of the newest one count, as they would
/// with the header. Should a commit have emptied the journal since, then what they say is in the files already,
/// and moving it again changes nothing.
bool JournalReader::find_epoch() {
  scan(sizeof(FileHeader), [&](std::uint64_t position) {
    const std::optional<FrameHeader> header = head_at(look(position, sizeof(FrameHeader)));
    if (header) epoch_ = std::max(epoch_, header->epoch);
    return false;
  });
  if (epoch_ == 0) return false;
  position_ = sizeof(FileHeader);
  damage_.push_back({file_.path(), 0, sizeof(FileHeader)});
  return true;
}

const JournalFrame* JournalReader::at(std::uint64_t position) {
  const std::uint64_t size = read_frame(position);
  position_ = position + size;
  return size == 0 ? nullptr : &frame_;
}

void JournalReader::refresh() {
  // A header that cannot be read now is being written; the frames of its epoch are not there yet either.
  read_header();
}

const std::byte* JournalReader::look(std::uint64_t position, std::uint64_t size) {
  const std::uint64_t window_end = window_begin_ + window_size_;
  if (position >= window_begin_ && position + size <= window_end)
    return window_.data() + (position - window_begin_);
  // The size is asked for each time, as the journal of a running job grows.
  const std::uint64_t length = file_.size();
  if (position > length || size > length - position) return nullptr;
  const bool goes_on = position >= window_begin_ && position <= window_end;
  const auto wanted = static_cast<std::size_t>(std::max<std::uint64_t>(
      size, std::min<std::uint64_t>(goes_on ? kWindowBytes : kJumpBytes, length - position)));
  if (window_.size() < wanted) window_.resize(wanted);
  window_begin_ = position;
  window_size_ = file_.read_some_at(position, std::span(window_).first(wanted));
  return window_size_ < size ? nullptr : window_.data();
}

const JournalFrame* JournalReader::next() {
  std::uint64_t size = read_frame(position_);
  if (size == 0) {
    window_size_ = 0;  // what is there now may be complete when it is looked at again
    if (!follows_) size = pass_damage();
    if (size == 0) return nullptr;
  }
  position_ = frame_.position + size;
  return &frame_;
}

std::uint64_t JournalReader::read_frame(std::uint64_t position) {
  const std::optional<FrameHeader> header = head_at(look(position, sizeof(FrameHeader)));
  if (!header || header->epoch != epoch_) return 0;
  const std::uint64_t front = front_bytes(*header);
  const std::byte* const at = look(position + sizeof *header, front + header->byte_count);
  if (at == nullptr || body_check({at, front}, {at + front, header->byte_count}) != header->body_check)
    return 0;
  frame_.internal.resize(header->internal_rank);
  if (header->internal_rank != 0)
    std::memcpy(frame_.internal.data(), at, header->internal_rank * sizeof(Index));
  offsets_.resize(static_cast<std::size_t>(header->offset_count));
  if (!offsets_.empty())
    std::memcpy(offsets_.data(), at + header->internal_rank * sizeof(Index),
                offsets_.size() * sizeof(std::uint64_t));
  if (std::any_of(frame_.internal.begin(), frame_.internal.end(), [](Index extent) { return extent < 0; }) ||
      !ascending_to(offsets_, header->byte_count))
    return 0;
  frame_.contents = static_cast<FrameContents>(header->contents);
  frame_.output = header->output;
  frame_.range = {header->begin, header->end};
  frame_.status = static_cast<ElementStatus>(header->status);
  frame_.offsets = offsets_;
  frame_.bytes = {at + front, static_cast<std::size_t>(header->byte_count)};
  frame_.position = position;
  return frame_bytes(*header);
}

/// Goes on at the next frame that is whole, and takes note of what lies before it. Returns the bytes of that
/// frame, or 0 when there is none.
std::uint64_t JournalReader::pass_damage() {
  const std::optional<std::uint64_t> next = find_frame_behind(position_);
  window_size_ = 0;
  // A job that goes on may have completed meanwhile what was not whole: frames are written in order, so that
  // nothing is behind a frame that is being written.
  if (const std::uint64_t size = next ? read_frame(position_) : 0) return size;
  note_damage(position_, next);
  if (next) return read_frame(*next);
  position_ = std::max(position_, file_.size());
  return 0;
}

std::optional<std::uint64_t> JournalReader::find_frame_behind(std::uint64_t position) {
  const std::optional<FrameHeader> header = head_at(look(position, sizeof(FrameHeader)));
  if (header && header->epoch == epoch_) {
    // A head that is whole tells where the next frame is. Values may hold anything, also what looks like a
    // frame, so that they are searched only where that is not so.
    const std::uint64_t behind = position + frame_bytes(*header);
    if (behind == file_.size()) return std::nullopt;
    if (read_frame(behind) != 0) return behind;
  }
  return scan(position + 1, [&](std::uint64_t at) { return read_frame(at) != 0; });
}

/// The first place from `from` on that begins like a frame and is accepted.
template <class Accept>
std::optional<std::uint64_t> JournalReader::scan(std::uint64_t from, const Accept& accept) {
  std::vector<std::byte> part(kWindowBytes);
  for (;;) {
    const std::size_t got = file_.read_some_at(from, part);
    const auto bytes = std::span(part).first(got);
    for (std::size_t at = find_mark(bytes, kFrameMagic, 0); at < got;
         at = find_mark(bytes, kFrameMagic, at + 1))
      if (accept(from + at)) return from + at;
    if (got < part.size()) return std::nullopt;
    from += got - (sizeof kFrameMagic - 1);  // a mark may lie across the border
  }
}

/// At the end of a journal there may be a frame that a process was writing when it died, which nobody was told
/// of. That is no damage, and neither are the frames of older epochs: the last bytes of a journal are lost ones
/// only where it has had one epoch and they are no frame that was cut short.
void JournalReader::note_damage(std::uint64_t from, std::optional<std::uint64_t> next) {
  const std::uint64_t end = next.value_or(file_.size());
  if (end <= from) return;
  const std::optional<FrameHeader> header = head_at(look(from, sizeof(FrameHeader)));
  const bool cut_short = end - from < (header ? frame_bytes(*header) : sizeof(FrameHeader));
  if (!next && (epoch_ != 1 || cut_short)) return;
  LogDamage& damage = damage_.emplace_back(LogDamage{file_.path(), from, end - from});
  if (!header) return;
  damage.output = header->output;
  damage.elements = {header->begin, header->end};
}

}  // namespace mpipe
