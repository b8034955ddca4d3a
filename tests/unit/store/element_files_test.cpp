// SPDX-License-Identifier: BSD-3-Clause
// Outputs with a file per element: what is believed of the files, and what becomes of those that are not.
#include "store/output/element_files.hpp"

#include <mpipe/core/error.hpp>
#include <mpipe/store/run_reader.hpp>

#include "store/run_paths.hpp"
#include "unit/store/store_fixture.hpp"

#include <cmath>
#include <fstream>

namespace mpipe::test {
namespace {

const ElementType& f64() { return element_type(Kind::float64); }
const Communicator& comm() { return test_communicator(); }

/// A number per element, and a text of any length.
RunLayout artefacts(Index elements = 50) {
  RunLayout layout;
  layout.run_id = "artefacts";
  layout.outputs = {
      output("field", f64(), {"i", "x"}, {true, false}, {{elements}, {3}}),
      plain_output("text", element_type(Kind::string), {"i"}, {elements}),
      output("late", f64(), {"i", "u"}, {true, false}, {{elements}, {}}),
      output("later", f64(), {"u"}, {true}, {{}}),
  };
  for (OutputLayout& at : layout.outputs) at.storage = StorageKind::file;
  return layout;
}

fs::path file_of(const fs::path& folder, const std::string& name, Index element) {
  return element_path(element_folder(folder, name), element);
}

std::vector<std::byte> bytes_of(const fs::path& path) { return read_bytes(path); }
void write_bytes(const fs::path& path, std::span<const std::byte> bytes) {
  File(path, File::Mode::create).write_at(0, bytes);
}
void change_byte(const fs::path& path, std::size_t at) {
  auto bytes = bytes_of(path);
  bytes[at] ^= std::byte{1};
  write_bytes(path, bytes);
}

void expect_no_faults(const fs::path& folder) {
  comm().barrier();
  if (comm().is_root()) {
    EXPECT_EQ(verify_run_store(folder), std::vector<std::string>{});
  }
  comm().barrier();
}

Index files_in(const fs::path& folder) {
  Index count = 0;
  for (const auto& entry : fs::recursive_directory_iterator(folder)) count += entry.is_directory() ? 0 : 1;
  return count;
}

template <class Step>
void on_root(const Step& step) {
  comm().barrier();
  if (comm().is_root()) step();
  comm().barrier();
}

TEST(ElementFilesOfARun, HoldTheValuesAndNothingElseDoes) {
  const SharedFolder folder(comm());
  TestRun run(artefacts());
  run.create(folder.path());
  run.compute_all(0, {0, 50}, 7);
  run.commit();
  run.drop();
  on_root([&] {
    const Bytes value = expected_value(f64(), 0, 17, 1);
    for (const auto& entry : fs::recursive_directory_iterator(folder.path())) {
      if (entry.is_directory()) continue;
      const auto bytes = bytes_of(entry.path());
      const bool found = std::search(bytes.begin(), bytes.end(), value.begin(), value.end()) != bytes.end();
      EXPECT_EQ(found, entry.path() == file_of(folder.path(), "field", 17)) << entry.path();
    }
  });
}

TEST(ElementFilesOfARun, DamagedOnesAreComputedAgain) {
  const SharedFolder folder(comm());
  TestRun run(artefacts());
  run.create(folder.path());
  for (const std::size_t k : {std::size_t{0}, std::size_t{1}}) run.compute_all(k, {0, 50}, 7);
  run.commit();
  run.drop();
  const auto field = [&](Index element) { return file_of(folder.path(), "field", element); };
  on_root([&] {
    change_byte(field(17), 130);                              // a value
    change_byte(field(18), 20);                               // numpy's header
    change_byte(field(19), bytes_of(field(19)).size() - 50);  // the trailer
    const auto whole = bytes_of(field(3));
    write_bytes(field(3), std::span(whole).first(100));
    write_bytes(field(4), {});
    fs::remove(field(5));
    fs::remove(field(6));
    fs::create_symlink(field(7), field(6));
    fs::copy_file(field(20), field(21), fs::copy_options::overwrite_existing);
    fs::copy_file(file_of(folder.path(), "text", 22), field(22), fs::copy_options::overwrite_existing);
    fs::copy_file(field(23), field(50));  // there is no such element
    std::ofstream(field(24).string() + ".0123456789abcdef.tmp") << "half";
    const std::vector<std::string> faults = verify_run_store(folder.path());
    ASSERT_EQ(faults.size(), 1u);
    EXPECT_NE(faults[0].find("element 3 (the first of 9) of 'field'"), std::string::npos) << faults[0];
    EXPECT_THROW(RunReader(folder.path()).read_all(0), Error);
  });
  const RangeSet wrong{{3, 7}, {17, 20}, {21, 23}};
  const RangeSet right = RangeSet{{0, 50}}.difference(wrong);
  TestRun again(artefacts());
  again.resume(folder.path());
  again.expect_stored(0, right);
  again.expect_stored(1, RangeSet{{0, 50}});
  on_root([&] {
    EXPECT_EQ(files_in(folder.path() / "elements" / "field"), 41);
    EXPECT_EQ(RunReader(folder.path()).progress(0).done(), right);
  });
  for (const IndexRange& range : wrong.ranges()) again.compute_all(0, range, 2);
  again.finish();
  expect_no_faults(folder.path());
  on_root([&] {
    EXPECT_EQ(files_in(folder.path() / "elements" / "field"), 50);
    std::ofstream(field(24).string() + ".0123456789abcdef.tmp") << "half";
    EXPECT_EQ(verify_run_store(folder.path()).size(), 1u);
  });
}

/// What stands in the trailer, with a checksum that is right.
void forge(const fs::path& path, std::size_t from_end, std::uint64_t number) {
  auto bytes = bytes_of(path);
  std::memcpy(bytes.data() + bytes.size() - from_end, &number, sizeof number);
  const std::uint64_t check = checksum(std::span(bytes).last(96).first(88));
  std::memcpy(bytes.data() + bytes.size() - sizeof check, &check, sizeof check);
  write_bytes(path, bytes);
}

TEST(ElementFilesOfARun, LengthsThatMakeNoSenseAreRefusedBeforeAnythingIsAllocated) {
  const SharedFolder folder(comm());
  TestRun run(artefacts());
  run.create(folder.path());
  run.compute_all(0, {0, 50}, 7);
  run.compute_all(1, {0, 50}, 7);
  run.drop();
  on_root([&] {
    const RunLayout layout = artefacts();
    const ElementFiles elements(folder.path(), layout);
    const std::uint64_t huge = std::uint64_t{1} << 61;
    Index element = 0;
    for (const std::size_t k : {std::size_t{0}, std::size_t{1}})
      for (const std::size_t field : {56, 48, 40, 32, 24}) {
        const fs::path path = file_of(folder.path(), layout.outputs[k].name, element);
        ASSERT_TRUE(elements.read(k, element));
        forge(path, field, huge | 0xffff);
        EXPECT_FALSE(elements.read(k, element)) << field;
        ++element;
      }
    // The shape is in front of the trailer: negative extents, and more than there are values.
    for (const std::uint64_t extent : {huge, ~std::uint64_t{0}, std::uint64_t{4}}) {
      forge(file_of(folder.path(), "field", element), 96 + 8, extent);
      EXPECT_FALSE(elements.read(0, element++));
    }
  });
}

TEST(ElementFilesOfARun, AreTrustedWithoutAnythingElse) {
  const SharedFolder folder(comm());
  TestRun run(artefacts());
  run.create(folder.path());
  run.set_shape(2, {50, 4});
  for (const std::size_t k : {std::size_t{0}, std::size_t{1}, std::size_t{2}}) run.compute_all(k, {0, 30}, 4);
  run.finish(false);
  run.drop();
  on_root([&] {
    for (const char* name : {"results.h5", "results.extents"}) fs::remove(folder.path() / name);
    fs::remove_all(folder.path() / "journal");
  });
  TestRun again(artefacts());
  again.resume(folder.path());
  for (const std::size_t k : {std::size_t{0}, std::size_t{1}, std::size_t{2}})
    again.expect_stored(k, RangeSet{{0, 30}});
  again.finish(false);
  again.drop();
  expect_no_faults(folder.path());
}

TEST(ElementFilesOfARun, WhoseAxesShowLateGetTheirMarksThen) {
  const SharedFolder folder(comm());
  TestRun run(artefacts());
  run.create(folder.path());
  run.set_shape(3, {8});
  run.compute_all(3, {0, 6}, 1);
  run.commit();
  run.drop();
  on_root([&] {
    change_byte(file_of(folder.path(), "later", 2), 130);
    EXPECT_EQ(RunReader(folder.path()).progress(3).done(), (RangeSet{{0, 6}}));
  });
  TestRun again(artefacts());
  again.resume(folder.path());
  EXPECT_EQ(again.store().stored()[3], (RangeSet{{0, 2}, {3, 6}}));
  again.set_shape(3, {8});
  again.store().resolve({{3, {8}}});
  again.compute_all(3, {6, 8}, 1);
  again.commit();
  again.expect_stored(3, RangeSet{{0, 2}, {3, 8}});
  on_root([&] { EXPECT_EQ(RunReader(folder.path()).progress(3).done(), (RangeSet{{0, 2}, {3, 8}})); });
  again.set_shape(3, {8});
  again.compute_all(3, {2, 3}, 1);
  again.finish();
  expect_no_faults(folder.path());
}

TEST(ElementFilesOfARun, FailedElementsHaveMarksAndNoFiles) {
  const SharedFolder folder(comm());
  TestRun run(artefacts(10));
  run.create(folder.path());
  run.compute_all(0, {0, 6}, 1);
  if (comm().is_root()) {
    run.store().mark(0, {6, 8}, ElementStatus::failed);
    run.store().mark(0, {8, 10}, ElementStatus::blocked);
  }
  run.finish(false);
  run.drop();
  TestRun again(artefacts(10));
  again.resume(folder.path());
  EXPECT_EQ(again.store().progress()[0].failed(), (RangeSet{{6, 8}}));
  EXPECT_EQ(again.store().progress()[0].blocked(), (RangeSet{{8, 10}}));
  again.finish();
  on_root([&] {
    RunReader reader(folder.path());
    EXPECT_EQ(reader.progress(0), again.store().progress()[0]);
    EXPECT_EQ(files_in(folder.path() / "elements"), 6);
    EXPECT_TRUE(std::isnan(reader.read_all(0).as<Array<double>>()(7, 1)));
    change_byte(file_of(folder.path(), "field", 1), 130);
    fs::copy_file(file_of(folder.path(), "field", 2), file_of(folder.path(), "field", 7));
    EXPECT_EQ(verify_run_store(folder.path()).size(), 2u);
  });
}

TEST(ElementFilesOfARun, StayWhatTheyAreUnderAnotherStorage) {
  const SharedFolder folder(comm());
  TestRun run(artefacts());
  run.create(folder.path());
  run.compute_all(0, {0, 20}, 7);
  run.finish(false);
  run.drop();
  comm().barrier();
  RunLayout other = artefacts();
  other.outputs[0].storage = StorageKind::hdf5;
  TestRun again(other);
  again.resume(folder.path());
  EXPECT_EQ(again.store().outputs()[0].storage, StorageKind::file);
  again.expect_stored(0, RangeSet{{0, 20}});
}

TEST(ElementFilesOfARun, AreGoneInANewRunAndWhatIsNotOfThemStays) {
  const SharedFolder folder(comm());
  TestRun run(artefacts());
  run.create(folder.path());
  run.compute_all(0, {0, 50}, 7);
  run.drop();
  on_root([&] { std::ofstream(folder.path() / "elements" / "field" / "0000" / "notes.txt") << "mine"; });
  TestRun anew(artefacts());
  anew.create(folder.path());
  on_root([&] { EXPECT_EQ(files_in(folder.path() / "elements"), 1); });
}

TEST(ElementFilesOfARun, LinksAreNotFollowed) {
  const SharedFolder folder(comm());
  const SharedFolder elsewhere(comm());
  TestRun run(artefacts());
  run.create(folder.path());
  on_root([&] {
    fs::create_directory(folder.path() / "elements");
    fs::create_directory_symlink(elsewhere.path(), folder.path() / "elements" / "field");
  });
  if (comm().is_root()) {
    EXPECT_THROW(run.compute(0, {0, 1}), Error);
  }
  run.drop();
  on_root([&] { EXPECT_TRUE(fs::is_empty(elsewhere.path())); });
}

}  // namespace
}  // namespace mpipe::test
