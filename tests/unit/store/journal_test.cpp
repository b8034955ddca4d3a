// SPDX-License-Identifier: BSD-3-Clause
// Frames of journals and records of extents, on files that are whole, torn or damaged.
#include "store/journal/journal.hpp"

#include <mpipe/core/error.hpp>

#include "store/extents.hpp"
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
    return count;
  }

  SharedFolder folder_{test_communicator()};
  RunKey key_ = run_key("a run");
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
    EXPECT_EQ(left, at < 64 ? 0u : (at - 64) / frame) << "bit " << bit;
  }
}

TEST_F(JournalTest, JournalsOfOtherRunsAreRefused) {
  { JournalWriter writer(path(), key_, 0); }
  EXPECT_THROW(JournalReader::open(path(), run_key("another")), Error);
  EXPECT_FALSE(JournalReader::open(folder_.path() / "nothing", key_));
}

TEST_F(JournalTest, ExtentsEndBeforeTheFirstDamagedRecord) {
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
  const auto check = [&](std::size_t count) {
    const std::vector<Extent> found = read_extents(path(), key_);
    ASSERT_EQ(found.size(), count);
    for (std::size_t k = 0; k < count; ++k) {
      EXPECT_EQ(found[k].kind, extents[k].kind);
      EXPECT_EQ(found[k].output, extents[k].output);
      EXPECT_EQ(found[k].range, extents[k].range);
      EXPECT_EQ(found[k].hash, extents[k].hash);
    }
  };
  check(extents.size());
  auto bytes = read_bytes(path());
  bytes[48 + 48 * 12'345 + 33] ^= std::byte{4};
  File(path(), File::Mode::update).write_at(0, bytes);
  check(12'345);
  fs::resize_file(path(), 48 + 48 * 100 + 47);
  check(100);
  write_extents(path(), key_, extents);
  check(extents.size());
  EXPECT_THROW(read_extents(path(), run_key("another")), Error);
  EXPECT_TRUE(read_extents(folder_.path() / "nothing", key_).empty());
}

}  // namespace
}  // namespace mpipe::test
