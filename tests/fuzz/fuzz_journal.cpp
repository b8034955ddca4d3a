// SPDX-License-Identifier: BSD-3-Clause
// Any bytes as a journal. The file's own header is made right, and so are the checksums of the frames that
// the bytes seem to hold: what checksums cannot find must be found by the checks behind them.
#include <mpipe/core/error.hpp>

#include "fuzz/fuzz_target.hpp"
#include "store/journal/journal.hpp"

#include <cstring>
#include <limits>

namespace {

using namespace mpipe;

// Places in the file, as docs/formats.md has them.
constexpr std::size_t kFileHeader = 64;
constexpr std::size_t kFrameHeader = 80;
constexpr std::size_t kBodyCheck = 64;
constexpr std::size_t kHeadCheck = 72;

template <class T>
T number_at(const std::vector<std::byte>& bytes, std::size_t at) {
  T value;
  std::memcpy(&value, bytes.data() + at, sizeof value);
  return value;
}

void put(std::vector<std::byte>& bytes, std::size_t at, std::uint64_t value) {
  std::memcpy(bytes.data() + at, &value, sizeof value);
}

/// Gives each frame in turn its magic number, epoch and checksums; lengths stay as they are.
void mend(std::vector<std::byte>& file) {
  constexpr char kMagic[4] = {'m', 'f', 'r', 'm'};
  for (std::size_t at = kFileHeader; at + kFrameHeader <= file.size();) {
    for (int k = 0; k < 4; ++k) file[at + k] = static_cast<std::byte>(kMagic[3 - k]);
    put(file, at + 8, 1);
    const std::uint64_t internal = number_at<std::uint32_t>(file, at + 24);
    const std::uint64_t offsets = number_at<std::uint64_t>(file, at + 48);
    const std::uint64_t bytes = number_at<std::uint64_t>(file, at + 56);
    const std::size_t rest = file.size() - at - kFrameHeader;
    const bool fits = offsets <= rest / 8 && internal <= rest / 8 && bytes <= rest &&
                      internal * 8 + offsets * 8 + bytes <= rest;
    if (fits) {
      const auto body = std::span(file).subspan(at + kFrameHeader);
      const auto front = body.first(internal * 8 + offsets * 8);
      put(file, at + kBodyCheck, checksum(body.subspan(front.size(), bytes), checksum(front)));
    }
    put(file, at + kHeadCheck, checksum(std::span(file).subspan(at, kHeadCheck)));
    if (!fits) return;
    at += kFrameHeader + internal * 8 + offsets * 8 + bytes;
  }
}

void check(const JournalFrame& frame) {
  fuzz::require(0 <= frame.range.begin && frame.range.begin < frame.range.end, "a frame has elements");
  fuzz::require(frame.internal.size() <= 32, "a frame has a small rank");
  for (const Index extent : frame.internal) fuzz::require(extent >= 0, "an extent is not negative");
  std::uint64_t last = 0;
  for (const std::uint64_t offset : frame.offsets) {
    fuzz::require(offset >= last && offset <= frame.bytes.size(), "offsets lie within the bytes, in order");
    last = offset;
  }
  std::uint64_t sum = 0;  // every byte can be read
  for (const std::byte byte : frame.bytes) sum += static_cast<std::uint64_t>(byte);
  fuzz::require(sum <= frame.bytes.size() * 255, "bytes are bytes");
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  static const fuzz::ScratchFile scratch("journal");
  const RunKey key = run_key("fuzz");
  { JournalWriter(scratch.path(), key, 0); }
  const File header(scratch.path(), File::Mode::read);
  std::vector<std::byte> file(kFileHeader + size);
  fuzz::require(header.read_some_at(0, std::span(file).first(kFileHeader)) == kFileHeader,
                "an empty journal is a header");
  if (size > 0) std::memcpy(file.data() + kFileHeader, data, size);
  mend(file);
  scratch.write(file);
  try {
    auto reader = JournalReader::open(scratch.path(), key);
    fuzz::require(reader.has_value(), "a journal with a header can be opened");
    while (const JournalFrame* frame = reader->next()) check(*frame);
    reader->refresh();
    fuzz::require(reader->position() <= file.size(), "a reader stays within the file");
  } catch (const Error&) {
  }
  return 0;
}
