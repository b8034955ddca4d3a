// SPDX-License-Identifier: BSD-3-Clause
/// @file
/// Objects of JSON whose members may be values of a run.
#pragma once

#include "document/api/json_text.hpp"

#include <nlohmann/json_fwd.hpp>

#include <string>

namespace mpipe::app {

/// An object of which some members are text already.
class JsonObject {
 public:
  void add(const std::string& key, const nlohmann::json& value);
  void add_text(const std::string& key, const std::string& json);
  /// The whole; nothing can be added to it any more.
  std::string take();

 private:
  std::string text_ = "{";
};

}  // namespace mpipe::app
