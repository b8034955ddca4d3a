// SPDX-License-Identifier: BSD-3-Clause
// Writes trees of documents in the flow style of YAML.
#include "document/flow_text.hpp"

#include "document/api/json_text.hpp"

namespace mpipe::detail {
namespace {

/// A scalar without quotes that is written without them again. All numbers and booleans of the core schema are:
/// what has any other character is a text, which is the same in quotes.
bool stays_plain(const Yaml& scalar) {
  constexpr std::string_view kSafe = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_.+-";
  const std::string& text = scalar.text();
  return scalar.is_plain() && text.find_first_not_of(kSafe) == std::string::npos &&
         text.find_first_not_of("-.") != std::string::npos;
}

}  // namespace

bool append_flow_text(const Yaml& node, std::size_t most, std::string& out) {
  if (node.is_null()) out += "null";
  if (node.is_scalar()) out += stays_plain(node) ? node.text() : json_string(node.text());
  if (node.is_sequence()) {
    out += '[';
    for (std::size_t k = 0; k < node.size(); ++k) {
      if (k > 0) out += ", ";
      if (!append_flow_text(node.item(k), most, out)) return false;
    }
    out += ']';
  }
  if (node.is_map()) {
    out += '{';
    for (std::size_t k = 0; k < node.size(); ++k) {
      if (k > 0) out += ", ";
      if (!append_flow_text(node.key(k), most, out)) return false;
      out += ": ";
      if (!append_flow_text(node.value(k), most, out)) return false;
    }
    out += '}';
  }
  return out.size() <= most;
}

}  // namespace mpipe::detail
