// SPDX-License-Identifier: BSD-3-Clause
/// @file
/// The tree of a text in YAML, in which every node knows its place.
#pragma once

#include "document/source_text.hpp"

#include <concepts>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <variant>
#include <vector>

namespace mpipe::detail {

struct YamlNode {
  enum class Kind : std::uint8_t { null, scalar, sequence, map };
  Kind kind = Kind::null;
  bool plain = false;                   ///< a scalar without quotes: it may be a number
  bool complete = false;                ///< only while parsing
  std::uint32_t offset = 0;             ///< into the source
  std::uint32_t nodes = 1;              ///< in this subtree, with aliases written out
  std::string text;                     ///< of a scalar
  std::vector<std::uint32_t> children;  ///< of a map: keys and values in turn
};

/// What a scalar is in the core schema of YAML 1.2; a null is nothing.
using Scalar = std::variant<std::monostate, bool, std::int64_t, double, std::string>;

class YamlTree;

/// A place in a tree. Cheap to copy; valid as long as the tree is (which it keeps alive).
class Yaml {
 public:
  Yaml(std::shared_ptr<const YamlTree> tree, std::uint32_t id) : tree_(std::move(tree)), id_(id) {}

  bool is_null() const { return node().kind == YamlNode::Kind::null; }
  bool is_scalar() const { return node().kind == YamlNode::Kind::scalar; }
  bool is_sequence() const { return node().kind == YamlNode::Kind::sequence; }
  bool is_map() const { return node().kind == YamlNode::Kind::map; }
  /// A scalar without quotes, which may be a number.
  bool is_plain() const { return is_scalar() && node().plain; }

  /// Of a scalar, as it is written.
  const std::string& text() const { return node().text; }
  /// Throws when it is an integer beyond 64 bits or a number beyond a double. Precondition: not a sequence or
  /// map.
  Scalar scalar() const;

  /// Items of a sequence, pairs of a map.
  std::size_t size() const { return node().children.size() / (is_map() ? 2 : 1); }
  Yaml item(std::size_t k) const { return {tree_, node().children[k]}; }
  Yaml key(std::size_t k) const { return {tree_, node().children[2 * k]}; }
  Yaml value(std::size_t k) const { return {tree_, node().children[2 * k + 1]}; }
  /// The value of a key of a map.
  std::optional<Yaml> find(std::string_view key) const;

  const SourceText& source() const;
  Place place() const;
  /// The place of byte `offset` of a scalar's text: exact where the text stands in the source as it is, else
  /// `place()`.
  Place place_in_text(std::size_t offset) const;
  /// What it is, for messages: `the number 3`, `the text 'abc'`, `a list`, `nothing`.
  std::string described() const;

  [[noreturn]] void refuse(const std::string& problem, Category category = Category::bad_document) const;
  /// `expected .. but found ..`
  [[noreturn]] void refuse_type(std::string_view expected) const;

 private:
  const YamlNode& node() const;
  std::shared_ptr<const YamlTree> tree_;
  std::uint32_t id_;
};

/// A parsed text: one document, without duplicate keys; keys are scalars. Aliases refer to the node of their
/// anchor and have its place.
class YamlTree : public std::enable_shared_from_this<YamlTree> {
 public:
  /// Throws `PlacedError` (bad_document): syntax, more than 64 levels, more than 2^20 nodes (aliases written
  /// out), duplicate keys, tags other than `!!str`, several documents.
  static Yaml parse(SourceText source);

 private:
  friend class Yaml;
  friend class TreeBuilder;
  explicit YamlTree(SourceText source) : source_(std::move(source)) {}
  SourceText source_;
  std::vector<YamlNode> nodes_;
};

/// Runs `action`; an `Error` from it gets the place of `where`, unless it has one.
template <std::invocable Action>
auto at_place(const Yaml& where, Action&& action) {
  try {
    return action();
  } catch (const PlacedError&) {
    throw;
  } catch (const Error& error) {
    throw PlacedError(where.place(), error.category(), error.what());
  }
}

// Readers of one kind of value each; they throw `PlacedError` (bad_document) that says what is expected.

/// A text; numbers and the like are taken as they are written.
std::string read_text(const Yaml& value, std::string_view expected);
/// One of `words`; `expected` names them and what else the value may be.
std::string read_word(const Yaml& value, const std::vector<std::string>& words, std::string_view expected);
/// A whole number of at least `least`; also written as `1e6`.
std::int64_t read_integer(const Yaml& value, std::int64_t least, std::string_view expected);
bool read_boolean(const Yaml& value);
/// Any number.
double read_number(const Yaml& value, std::string_view expected);
/// A text or a list of them; not empty.
std::vector<Yaml> read_one_or_list(const Yaml& value, std::string_view expected);

}  // namespace mpipe::detail
