// SPDX-License-Identifier: BSD-3-Clause
// Frames of journals and records of extents, on files that are whole, torn or damaged.
#include "store/journal/journal.hpp"

#include <mpipe/core/error.hpp>

#include "store/extents.hpp"
#include "support/faulty_file_system.hpp"
#include "unit/store/store_fixture.hpp"

namespace mpipe::test {
namespace {

Bytes bytes_of(std::size_t size, int seed) {
  Bytes bytes(size);
  for (std::size_t k = 0; k < size; ++k)
    bytes[k] = static_cast<std::byte>(k * 7 + static_cast<std::size_t>(seed));
  return bytes;
}

JournalFrame frame_of(IndexRange range, const Bytes& bytes) {
  JournalFrame frame;
  frame.output = 3;
  frame.range = range;
  frame.internal = {2, 5};
  frame.bytes = bytes;
  return frame;
}

class JournalTest : public testing::Test {
 protected:
  fs::path path() const { return folder_.path() / "journal.log"; }
  std::size_t count_frames() const {
    std::optional<JournalReader> reader = JournalReader::open(path(), key_);
    std::size_t count = 0;
    while (reader && reader->next() != nullptr) ++count;
    damage_ = reader ? reader->damage() : std::vector<LogDamage>{};
    return count;
  }
  void rewrite(const std::vector<std::byte>& bytes) const {
    fs::resize_file(path(), 0);
    File(path(), File::Mode::update).write_at(0, bytes);
  }

  SharedFolder folder_{test_communicator()};
  RunKey key_ = run_key("a run");
  mutable std::vector<LogDamage> damage_;  ///< of what was counted last
};

TEST_F(JournalTest, FramesComeBackAsTheyWere) {
  JournalWriter writer(path(), key_, 4);
  EXPECT_EQ(writer.bytes(), 0u);
  const Bytes large = bytes_of(3'000'000, 1);
  const std::vector<std::uint64_t> offsets{0, 2, 2, 5};
  const Bytes text = bytes_of(5, 2);
  writer.append(frame_of({10, 20}, large));
  JournalFrame varying;
  varying.range = {5, 8};
  varying.offsets = offsets;
  varying.bytes = text;
  writer.append(varying);
  JournalFrame marks;
  marks.contents = FrameContents::marks;
  marks.status = ElementStatus::blocked;
  marks.range = {100, 101};
  writer.append(marks);

  std::optional<JournalReader> reader = JournalReader::open(path(), key_);
  ASSERT_TRUE(reader);
  const std::uint64_t first_at = reader->position();
  const JournalFrame* frame = reader->next();
  ASSERT_NE(frame, nullptr);
  EXPECT_EQ(frame->contents, FrameContents::values);
  EXPECT_EQ(frame->output, 3u);
  EXPECT_EQ(frame->range, (IndexRange{10, 20}));
  EXPECT_EQ(frame->internal, (Shape{2, 5}));
  EXPECT_TRUE(std::equal(frame->bytes.begin(), frame->bytes.end(), large.begin(), large.end()));
  frame = reader->next();
  ASSERT_NE(frame, nullptr);
  EXPECT_TRUE(std::equal(frame->offsets.begin(), frame->offsets.end(), offsets.begin(), offsets.end()));
  EXPECT_TRUE(std::equal(frame->bytes.begin(), frame->bytes.end(), text.begin(), text.end()));
  frame = reader->next();
  ASSERT_NE(frame, nullptr);
  EXPECT_EQ(frame->contents, FrameContents::marks);
  EXPECT_EQ(frame->status, ElementStatus::blocked);
  EXPECT_EQ(reader->next(), nullptr);
  ASSERT_NE(reader->at(first_at), nullptr);
  EXPECT_EQ(writer.bytes(), fs::file_size(path()) - first_at);

  // A frame that was appended meanwhile.
  writer.append(varying);
  reader = JournalReader::open(path(), key_);
  EXPECT_EQ(count_frames(), 4u);
}

TEST_F(JournalTest, AnEmptiedJournalHasNoFrames) {
  JournalWriter writer(path(), key_, 0);
  const Bytes bytes = bytes_of(100, 0);
  for (int k = 0; k < 5; ++k) writer.append(frame_of({k, k + 1}, bytes));
  std::optional<JournalReader> reader = JournalReader::open(path(), key_);
  for (int k = 0; k < 3; ++k) ASSERT_NE(reader->next(), nullptr);
  writer.restart();
  EXPECT_EQ(writer.bytes(), 0u);
  EXPECT_EQ(count_frames(), 0u);
  // The frames of before are still in the file, and a new one lies where the first was.
  writer.append(frame_of({50, 51}, bytes));
  EXPECT_EQ(count_frames(), 1u);
  reader->refresh();
  const JournalFrame* frame = reader->next();
  ASSERT_NE(frame, nullptr);
  EXPECT_EQ(frame->range, (IndexRange{50, 51}));
  EXPECT_EQ(reader->next(), nullptr);
}

TEST_F(JournalTest, CutAnywhereItEndsBeforeTheTornFrame) {
  {
    JournalWriter writer(path(), key_, 0);
    for (int k = 0; k < 3; ++k) writer.append(frame_of({k, k + 1}, bytes_of(40, k)));
  }
  const auto whole = read_bytes(path());
  const std::uint64_t frame = (whole.size() - 64) / 3;
  for (std::uint64_t size = 0; size <= whole.size(); ++size) {
    fs::resize_file(path(), size);
    EXPECT_EQ(count_frames(), size < 64 ? 0 : (size - 64) / frame) << size;
    EXPECT_TRUE(damage_.empty()) << "a process died there: " << size;
    File(path(), File::Mode::update).write_at(0, whole);
  }
}

TEST_F(JournalTest, NoBitIsBelievedThatChanged) {
  {
    JournalWriter writer(path(), key_, 0);
    for (int k = 0; k < 2; ++k) writer.append(frame_of({k, k + 1}, bytes_of(24, k)));
  }
  const auto whole = read_bytes(path());
  const std::uint64_t frame = (whole.size() - 64) / 2;
  for (std::uint64_t bit = 0; bit < whole.size() * 8; ++bit) {
    auto changed = whole;
    changed[bit / 8] ^= static_cast<std::byte>(1 << bit % 8);
    File(path(), File::Mode::update).write_at(0, changed);
    std::size_t left = 0;
    try {
      left = count_frames();
    } catch (const Error&) {
      ADD_FAILURE() << "a header that is damaged is none: bit " << bit;
    }
    const std::uint64_t at = bit / 8;
    // The header says nothing that frames do not know; of frames only the damaged one is lost.
    EXPECT_EQ(left, at < 64 ? 2u : 1u) << "bit " << bit;
    ASSERT_EQ(damage_.size(), 1u) << "bit " << bit;
    EXPECT_EQ(damage_[0].position, at < 64 ? 0 : 64 + (at - 64) / frame * frame) << "bit " << bit;
    EXPECT_EQ(damage_[0].bytes, at < 64 ? 64 : frame) << "bit " << bit;
    // Where the head of the frame is whole, it says what was lost.
    EXPECT_EQ(damage_[0].output.has_value(), at >= 64 && (at - 64) % frame >= 80) << "bit " << bit;
  }
}

TEST_F(JournalTest, FramesBehindDamageAreFound) {
  constexpr Index kFrames = 300;
  {
    JournalWriter writer(path(), key_, 0);
    for (Index k = 0; k < kFrames; ++k)
      writer.append(
          frame_of({k, k + 1}, bytes_of(static_cast<std::size_t>(20 + k % 50), static_cast<int>(k))));
  }
  const auto whole = read_bytes(path());
  const auto frames_left = [&] {
    std::optional<JournalReader> reader = JournalReader::open(path(), key_);
    RangeSet found;
    while (const JournalFrame* frame = reader->next()) {
      const Index k = frame->range.begin;
      const Bytes expected = bytes_of(static_cast<std::size_t>(20 + k % 50), static_cast<int>(k));
      EXPECT_TRUE(std::equal(frame->bytes.begin(), frame->bytes.end(), expected.begin(), expected.end()));
      found.insert(frame->range);
    }
    damage_ = reader->damage();
    return found.count();
  };
  constexpr Index kAt = 5000;
  constexpr Index kPage = 4096;
  const auto at = whole.begin() + kAt;
  constexpr Index kMostInPage = kPage / (80 + 16 + 20) + 2;

  auto zeroed = whole;
  std::fill_n(zeroed.begin() + kAt, kPage, std::byte{});
  rewrite(zeroed);
  EXPECT_GE(frames_left(), kFrames - kMostInPage);
  EXPECT_EQ(damage_.size(), 1u);

  // What was lost in the middle moves all that is behind it.
  for (const Index lost : {Index{1}, Index{77}, kPage}) {
    auto shorter = whole;
    shorter.erase(shorter.begin() + kAt, shorter.begin() + kAt + lost);
    rewrite(shorter);
    EXPECT_GE(frames_left(), kFrames - kMostInPage) << lost;
    EXPECT_LT(frames_left(), kFrames) << lost;
    EXPECT_EQ(damage_.size(), 1u) << lost;
  }

  // The same bytes twice, with half a frame at either end.
  std::vector<std::byte> twice(whole.begin(), at + 1000);
  twice.insert(twice.end(), at, whole.end());
  rewrite(twice);
  EXPECT_EQ(frames_left(), kFrames);

  // Two damages in one file, and one at the end.
  auto thrice = whole;
  for (const std::size_t byte : {std::size_t{2000}, std::size_t{9000}, thrice.size() - 5})
    thrice[byte] ^= std::byte{8};
  rewrite(thrice);
  EXPECT_EQ(frames_left(), kFrames - 3);
  EXPECT_EQ(damage_.size(), 3u);
}

TEST_F(JournalTest, WhoFollowsARunningJobWaitsForWhatIsNotWhole) {
  {
    JournalWriter writer(path(), key_, 0);
    for (int k = 0; k < 3; ++k) writer.append(frame_of({k, k + 1}, bytes_of(40, k)));
  }
  const auto whole = read_bytes(path());
  auto changed = whole;
  changed[100] ^= std::byte{1};
  rewrite(changed);
  std::optional<JournalReader> reader = JournalReader::follow(path(), key_);
  EXPECT_EQ(reader->next(), nullptr);
  rewrite(whole);
  for (int k = 0; k < 3; ++k) EXPECT_NE(reader->next(), nullptr);
  EXPECT_TRUE(reader->damage().empty());
}

/// A frame that had no room leaves nothing behind that could look like damage.
TEST_F(JournalTest, AFrameThatCouldNotBeWrittenLeavesNothing) {
  FaultyFileSystem disk;
  const FileSystemInPlace in_place(disk);
  JournalWriter writer(path(), key_, 0);
  writer.append(frame_of({0, 1}, bytes_of(40, 0)));
  disk.fail_from(disk.operations(), FileFault::torn);
  EXPECT_THROW(writer.append(frame_of({1, 2}, bytes_of(4000, 1))), Error);
  disk.mend();
  writer.append(frame_of({2, 3}, bytes_of(40, 2)));
  EXPECT_EQ(count_frames(), 2u);
  EXPECT_TRUE(damage_.empty());
}

TEST_F(JournalTest, JournalsOfOtherRunsAreRefused) {
  { JournalWriter writer(path(), key_, 0); }
  EXPECT_THROW(JournalReader::open(path(), run_key("another")), Error);
  EXPECT_FALSE(JournalReader::open(folder_.path() / "nothing", key_));
}

TEST_F(JournalTest, ExtentsBehindDamageAreFound) {
  std::vector<Extent> extents;
  for (Index k = 0; k < 20'000; ++k)
    extents.push_back({k % 5 == 0 ? ExtentKind::failed : ExtentKind::values,
                       static_cast<std::size_t>(k % 3),
                       {k, k + 2},
                       static_cast<std::uint64_t>(k * k)});
  {
    ExtentWriter writer(path(), key_);
    writer.append(std::span(extents).first(7000));
    writer.append({});
    writer.append(std::span(extents).subspan(7000));
  }
  const auto check = [&](std::size_t first, std::size_t last) {  // [first, last) is missing
    std::vector<LogDamage> damage;
    const std::vector<Extent> found = read_extents(path(), key_, &damage);
    EXPECT_EQ(damage.empty(), first == last || last == extents.size());
    ASSERT_EQ(found.size(), extents.size() - (last - first));
    for (std::size_t k = 0; k < found.size(); ++k) {
      const Extent& expected = extents[k < first ? k : k + (last - first)];
      EXPECT_EQ(found[k].kind, expected.kind);
      EXPECT_EQ(found[k].output, expected.output);
      EXPECT_EQ(found[k].range, expected.range);
      EXPECT_EQ(found[k].hash, expected.hash);
    }
  };
  check(0, 0);
  const auto whole = read_bytes(path());
  auto bytes = whole;
  bytes[48 + 48 * 12'345 + 33] ^= std::byte{4};
  rewrite(bytes);
  check(12'345, 12'346);
  // Half a record is lost, and all behind it moves.
  bytes = whole;
  bytes.erase(bytes.begin() + 48 + 48 * 100, bytes.begin() + 48 + 48 * 100 + 20);
  rewrite(bytes);
  check(100, 101);
  bytes = whole;
  std::fill_n(bytes.begin() + 48 + 48 * 200, 48 * 85, std::byte{});
  rewrite(bytes);
  check(200, 285);
  bytes = whole;
  bytes[20] ^= std::byte{1};
  rewrite(bytes);
  EXPECT_EQ(read_extents(path(), key_).size(), extents.size()) << "the header was damaged";
  rewrite(whole);
  fs::resize_file(path(), 48 + 48 * 100 + 47);
  check(100, extents.size());
  write_extents(path(), key_, extents);
  check(0, 0);
  EXPECT_THROW(read_extents(path(), run_key("another")), Error);
  EXPECT_TRUE(read_extents(folder_.path() / "nothing", key_).empty());
}

}  // namespace
}  // namespace mpipe::test
