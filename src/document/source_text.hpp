// SPDX-License-Identifier: BSD-3-Clause
/// @file
/// Texts that are read, and errors that tell where in them something is wrong.
#pragma once

#include <mpipe/document/document.hpp>

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace mpipe::detail {

/// An error that tells its place already.
class PlacedError : public Error {
 public:
  /// `wing.yaml:3:7: problem`. Whatever was wrong, nothing ran: a category with another exit code than 2
  /// becomes bad_document.
  PlacedError(const Place& place, Category category, const std::string& problem);
};

/// A text in YAML and where it comes from. Checked: UTF-8, no zero bytes, and neither so deep nor so full of
/// structure that the parser would need more than some hundred megabytes.
class SourceText {
 public:
  /// `name` is used in messages; paths in the text are relative to `folder`. Throws `Error` (bad_document).
  SourceText(std::string name, std::string text, std::filesystem::path folder);

  /// Reads a file of at most 16 MB. Throws `Error` (bad_document): not there, not a file, too large, cannot
  /// be read, and as the constructor.
  static SourceText read(const std::filesystem::path& file);

  const std::string& name() const { return name_; }
  const std::string& text() const { return text_; }
  const std::filesystem::path& folder() const { return folder_; }
  /// It begins as JSON does.
  bool is_json() const;
  Place place(std::size_t offset) const;

 private:
  void check_encoding() const;
  void join_surrogates();
  std::uint32_t surrogate_pair(std::size_t at) const;
  void check_structure() const;
  [[noreturn]] void refuse(std::size_t offset, const std::string& problem) const;

  std::string name_;
  std::string text_;
  std::filesystem::path folder_;
  std::vector<std::size_t> lines_;  ///< offsets of their first bytes
};

}  // namespace mpipe::detail
