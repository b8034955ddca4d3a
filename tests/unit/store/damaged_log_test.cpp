// SPDX-License-Identifier: BSD-3-Clause
// Journals and files of extents that were damaged: what is behind the damage is found, verification tells of it,
// and a later start computes what was lost and nothing else.
#include <mpipe/store/run_reader.hpp>

#include "store/run_paths.hpp"
#include "unit/store/store_fixture.hpp"

#include <algorithm>
#include <array>
#include <functional>

namespace mpipe::test {
namespace {

constexpr Index kElements = 100;

/// An output in the journal that commits empty, and one that stays in a retained journal.
RunLayout two_journals() {
  RunLayout layout;
  layout.run_id = "damaged-logs";
  layout.outputs = {plain_output("number", element_type(Kind::float64), {"i"}, {kElements}),
                    plain_output("text", element_type(Kind::string), {"i"}, {kElements})};
  return layout;
}

using Damage = std::function<void(std::vector<std::byte>&, std::size_t middle)>;

struct Case {
  const char* name;
  Damage damage;
  Index most_lost;  ///< elements
};

/// Where a frame begins that lies behind `from`.
std::size_t frame_behind(const std::vector<std::byte>& bytes, std::size_t from) {
  constexpr std::array<std::byte, 4> kMark{std::byte{'m'}, std::byte{'f'}, std::byte{'r'}, std::byte{'m'}};
  return static_cast<std::size_t>(
      std::search(bytes.begin() + static_cast<Index>(from), bytes.end(), kMark.begin(), kMark.end()) -
      bytes.begin());
}

const std::vector<Case>& cases() {
  static const std::vector<Case> all{
      {"the header of the file", [](auto& bytes, std::size_t) { bytes[9] ^= std::byte{1}; }, 0},
      {"a bit of a head",
       [](auto& bytes, std::size_t middle) { bytes[frame_behind(bytes, middle) + 5] ^= std::byte{2}; }, 1},
      {"a length",
       [](auto& bytes, std::size_t middle) { bytes[frame_behind(bytes, middle) + 54] ^= std::byte{64}; }, 1},
      {"a value",
       [](auto& bytes, std::size_t middle) { bytes[frame_behind(bytes, middle) + 81] ^= std::byte{1}; }, 1},
      {"bytes that are gone",
       [](auto& bytes, std::size_t middle) {
         const auto at = bytes.begin() + static_cast<Index>(middle);
         bytes.erase(at, at + 333);
       },
       6},
      {"a page of zeros",
       [](auto& bytes, std::size_t middle) {
         std::fill_n(bytes.begin() + static_cast<Index>(middle),
                     std::min<std::size_t>(4096, bytes.size() - middle), std::byte{});
       },
       60},
      {"the same bytes twice",
       [](auto& bytes, std::size_t middle) {
         const std::vector<std::byte> again(bytes.begin() + static_cast<Index>(middle - 700),
                                            bytes.begin() + static_cast<Index>(middle));
         bytes.insert(bytes.begin() + static_cast<Index>(middle), again.begin(), again.end());
       },
       2},
  };
  return all;
}

void change(const fs::path& path, const Damage& damage) {
  auto bytes = read_bytes(path);
  damage(bytes, bytes.size() / 2);
  fs::resize_file(path, 0);
  File(path, File::Mode::update).write_at(0, bytes);
}

class DamagedLog : public testing::Test {
 protected:
  /// Computes all elements in blocks of one, and dies.
  void compute(const fs::path& folder) {
    TestRun run(two_journals());
    run.create(folder);
    for (std::size_t k = 0; k < 2; ++k) run.compute_all(k, {0, kElements}, 1);
    run.drop();
  }
  /// Returns how many elements were lost; computes them.
  Index resume(const fs::path& folder) {
    TestRun run(two_journals());
    run.resume(folder);
    Index lost = 0;
    for (std::size_t k = 0; k < 2; ++k) {
      const RangeSet rest = RangeSet{{0, kElements}}.difference(run.store().stored()[k]);
      lost += rest.count();
      for (const IndexRange& range : rest.ranges()) run.compute(k, range);
    }
    run.finish();
    return lost;
  }
  void expect_complete(const fs::path& folder) {
    EXPECT_EQ(verify_run_store(folder), std::vector<std::string>{});
    TestRun run(two_journals());
    run.resume(folder);
    for (std::size_t k = 0; k < 2; ++k) run.expect_stored(k, RangeSet{{0, kElements}});
  }
};

TEST_F(DamagedLog, OfAJournalCostsWhatWasInTheDamagedFrames) {
  for (const Case& each : cases())
    for (const bool retained : {false, true}) {
      SCOPED_TRACE(std::string(each.name) + (retained ? ", retained" : ""));
      const SharedFolder folder(test_communicator());
      compute(folder.path());
      const fs::path journal = retained ? retained_path(folder.path(), 0, 1) : journal_path(folder.path(), 0);
      change(journal, each.damage);
      const std::vector<std::string> faults = verify_run_store(folder.path());
      ASSERT_FALSE(faults.empty());
      EXPECT_NE(faults[0].find(journal.filename().string()), std::string::npos) << faults[0];
      EXPECT_NE(faults[0].find("from byte "), std::string::npos) << faults[0];
      const Index lost = resume(folder.path());
      EXPECT_LE(lost, each.most_lost);
      if (each.most_lost == 1) {
        EXPECT_EQ(lost, 1);
      }
      if (each.name == std::string("a value")) {
        EXPECT_NE(faults[0].find(retained ? "of 'text'" : "of 'number'"), std::string::npos) << faults[0];
      }
      expect_complete(folder.path());
    }
}

TEST_F(DamagedLog, OfExtentsCostsWhatNobodyElseProves) {
  for (const bool of_writer : {false, true}) {
    SCOPED_TRACE(of_writer);
    const SharedFolder folder(test_communicator());
    {
      TestRun run(two_journals());
      run.create(folder.path());
      for (Index k = 0; k < kElements; ++k) {
        run.compute(0, {k, k + 1});
        if (k % 10 == 9) run.commit();  // an extent each, and journals without frames
      }
      run.drop();
    }
    if (!of_writer) {
      TestRun run(two_journals());
      run.resume(folder.path());
      run.drop();
    }
    const fs::path extents = of_writer ? writer_extents_path(folder.path(), 0) : extents_path(folder.path());
    change(extents, [](auto& bytes, std::size_t) { bytes[48 + 48 * 4 + 30] ^= std::byte{1}; });
    const std::vector<std::string> faults = verify_run_store(folder.path());
    ASSERT_FALSE(faults.empty());
    EXPECT_NE(faults[0].find(extents.filename().string()), std::string::npos) << faults[0];
    TestRun run(two_journals());
    run.resume(folder.path());
    EXPECT_EQ(run.store().stored()[0].count(), kElements - 10);
  }
}

}  // namespace
}  // namespace mpipe::test
