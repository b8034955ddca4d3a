// SPDX-License-Identifier: BSD-3-Clause
/// @file
/// Documents as texts, and folders for the files that they name.
#pragma once

#include <mpipe/document/document.hpp>

#include "support/expect_error.hpp"

#include <gtest/gtest.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <string>

namespace mpipe::test {

/// A folder that is deleted at the end.
class Folder {
 public:
  Folder() {
    std::string pattern = (std::filesystem::temp_directory_path() / "mpipe_document_XXXXXX").string();
    if (mkdtemp(pattern.data()) == nullptr) throw std::runtime_error("cannot make a temporary folder");
    path_ = pattern;
  }
  ~Folder() {
    std::error_code ignored;
    std::filesystem::remove_all(path_, ignored);
  }
  Folder(const Folder&) = delete;
  Folder& operator=(const Folder&) = delete;

  const std::filesystem::path& path() const { return path_; }
  std::filesystem::path write(const std::string& name, const std::string& text) const {
    std::ofstream out(path_ / name, std::ios::binary);
    out << text;
    if (!out.flush()) throw std::runtime_error("cannot write " + name);
    return path_ / name;
  }

 private:
  std::filesystem::path path_;
};

/// A document that is called `doc.yaml` in its messages.
inline Document parse(const std::string& text) { return Document::parse(text, "doc.yaml"); }

/// One function over the input x, followed by `rest`.
inline Document with_rest(const std::string& rest) {
  return parse("functions:\n- {output: y, expr: 'x + 1'}\n" + rest);
}

/// The value of an input that is written as `text`.
inline Value input(const std::string& text) {
  return with_rest("inputs:\n  x: " + text + "\n").load_inputs({"x"}).at("x");
}

}  // namespace mpipe::test
