// SPDX-License-Identifier: BSD-3-Clause
/// @file
/// Texts with places for arguments: `--alpha={alpha:.3f}`. They become words of a command, its standard input and
/// its environment; no shell ever reads them.
#pragma once

#include <mpipe/data/value.hpp>

#include <functional>
#include <string>
#include <string_view>
#include <vector>

namespace mpipe::detail {

/// One place of a template.
struct Placeholder {
  std::string name;      ///< of the parameter
  std::string format;    ///< what stands behind the colon: a format of the fmt library, or of a file the kind
  bool as_file = false;  ///< `{file:name}`: the value is written to a file, whose path stands here
};

/// A parsed template. Immutable.
class TextTemplate {
 public:
  /// `{name}`, `{name:.3f}`, `{file:name}`, `{file:name:json}`; `{{` and `}}` are braces. Throws `Error`
  /// (bad_document), whose text says what is wrong and where.
  explicit TextTemplate(std::string_view text);

  /// The text with the placeholders replaced by what `text_of` says.
  std::string expand(const std::function<std::string(const Placeholder&)>& text_of) const;

  const std::vector<Placeholder>& placeholders() const { return placeholders_; }
  /// As it was written.
  const std::string& text() const { return text_; }
  bool is_literal() const { return placeholders_.empty(); }

 private:
  std::string text_;
  std::vector<std::string>
      literals_;  ///< one more than there are placeholders: what stands before, between, behind
  std::vector<Placeholder> placeholders_;
};

/// A scalar as a word: numbers so that they read back as the same ones, or as `format` says; texts as they are.
/// Throws `Error` (type_mismatch) where the value is no real number, boolean or text, or the format does not fit.
std::string word_of(const Value& value, const std::string& format);

/// A value of this type can be a word under this format. Throws `Error` (type_mismatch) that says why not.
void check_word(const ElementType& type, const std::string& format);

}  // namespace mpipe::detail
