// SPDX-License-Identifier: BSD-3-Clause
// What is published about options is made from their table: the `map` part of the JSON Schema, and the tables of
// the reference and of the manual. With MPIPE_WRITE_DOCS set, the test writes these files instead of comparing.
#include "options/api/option_table.hpp"

#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

#include <algorithm>
#include <cstdlib>
#include <fstream>
#include <sstream>

namespace mpipe::test {
namespace {

using Json = nlohmann::ordered_json;

std::string read(const char* file) {
  std::ifstream in(file);
  std::ostringstream text;
  text << in.rdbuf();
  EXPECT_TRUE(in.is_open()) << file;
  return text.str();
}

void expect_published(const char* file, const std::string& text) {
  if (std::getenv("MPIPE_WRITE_DOCS") != nullptr) std::ofstream(file) << text;
  EXPECT_TRUE(read(file) == text) << file << " is not what the table of options says. Run this test with "
                                  << "MPIPE_WRITE_DOCS=1 to write it anew.";
}

constexpr std::uint64_t kUnbounded = std::numeric_limits<Index>::max();

/// What a value of this option may be, in JSON Schema.
Json value_schema(const OptionRow& row) {
  switch (row.type) {
    case OptionType::number:
      if (row.most >= kUnbounded) return {{"type", "integer"}, {"minimum", row.least}};
      return {{"type", "integer"}, {"minimum", row.least}, {"maximum", row.most}};
    case OptionType::moment:
    case OptionType::memory:
      return {{"type", Json::array({"string", "number"})}};
    case OptionType::word:
      return {{"enum", row.words}};
    case OptionType::executor:
      return {{"type", "string"}, {"pattern", "^(mpi|sequential|(threads|processes)(:[0-9]+)?)$"}};
    case OptionType::block_size:
      return {{"anyOf", Json::array({{{"type", "integer"}, {"minimum", 1}}, {{"const", "auto"}}})}};
    default:
      return {{"type", "string"}, {"minLength", 1}};
  }
}

Json map_schema() {
  Json properties = Json::object();
  for (const OptionRow& row : option_table()) {
    if (!row.in_documents()) continue;
    Json schema = {{"description", row.help}};
    const Json value = value_schema(row);
    if (row.type == OptionType::list)
      schema["anyOf"] = Json::array({value, {{"type", "array"}, {"items", value}}});
    else if (row.per_output)
      schema["anyOf"] = Json::array({value, {{"type", "object"}, {"additionalProperties", value}}});
    else
      schema.update(value);
    properties[std::string(row.name)] = schema;
  }
  return properties;
}

/// In a cell of a table, where a bar would end it.
std::string cell(std::string_view text) {
  std::string escaped;
  for (const char c : text) escaped += c == '|' ? std::string("\\|") : std::string(1, c);
  return escaped;
}

std::string fallback_text(const OptionRow& row) {
  if (row.fallback.empty()) return "";
  const bool plain = row.fallback.find(' ') == std::string_view::npos;
  return plain ? "`" + std::string(row.fallback) + "`" : std::string(row.fallback);
}

std::string value_text(const OptionRow& row) {
  std::string value(row.value);
  if (value.empty())
    for (const std::string_view word : row.words) value += (value.empty() ? "" : "|") + std::string(word);
  return (row.per_output ? "[OUT=]" : "") + value + (row.type == OptionType::names ? ".." : "");
}

std::string reference_table() {
  std::string text = "| option | variable | key of `map:` | is | unless given |\n|---|---|---|---|---|\n";
  for (const OptionRow& row : option_table()) {
    const std::string value = value_text(row);
    text += "| `" + row.flag() + cell(value.empty() ? "" : " " + value) + "` | ";
    text += row.variable().empty() ? "" : "`" + row.variable() + "` ";
    text += row.in_documents() ? "| `" + std::string(row.name) + "` | " : "| | ";
    text += cell(row.flag_help()) + " | " + fallback_text(row) + " |\n";
  }
  return text;
}

std::string manual_table() {
  std::string text = "| key | is | unless given |\n|---|---|---|\n";
  for (const OptionRow& row : option_table())
    if (row.in_documents())
      text += "| `" + std::string(row.name) + "` | " + cell(row.help) + " | " + fallback_text(row) + " |\n";
  // The manual has its own sections and stands beside the folder of the others.
  for (std::size_t at = text.find("(document.md#"); at != std::string::npos; at = text.find("(document.md#"))
    text.replace(at, std::string_view("(document.md#").size(), "(#");
  return text;
}

/// The page with `table` between its two marks.
std::string with_table(const std::string& page, const std::string& table) {
  const std::string begin = "<!-- made from the table of options -->\n";
  const std::string end = "<!-- end of what is made -->";
  const std::size_t from = page.find(begin);
  const std::size_t to = page.find(end);
  if (from == std::string::npos || to == std::string::npos) return "the marks around the table are not there";
  return page.substr(0, from + begin.size()) + table + page.substr(to);
}

TEST(OptionPages, TheSchemaSaysWhatTheTableSays) {
  Json schema = Json::parse(read(MPIPE_TEST_SCHEMA));
  schema.at("$defs").at("map").at("properties") = map_schema();
  expect_published(MPIPE_TEST_SCHEMA, schema.dump(2) + "\n");
}

TEST(OptionPages, TheReferenceHasTheTable) {
  expect_published(MPIPE_TEST_REFERENCE, with_table(read(MPIPE_TEST_REFERENCE), reference_table()));
}

TEST(OptionPages, TheManualHasTheKeys) {
  expect_published(MPIPE_TEST_MANUAL, with_table(read(MPIPE_TEST_MANUAL), manual_table()));
}

}  // namespace
}  // namespace mpipe::test
