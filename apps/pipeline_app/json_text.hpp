// SPDX-License-Identifier: BSD-3-Clause
/// @file
/// Values as JSON text, with `NaN` and `Infinity` as Python's and JavaScript's parsers know them.
#pragma once

#include <mpipe/data/value.hpp>

#include <nlohmann/json_fwd.hpp>

#include <string>
#include <vector>

namespace mpipe::app {

/// A scalar as itself, an array as nested lists in C order; complex numbers are `[re, im]`, what cannot be
/// shown (objects of user types) is null. `mask`: per value, null where it is false; empty: all are there.
std::string json_text(const Value& value, const std::vector<bool>& mask = {});

/// One value of `type` from its bytes.
std::string json_text(const ElementType& type, std::span<const std::byte> bytes);

/// An object of which some members are text already.
class JsonObject {
 public:
  void add(const std::string& key, const nlohmann::json& value);
  void add_text(const std::string& key, const std::string& json);
  std::string text() const { return "{" + members_ + "}"; }

 private:
  std::string members_;
};

/// A string, quoted and escaped.
std::string json_string(const std::string& text);

}  // namespace mpipe::app
