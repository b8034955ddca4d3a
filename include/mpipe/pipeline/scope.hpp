// SPDX-License-Identifier: BSD-3-Clause
/// @file
/// Inputs that are grouped by scope.
#pragma once

#include <mpipe/data/value.hpp>

#include <map>
#include <string>
#include <variant>

namespace mpipe {

/// Inputs by name, and groups of them by scope: `{{"x", 1.0}, {"foo", Inputs{{"a", 2.0}}}, {"foo.b", 3.0}}`
/// are `x`, `foo.a` and `foo.b`.
using NestedInputs = std::map<std::string, std::variant<Value, Inputs>>;

/// By their full names. Throws `Error` (scope_conflict) for one that is given in both ways.
Inputs flatten(const NestedInputs& nested);

}  // namespace mpipe
