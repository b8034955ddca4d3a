// SPDX-License-Identifier: BSD-3-Clause
// Writes objects of JSON, member by member.
#include "json_text.hpp"

#include <nlohmann/json.hpp>

namespace mpipe::app {

void JsonObject::add(const std::string& key, const nlohmann::json& value) {
  add_text(key, value.dump(-1, ' ', false, nlohmann::json::error_handler_t::replace));
}

void JsonObject::add_text(const std::string& key, const std::string& text) {
  // Piece by piece: the text of many runs is long, and each copy of it would take as much memory again.
  constexpr std::size_t kAround = 16;  // quotes, separators, and the end of the whole
  text_.reserve(text_.size() + key.size() + text.size() + kAround);
  if (text_.size() > 1) text_ += ", ";
  text_ += json_string(key);
  text_ += ": ";
  text_ += text;
}

std::string JsonObject::take() {
  text_ += '}';
  return std::move(text_);
}

}  // namespace mpipe::app
