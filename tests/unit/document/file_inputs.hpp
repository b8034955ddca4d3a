// SPDX-License-Identifier: BSD-3-Clause
/// @file
/// Inputs of a document from files that a test writes.
#pragma once

#include "document_text.hpp"

namespace mpipe::test {

class FileInputs : public ::testing::Test {
 protected:
  /// The value of an input written as `text`, whose files are in the folder.
  Value value(const std::string& text) const {
    return Document::parse("functions: [{output: y, expr: x}]\ninputs:\n  x: " + text + "\n",
                           folder_.path() / "doc.yaml")
        .load_inputs({"x"})
        .at("x");
  }
  std::string refusal(const std::string& text, Category category = Category::bad_input_file) const {
    const std::string message = error_message(category, [&] { value(text); });
    EXPECT_TRUE(contains(message, "doc.yaml:3:6: "));
    return message;
  }
  Value csv(const std::string& text, const std::string& columns = "column: a") const {
    folder_.write("t.csv", text);
    return value("{csv: t.csv, " + columns + "}");
  }
  std::string bad_csv(const std::string& text, const std::string& columns = "column: a") const {
    folder_.write("t.csv", text);
    return refusal("{csv: t.csv, " + columns + "}");
  }
  Value json(const std::string& text) const {
    folder_.write("t.json", text);
    return value("{json: t.json}");
  }
  std::string bad_json(const std::string& text) const {
    folder_.write("t.json", text);
    return refusal("{json: t.json}");
  }

  Folder folder_;
};

}  // namespace mpipe::test
