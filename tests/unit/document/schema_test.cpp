// SPDX-License-Identifier: BSD-3-Clause
// The published schema and the manual say what the loader does.
#include "document/expression/expression_tree.hpp"
#include "document/sections/keys.hpp"
#include "document_text.hpp"

#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

#include <algorithm>
#include <set>
#include <sstream>

namespace mpipe::test {
namespace {

using Json = nlohmann::json;
using Names = std::set<std::string>;

std::string read(const char* file) {
  std::ifstream in(file);
  std::ostringstream text;
  text << in.rdbuf();
  EXPECT_TRUE(in.is_open()) << file;
  return text.str();
}

const Json& schema() {
  static const Json json = Json::parse(read(MPIPE_TEST_SCHEMA));
  return json;
}

Names properties(const char* definition) {
  const Json& object = *definition == '\0' ? schema() : schema().at("$defs").at(definition);
  EXPECT_EQ(object.at("additionalProperties"), false) << definition << ": unknown keys are errors";
  Names names;
  for (const auto& [name, unused] : object.at("properties").items()) names.insert(name);
  return names;
}

Names known(const detail::KeySet& keys) { return {keys.known.begin(), keys.known.end()}; }

TEST(Schema, HasTheKeysOfTheLoader) {
  EXPECT_EQ(properties(""), known(detail::kDocumentKeys));
  EXPECT_EQ(properties("function"), known(detail::kFunctionKeys));
  EXPECT_EQ(properties("resources"), known(detail::kResourceKeys));
  EXPECT_EQ(properties("retries"), known(detail::kRetryKeys));
  EXPECT_EQ(properties("computed"), known(detail::kInputKeys));
  EXPECT_EQ(properties("random"), known(detail::kRandomKeys));
  EXPECT_EQ(properties("map"), known(detail::kMapKeys));
}

/// The keys that the schema forbids beside that of a kind of function.
Names forbidden_with(const std::string& kind) {
  for (const Json& alternative : schema().at("$defs").at("function").at("oneOf")) {
    if (alternative.at("required").front() != kind) continue;
    Names names;
    for (const Json& one : alternative.at("not").at("anyOf")) names.insert(one.at("required").front());
    return names;
  }
  ADD_FAILURE() << "the schema has no function with " << kind;
  return {};
}

TEST(Schema, KeepsKeysToTheKindsOfFunctionsOfTheLoader) {
  for (const std::string_view kind : detail::kFunctionKinds) {
    Names expected;
    for (const std::string_view other : detail::kFunctionKinds)
      if (other != kind) expected.emplace(other);
    for (const detail::KeyOfKinds& row : detail::keys_of_kinds())
      if (std::find(row.kinds.begin(), row.kinds.end(), kind) == row.kinds.end()) expected.emplace(row.key);
    EXPECT_EQ(forbidden_with(std::string(kind)), expected) << kind;
  }
}

TEST(Schema, IsOfTheDraftThatItSays) {
  EXPECT_EQ(schema().at("$schema"), "https://json-schema.org/draft/2020-12/schema");
}

/// All "$ref"s below `at`.
void collect_references(const Json& at, Names& references) {
  if (at.is_object() && at.contains("$ref")) references.insert(at.at("$ref").get<std::string>());
  if (at.is_structured())
    for (const auto& item : at) collect_references(item, references);
}

TEST(Schema, RefersToWhatIsThere) {
  Names references;
  collect_references(schema(), references);
  EXPECT_GE(references.size(), 6U);
  for (const std::string& reference : references)
    EXPECT_TRUE(schema().contains(Json::json_pointer(reference.substr(1)))) << reference;
}

// ---- the manual
// --------------------------------------------------------------------------------------------------

/// The texts between ```yaml and ``` that are whole documents.
std::vector<std::string> examples() {
  const std::string manual = read(MPIPE_TEST_MANUAL);
  constexpr std::string_view kBegin = "```yaml\n";
  std::vector<std::string> found;
  for (std::size_t at = manual.find(kBegin); at != std::string::npos; at = manual.find(kBegin, at + 1)) {
    const std::size_t begin = at + kBegin.size();
    found.push_back(manual.substr(begin, manual.find("```", begin) - begin));
  }
  return found;
}

TEST(Manual, ItsExamplesAreDocuments) {
  ASSERT_GE(examples().size(), 3U);
  for (const std::string& example : examples()) {
    const Document document = parse(example);
    EXPECT_NO_THROW(document.inputs_for_map(document.pipeline(), {})) << example;
  }
}

TEST(Manual, ExplainsEveryKeyAndFunction) {
  const std::string manual = read(MPIPE_TEST_MANUAL);
  for (const auto* keys : {&detail::kDocumentKeys, &detail::kFunctionKeys, &detail::kMapKeys})
    for (const std::string_view key : keys->known)
      EXPECT_TRUE(contains(manual, "`" + std::string(key) + "`"));
  for (const std::string_view key : detail::kInputKeys.known)
    EXPECT_TRUE(contains(manual, std::string(key) + ": "));
  for (const auto* keys : {&detail::kDocumentKeys, &detail::kFunctionKeys})
    for (const std::string_view key : keys->later)
      EXPECT_TRUE(contains(manual, "`" + std::string(key) + "`"));
  for (const std::string& name : detail::function_names()) EXPECT_TRUE(contains(manual, "`" + name + "("));
}

}  // namespace
}  // namespace mpipe::test
