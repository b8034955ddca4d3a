// SPDX-License-Identifier: BSD-3-Clause
#pragma once

#include <mpipe/run/map.hpp>

#include "golden/case_pipeline.hpp"

#include <stdexcept>

namespace golden {

/// The first thing in which a case differs from what it should be.
class Difference : public std::runtime_error {
 public:
  using std::runtime_error::runtime_error;
};

/// All of these throw `Difference`.
void compare_structure(const mpipe::Pipeline& pipeline, const Json& expected);
void compare_results(const mpipe::Results& results, const Json& expected);
/// Of `run`.
void compare_values(const mpipe::Inputs& values, const Json& expected);
/// `counts`: executions by name of the function, since the call began.
void compare_counts(const std::map<std::string, mpipe::Index>& counts, const Json& expected);
/// `error` is an Error of the case.
void compare_error(const mpipe::Error& error, const std::map<std::string, mpipe::Index>& counts,
                   const Json& expected);

}  // namespace golden
