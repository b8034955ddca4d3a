// SPDX-License-Identifier: BSD-3-Clause
// run.json goes through text unchanged, and damage is named, or healed by its copy.
#include "store/api/run_description.hpp"

#include "support/expect_error.hpp"
#include "support/temporary_folder.hpp"

#include <gtest/gtest.h>

namespace mpipe {
namespace {

using test::contains;
using test::error_message;
using test::TemporaryFolder;

OutputLayout output(const std::string& name, Kind kind, const std::string& mapspec, PartialShape shape) {
  OutputLayout layout;
  layout.type = &element_type(kind);
  layout.name = name;
  layout.mapspec = mapspec;
  layout.axes = {"j"};
  layout.external = {true};
  if (shape.size() > 1) {
    layout.axes.emplace_back("x");
    layout.external.push_back(false);
  }
  layout.shape = std::move(shape);
  return layout;
}

RunDescription wing() {
  RunDescription run;
  run.run_id = "0123456789abcdef";
  run.document = "mpipe: 1\nname: w\xc3\xadng\n";
  run.document_file = "/home/wing.yaml";
  run.seed = 0xffffffffffffffffu;
  run.shard = "2/4";
  run.outputs = {output("cd", Kind::float64, "alpha[j] -> cd[j]", {101}),
                 output("field", Kind::float32, "alpha[j] -> field[j, x]", {101, std::nullopt})};
  run.outputs[1].storage = StorageKind::memory;
  run.outputs.emplace_back();
  run.outputs[2].name = "late";
  run.outputs[2].type = &array_type(element_type(Kind::string));
  run.outputs[2].rank_known = false;
  run.functions = {{"cd", {"cd"}, {"alpha"}, {{"expr", "alpha^2"}}, {}},
                   {"field", {"field", "late"}, {"alpha"}, {}, {{"libfield.so", "ab12"}}}};
  run.given = {{"alpha", "float64", {101}, "[0, 1, ..]", "abcd"}};
  run.command_line = "pipeline_app map wing.yaml";
  run.created = "2026-01-31T12:00:00Z";
  run.versions = {{"mpipe", "0.1.0"}};
  return run;
}

TEST(RunDescription, IsReadAsItWasWritten) {
  const TemporaryFolder folder;
  write_description(folder.path(), wing());
  std::string damage;
  const RunDescription read = read_description(folder.path(), &damage);
  EXPECT_EQ(damage, "");
  EXPECT_EQ(to_json(read), to_json(wing()));
  EXPECT_EQ(read.seed, wing().seed);
  EXPECT_EQ(read.shard, "2/4");
  EXPECT_EQ(read.document, wing().document);
  EXPECT_EQ(read.document_file, wing().document_file);
  EXPECT_EQ(read.outputs[1].shape, (PartialShape{101, std::nullopt}));
  EXPECT_EQ(read.outputs[1].external, (std::vector<bool>{true, false}));
  EXPECT_EQ(*read.outputs[2].type, *wing().outputs[2].type);
  EXPECT_FALSE(read.outputs[2].rank_known);
  EXPECT_EQ(read.functions[1].code.at("libfield.so"), "ab12");
}

TEST(RunDescription, BytesThatAreNoTextDoNotStopIt) {
  RunDescription run = wing();
  run.command_line = "map \xff\xfe";
  EXPECT_FALSE(to_json(run).empty());
}

TEST(RunDescription, MissingOrForeignIsRefused) {
  const TemporaryFolder folder;
  const auto message = [&] {
    return error_message(Category::folder_refused, [&] { read_description(folder.path()); });
  };
  EXPECT_TRUE(contains(message(), "run.json"));
  error_message(Category::folder_refused, [&] { read_description(folder / "absent"); });
  test::write_text(folder / "run.json", R"({"format": "another"})");
  message();
}

TEST(RunDescription, OfAnotherVersionIsRefusedWhateverTheCopySays) {
  const TemporaryFolder folder;
  for (const char* version : {"1", "3", "\"four\""}) {
    write_description(folder.path(), wing());
    test::write_text(folder / "run.json",
                     std::string(R"({"format": "mpipe-run", "version": )") + version + "}");
    EXPECT_TRUE(contains(error_message(Category::folder_refused, [&] { read_description(folder.path()); }),
                         std::string("version ") + version));
  }
}

TEST(RunDescription, AnyBitThatFlipsIsHealedByTheOtherCopy) {
  const std::string whole = to_json(wing());
  for (const std::string name : {"run.json", "run-copy.json"}) {
    const TemporaryFolder folder;
    write_description(folder.path(), wing());
    for (std::size_t at = 0; at < whole.size(); ++at) {
      std::string changed = whole;
      changed[at] = static_cast<char>(changed[at] ^ (1 << at % 8));
      ASSERT_THROW(description_from_json(changed, name), Error) << changed;
      if (at % 50 != 0) continue;  // files take longer
      test::write_text(folder / name, changed);
      std::string damage;
      try {
        ASSERT_EQ(to_json(read_description(folder.path(), &damage)), whole) << changed;
        ASSERT_TRUE(contains(damage, "/" + name + "' is"));
      } catch (const Error& error) {  // of another version now
        ASSERT_TRUE(contains(error.what(), name + "' has format version"));
      }
    }
  }
}

TEST(RunDescription, OneOfTheTwoFilesIsEnough) {
  for (const std::string name : {"run.json", "run-copy.json"}) {
    const TemporaryFolder folder;
    write_description(folder.path(), wing());
    std::filesystem::remove(folder / name);
    std::string damage;
    EXPECT_EQ(to_json(read_description(folder.path(), &damage)), to_json(wing()));
    EXPECT_TRUE(contains(damage, name + "' is missing"));
  }
}

TEST(RunDescription, DamageOfBothIsNamed) {
  const TemporaryFolder folder;
  const std::string whole = to_json(wing());
  for (std::size_t length = 0; length < whole.size() - 1; length += 97)
    for (const std::string& text :
         {whole.substr(0, length), whole.substr(0, length) + "!" + whole.substr(length + 1)}) {
      test::write_text(folder / "run.json", text);
      test::write_text(folder / "run-copy.json", text);
      try {
        read_description(folder.path());
        ADD_FAILURE() << text;
      } catch (const Error& error) {
        EXPECT_TRUE(contains(error.what(), "run.json"));
      }
    }
}

/// Somebody has edited the file, and knew how to make its checksum right.
TEST(RunDescription, WrongValuesAreNamedDamaged) {
  const TemporaryFolder folder;
  const auto refused = [&](const std::string& what, const std::string& instead) {
    std::string text = to_json(wing());
    text.replace(text.find(what, text.find("\n  \"outputs\"")), what.size(), instead);
    test::write_text(folder / "run.json", with_checksum("{\n" + text.substr(text.find('\n', 2) + 1)));
    return error_message(Category::storage_failed, [&] { read_description(folder.path()); });
  };
  EXPECT_TRUE(contains(refused("101", "-1"), "run.json' is damaged"));
  EXPECT_TRUE(contains(refused("101", "4611686018427387905"), "2^62"));
  EXPECT_TRUE(contains(refused("\"outputs\": [", "\"outputs\": 5, \"x\": ["), "damaged"));
  EXPECT_TRUE(contains(refused("\"run_id\"", "\"run\""), "damaged"));
  EXPECT_TRUE(contains(refused("\"?\"", "1.5"), "damaged"));
  EXPECT_TRUE(contains(refused("\"type\": \"float64\"", "\"type\": \"flnat64\""), "no type 'flnat64'"));
  EXPECT_TRUE(contains(refused("\"name\": \"cd\"", "\"name\": \"../cd\""), "damaged"));
  EXPECT_TRUE(contains(refused("\"dims\": [", "\"dims\": [\"k\","), "axes of 'cd'"));
}

}  // namespace
}  // namespace mpipe
