// SPDX-License-Identifier: BSD-3-Clause
/// @file
/// Looking at each call of a function, where it was made.
#pragma once

#include <mpipe/data/value.hpp>

#include <functional>
#include <map>
#include <string>
#include <vector>

namespace mpipe {

/// A call that has just returned. Names are the callable's own, before renames and scopes.
struct FinishedCall {
  std::vector<std::string> outputs;
  std::vector<Value> results;  ///< by output
  Inputs arguments;            ///< by parameter, defaults and bound values included
  Index element = 0;           ///< linear index over the function's external axes
  MultiIndex index;            ///< the same as multi-index; empty for a single value

  /// The result of a function with one output, or the first of several. Throws `Error` as `Value::as`.
  template <class T>
  T result() const {
    return results.front().as<T>();
  }
  /// Throws `Error` (unknown_name) for what is no parameter, else as `Value::as`.
  template <class T>
  T argument(const std::string& name) const {
    return argument(name).as<T>();
  }
  const Value& argument(const std::string& name) const;
};

/// Called after each call, in the process and thread that made it, before the result counts: what it throws
/// is the failure of that element. In threads it is called by several at once.
using PostExecutionHook = std::function<void(const FinishedCall&)>;

}  // namespace mpipe
