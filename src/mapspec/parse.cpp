// SPDX-License-Identifier: BSD-3-Clause
// Parses mapspecs by recursive descent; every token remembers its column for messages.
#include "mapspec/text.hpp"

#include <utility>

namespace mpipe::detail {
namespace {

/// Recursive descent over
///
///     mapspec := ("..." | arrays) "->" arrays
///     arrays  := array ("," array)*
///     array   := name "[" axis ("," axis)* "]"
///     axis    := identifier | ":"
///
/// with white space between all tokens. Whatever else stands in the text is refused: a part that was silently
/// dropped would change what is computed.
class Parser {
 public:
  explicit Parser(std::string_view text) : text_(text) { result_.source.text = std::string(text); }

  ParsedMapSpec parse() {
    skip_space();
    if (at_end()) fail("the mapspec is empty. Write for example 'x[i] -> y[i]'.");
    if (next_is("->"))
      fail("nothing stands before '->'. Name the inputs to map over, or write '...' when there are none.");
    if (next_is("..."))
      // The dots stand for inputs over which nobody maps, so they take the place of all arrays and are not
      // one of several.
      parse_dots();
    else
      parse_arrays(result_.inputs, result_.source.inputs);
    parse_arrow();
    if (at_end()) fail("nothing stands behind '->'. Name the outputs with their axes, as in '-> y[i]'.");
    if (next_is("...")) fail("'...' cannot be an output. Name the outputs with their axes, as in '-> y[i]'.");
    parse_arrays(result_.outputs, result_.source.outputs);
    if (next_is("->"))
      fail("a second '->' (there is one left and one right side). Write one mapspec per function.");
    if (!at_end()) fail_behind_array();
    return std::move(result_);
  }

 private:
  void parse_dots() {
    at_ += 3;
    skip_space();
    if (!at_end() && !next_is("->"))
      fail("only '->' may follow '...' (it says that nothing is mapped over). Remove one of the two.");
  }

  void parse_arrow() {
    if (at_end()) fail("'->' is missing. Write the outputs behind the inputs, as in 'x[i] -> y[i]'.");
    if (!next_is("->")) fail_behind_array();
    at_ += 2;
    skip_space();
  }

  void parse_arrays(std::vector<ArraySpec>& arrays, std::vector<ArrayPlace>& places) {
    while (true) {
      parse_array(arrays.emplace_back(), places.emplace_back());
      skip_space();
      if (!next_is(",")) return;
      ++at_;
      skip_space();
    }
  }

  void parse_array(ArraySpec& array, ArrayPlace& place) {
    place.name = at_;
    const std::string_view name = word();
    if (name.empty()) fail("the name of an array is expected here, but " + found() + ".");
    if (!is_identifier(name))
      fail_at(place.name, quoted(name) +
                              " is not a name. Names are 'name' or 'scope.name', each of letters, digits "
                              "and '_' and not beginning with a digit.");
    array.name = std::string(name);
    skip_space();
    if (!next_is("["))
      fail_at(place.name,
              "the array " + quoted(name) +
                  " has no axes in square brackets (only arrays that are mapped over are listed; all other "
                  "parameters are handed over whole). Write for example " +
                  quoted(array.name + "[i]") + ", or leave it out.");
    parse_axes(array, place);
  }

  void parse_axes(ArraySpec& array, ArrayPlace& place) {
    const std::size_t bracket = at_;
    do {
      ++at_;  // the bracket or a comma
      skip_space();
      place.axes.push_back(at_);
      array.axes.push_back(parse_axis(array.name));
      skip_space();
    } while (next_is(","));
    if (at_end()) fail_at(bracket, "the bracket '[' of " + quoted(array.name) + " is not closed. Add ']'.");
    if (!next_is("]")) fail("',' or ']' is expected here, but " + found() + ".");
    ++at_;
  }

  std::optional<std::string> parse_axis(const std::string& array) {
    if (next_is(":")) {
      ++at_;
      return std::nullopt;
    }
    const std::size_t begin = at_;
    const std::string_view name = word();
    if (name.empty())
      fail("an axis of " + quoted(array) + " is expected here, but " + found() +
           ". Write a name, or ':' for the whole axis.");
    if (!is_simple_identifier(name))
      fail_at(begin, quoted(name) +
                         " is not the name of an axis. Names are made of letters, digits and '_' and do not "
                         "begin with a digit; ':' stands for the whole axis.");
    return std::string(name);
  }

  /// For use where the text goes on: it looks at the next character.
  [[noreturn]] void fail_behind_array() const {
    if (is_name_character(text_[at_])) fail("',' is missing between two arrays. Write 'x[i], y[i]'.");
    fail("',' or '->' is expected here, but " + found() + ".");
  }

  std::string found() const {
    if (at_end()) return "the text ends";
    if (static_cast<unsigned char>(text_[at_]) >= 0x80U) return "there is a character outside ASCII";
    return "there is " + quoted(text_.substr(at_, 1));
  }

  [[noreturn]] void fail(const std::string& problem) const { fail_at(at_, problem); }
  [[noreturn]] void fail_at(std::size_t offset, const std::string& problem) const {
    refuse(Category::mapspec_syntax, text_, offset, problem);
  }

  bool at_end() const { return at_ == text_.size(); }
  bool next_is(std::string_view token) const { return text_.substr(at_, token.size()) == token; }

  void skip_space() {
    while (!at_end() && std::string_view(" \t\r\n").find(text_[at_]) != std::string_view::npos) ++at_;
  }

  std::string_view word() {
    const std::size_t begin = at_;
    while (!at_end() && is_name_character(text_[at_])) ++at_;
    return text_.substr(begin, at_ - begin);
  }

  std::string_view text_;
  std::size_t at_ = 0;
  ParsedMapSpec result_;
};

}  // namespace

ParsedMapSpec parse_grammar(std::string_view text) { return Parser(text).parse(); }

}  // namespace mpipe::detail
