// SPDX-License-Identifier: BSD-3-Clause
// Writes objects of JSON, member by member.
#include "json_text.hpp"

#include <nlohmann/json.hpp>

namespace mpipe::app {

void JsonObject::add(const std::string& key, const nlohmann::json& value) {
  add_text(key, value.dump(-1, ' ', false, nlohmann::json::error_handler_t::replace));
}

void JsonObject::add_text(const std::string& key, const std::string& text) {
  if (!members_.empty()) members_ += ", ";
  members_ += json_string(key) + ": " + text;
}

}  // namespace mpipe::app
