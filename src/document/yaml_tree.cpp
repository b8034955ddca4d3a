// SPDX-License-Identifier: BSD-3-Clause
// Turns the events of the YAML parser into a tree whose nodes know their places.
#include "document/yaml_tree.hpp"

#include "core/api/suggest.hpp"
#include "document/text.hpp"

#include <fmt/format.h>
#include <yaml-cpp/eventhandler.h>
#include <yaml-cpp/exceptions.h>
#include <yaml-cpp/parser.h>

#include <algorithm>
#include <cmath>
#include <limits>
#include <sstream>
#include <unordered_map>
#include <unordered_set>

namespace mpipe::detail {
namespace {

// What reads a tree calls itself once per level, and so needs a bound on its depth; the number of nodes is
// bounded because one line of aliases can stand for millions.
constexpr std::size_t kDeepest = 64;
constexpr std::uint64_t kMostNodes = 1U << 20U;

bool is_indented_by_tab(const std::string& text, std::size_t offset) {
  const std::size_t begin = offset == 0 ? 0 : text.rfind('\n', std::min(offset, text.size()) - 1) + 1;
  const std::size_t first = text.find_first_not_of(" \t", begin);
  return text.substr(begin, first - begin).find('\t') != std::string::npos;
}

}  // namespace

/// Takes the parser's events and makes the tree of them. Limits are kept on the way, so that nothing grows
/// beyond them.
class TreeBuilder final : public YAML::EventHandler {
 public:
  explicit TreeBuilder(YamlTree& tree) : tree_(tree) {}

  std::uint32_t root() const { return root_; }

  void OnDocumentStart(const YAML::Mark& mark) override {
    if (has_document_) refuse(offset_of(mark), "a second document begins here. A file holds one.");
    has_document_ = true;
  }
  void OnDocumentEnd() override {}

  void OnNull(const YAML::Mark& mark, YAML::anchor_t anchor) override {
    const std::uint32_t id = begin(YamlNode::Kind::null, mark, anchor);
    const std::string_view rest = std::string_view(text()).substr(offset_of(mark));
    const bool is_written = rest.starts_with('~') || rest.starts_with("null") || rest.starts_with("Null") ||
                            rest.starts_with("NULL");
    // What is not there is best looked for at its key.
    if (!is_written && !open_.empty() && expects_value(tree_.nodes_[open_.back()]))
      tree_.nodes_[id].offset = tree_.nodes_[tree_.nodes_[open_.back()].children.back()].offset;
    place(id);
  }
  /// An alias is the node that it refers to and no copy of it, so it must come after the end of that node:
  /// otherwise the tree would contain itself.
  void OnAlias(const YAML::Mark& mark, YAML::anchor_t anchor) override {
    const auto found = anchors_.find(anchor);
    if (found == anchors_.end() || !tree_.nodes_[found->second].complete)
      refuse(offset_of(mark),
             "this alias stands inside of what it refers to (it would have no end). Remove it.");
    place(found->second, offset_of(mark));
  }
  void OnScalar(const YAML::Mark& mark, const std::string& tag, YAML::anchor_t anchor,
                const std::string& text) override {
    check_tag(mark, tag);
    const std::uint32_t id = begin(YamlNode::Kind::scalar, mark, anchor);
    tree_.nodes_[id].text = text;
    tree_.nodes_[id].plain = tag == "?" || tag.empty();
    check_quotes(offset_of(mark));
    place(id);
  }
  void OnSequenceStart(const YAML::Mark& mark, const std::string& tag, YAML::anchor_t anchor,
                       YAML::EmitterStyle::value) override {
    check_tag(mark, tag);
    open(begin(YamlNode::Kind::sequence, mark, anchor));
  }
  void OnSequenceEnd() override { close(); }
  void OnMapStart(const YAML::Mark& mark, const std::string& tag, YAML::anchor_t anchor,
                  YAML::EmitterStyle::value) override {
    check_tag(mark, tag);
    open(begin(YamlNode::Kind::map, mark, anchor));
  }
  void OnMapEnd() override {
    // Keys are compared once the mapping has all of them; after `close` it would no longer be the open one.
    check_keys(tree_.nodes_[open_.back()]);
    close();
  }

 private:
  static std::uint32_t offset_of(const YAML::Mark& mark) {
    return static_cast<std::uint32_t>(std::max(0, mark.pos));
  }

  [[noreturn]] void refuse(std::uint32_t offset, const std::string& problem) const {
    throw PlacedError(tree_.source_.place(offset), Category::bad_document, problem);
  }

  const std::string& text() const { return tree_.source_.text(); }

  static bool expects_value(const YamlNode& node) {
    return node.kind == YamlNode::Kind::map && node.children.size() % 2 == 1;
  }

  /// The parser takes the end of the text for the end of a quote.
  void check_quotes(std::uint32_t offset) const {
    const char quote = offset < text().size() ? text()[offset] : '\0';
    if (quote != '"' && quote != '\'') return;
    for (std::size_t at = offset + 1; at < text().size(); ++at) {
      const bool escapes = quote == '"' ? text()[at] == '\\' : text().compare(at, 2, "''") == 0;
      if (escapes)
        ++at;
      else if (text()[at] == quote)
        return;
    }
    refuse(offset, "this quote is not closed.");
  }

  /// The parser itself gives the tag `?` to plain scalars and `!` to those in quotes.
  void check_tag(const YAML::Mark& mark, const std::string& tag) const {
    if (tag.empty() || tag == "?" || tag == "!" || tag == "tag:yaml.org,2002:str") return;
    refuse(offset_of(mark), fmt::format("the tag '{}' is not supported. Remove it.", printable(tag)));
  }

  std::uint32_t begin(YamlNode::Kind kind, const YAML::Mark& mark, YAML::anchor_t anchor) {
    // Nodes are known by their numbers: the next one that is added may move all of them in memory.
    const auto id = static_cast<std::uint32_t>(tree_.nodes_.size());
    YamlNode node;
    node.kind = kind;
    node.offset = offset_of(mark);
    tree_.nodes_.push_back(std::move(node));
    if (anchor != 0) anchors_[anchor] = id;
    return id;
  }

  void open(std::uint32_t id) {
    open_.push_back(id);
    if (open_.size() > kDeepest)
      refuse(tree_.nodes_[id].offset,
             fmt::format("lists and mappings are nested more than {} levels deep.", kDeepest));
  }

  void close() {
    const std::uint32_t id = open_.back();
    open_.pop_back();
    place(id);
  }

  void place(std::uint32_t id) { place(id, tree_.nodes_[id].offset); }

  /// `id` is complete, and a child of what is open.
  void place(std::uint32_t id, std::uint32_t offset) {
    tree_.nodes_[id].complete = true;
    if (open_.empty()) {
      root_ = id;
      return;
    }
    YamlNode& parent = tree_.nodes_[open_.back()];
    // The nodes below an alias count every time that it is used, so aliases of aliases cannot grow beyond the
    // limit. The sum of two 32-bit numbers is made in 64 bits, as it must not wrap before it is compared.
    const std::uint64_t nodes = std::uint64_t{parent.nodes} + tree_.nodes_[id].nodes;
    if (nodes > kMostNodes)
      refuse(offset,
             fmt::format(
                 "there are more than {} values, those that aliases stand for counted. Put large inputs into "
                 "csv, hdf5 or npy files.",
                 kMostNodes));
    parent.nodes = static_cast<std::uint32_t>(nodes);
    parent.children.push_back(id);
  }

  void check_keys(const YamlNode& map) const {
    std::unordered_set<std::string_view> seen;
    for (std::size_t k = 0; k < map.children.size(); k += 2) {
      const YamlNode& key = tree_.nodes_[map.children[k]];
      if (key.kind != YamlNode::Kind::scalar) refuse(key.offset, "a key must be a text.");
      if (key.plain && key.text == "<<")
        refuse(key.offset,
               "merge keys (<<) are no part of YAML 1.2 and are not followed. Write the keys out, or use an "
               "alias "
               "(*name) for a whole value.");
      if (!seen.insert(key.text).second)
        refuse(key.offset, fmt::format("the key '{}' is there twice (which one is meant?). Remove one.",
                                       printable(key.text)));
    }
  }

  YamlTree& tree_;
  bool has_document_ = false;
  std::uint32_t root_ = 0;
  std::vector<std::uint32_t> open_;
  std::unordered_map<YAML::anchor_t, std::uint32_t> anchors_;
};

Yaml YamlTree::parse(SourceText source) {
  const std::shared_ptr<YamlTree> tree(new YamlTree(std::move(source)));
  TreeBuilder builder(*tree);
  std::istringstream in(tree->source_.text());
  try {
    YAML::Parser parser(in);
    // The parser is asked to go on after the first document so that a second one is refused, not ignored.
    while (parser.HandleNextDocument(builder)) {
    }
  } catch (const YAML::Exception& error) {
    const auto offset = static_cast<std::size_t>(std::max(0, error.mark.pos));
    throw PlacedError(
        tree->source_.place(offset), Category::bad_document,
        is_indented_by_tab(tree->source_.text(), offset)
            ? "a tab stands before what is here, and YAML has spaces only at the beginning of a line. "
              "Replace the tab."
            : "this is not valid YAML: " + error.msg + ".");
  }
  if (tree->nodes_.empty())
    throw PlacedError(tree->source_.place(0), Category::bad_document, "there is nothing in it.");
  return {tree, builder.root()};
}

const YamlNode& Yaml::node() const { return tree_->nodes_[id_]; }

const SourceText& Yaml::source() const { return tree_->source_; }

Place Yaml::place() const { return source().place(node().offset); }

Place Yaml::place_in_text(std::size_t offset) const {
  const std::string_view rest = std::string_view(source().text()).substr(node().offset);
  const std::size_t quote = rest.starts_with('"') || rest.starts_with('\'') ? 1 : 0;
  // With escapes or folded lines the text is not what stands in the file: then only its beginning is known.
  if (rest.substr(quote).starts_with(text())) return source().place(node().offset + quote + offset);
  return place();
}

std::optional<Yaml> Yaml::find(std::string_view key) const {
  for (std::size_t k = 0; k < size(); ++k)
    if (this->key(k).text() == key) return value(k);
  return {};
}

std::string Yaml::described() const {
  switch (node().kind) {
    case YamlNode::Kind::null:
      return "nothing";
    case YamlNode::Kind::sequence:
      return "a list";
    case YamlNode::Kind::map:
      return "a mapping";
    case YamlNode::Kind::scalar:
      break;
  }
  const Scalar value = scalar();
  const bool is_number = std::holds_alternative<std::int64_t>(value) || std::holds_alternative<double>(value);
  if (is_number) return fmt::format("the number {}", printable(text()));
  if (std::holds_alternative<bool>(value)) return printable(text());
  return fmt::format("the text '{}'", printable(text()));
}

void Yaml::refuse(const std::string& problem, Category category) const {
  throw PlacedError(place(), category, problem);
}

void Yaml::refuse_type(std::string_view expected) const {
  refuse(fmt::format("expected {} but found {}.", expected, described()));
}

std::string read_text(const Yaml& value, std::string_view expected) {
  if (!value.is_scalar()) value.refuse_type(expected);
  return value.text();
}

std::string read_word(const Yaml& value, const std::vector<std::string>& words, std::string_view expected) {
  const std::string word = read_text(value, expected);
  if (std::find(words.begin(), words.end(), word) == words.end())
    value.refuse(
        fmt::format("expected {} but found {}.{}", expected, value.described(), did_you_mean(word, words)));
  return word;
}

std::int64_t read_integer(const Yaml& value, std::int64_t least, std::string_view expected) {
  if (!value.is_scalar()) value.refuse_type(expected);
  // A whole number may be written 1e6, which YAML reads as floating point. It is taken up to 2^53: beyond,
  // not every integer is a double, and the one that was meant may have been rounded away.
  constexpr double kMostExact = 9007199254740992;  // 2^53
  const Scalar scalar = value.scalar();
  std::optional<std::int64_t> number;
  if (const auto* integer = std::get_if<std::int64_t>(&scalar)) number = *integer;
  if (const auto* real = std::get_if<double>(&scalar);
      real != nullptr && std::abs(*real) <= kMostExact &&
      *real == static_cast<double>(static_cast<std::int64_t>(*real)))
    number = static_cast<std::int64_t>(*real);
  if (const auto* real = std::get_if<double>(&scalar); real != nullptr && *real > kMostExact)
    value.refuse(fmt::format("{} is too large: expected {}.", value.text(), expected), Category::too_large);
  if (!number || *number < least) value.refuse_type(expected);
  return *number;
}

bool read_boolean(const Yaml& value) {
  if (value.is_scalar()) {
    const Scalar scalar = value.scalar();
    if (const auto* boolean = std::get_if<bool>(&scalar)) return *boolean;
  }
  value.refuse_type("true or false");
}

double read_number(const Yaml& value, std::string_view expected) {
  if (!value.is_scalar()) value.refuse_type(expected);
  const Scalar scalar = value.scalar();
  if (const auto* integer = std::get_if<std::int64_t>(&scalar)) return static_cast<double>(*integer);
  if (const auto* real = std::get_if<double>(&scalar)) return *real;
  value.refuse_type(expected);
}

std::vector<Yaml> read_one_or_list(const Yaml& value, std::string_view expected) {
  std::vector<Yaml> items;
  if (value.is_sequence())
    for (std::size_t k = 0; k < value.size(); ++k) items.push_back(value.item(k));
  else if (value.is_scalar())
    items.push_back(value);
  if (items.empty()) value.refuse_type(expected);
  for (const Yaml& item : items)
    if (!item.is_scalar()) item.refuse_type(expected);
  return items;
}

}  // namespace mpipe::detail
