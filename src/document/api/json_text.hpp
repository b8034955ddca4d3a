// SPDX-License-Identifier: BSD-3-Clause
/// @file
/// Values as JSON text, with `NaN` and `Infinity` as Python's and JavaScript's parsers know them.
#pragma once

#include <mpipe/data/value.hpp>

#include <string>
#include <vector>

namespace mpipe {

/// A scalar as itself, an array as nested lists in C order; complex numbers are `[re, im]`, what cannot be
/// shown (objects of user types) is null. `mask`: per value, null where it is false; empty: all are there.
std::string json_text(const Value& value, const std::vector<bool>& mask = {});

/// One value of `type` from its bytes.
std::string json_text(const ElementType& type, std::span<const std::byte> bytes);

/// A string, quoted and escaped.
std::string json_string(const std::string& text);

}  // namespace mpipe
