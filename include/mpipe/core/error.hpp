// SPDX-License-Identifier: BSD-3-Clause
/// @file
/// The two roots of everything that is thrown: `Error` (the user's input, data or machine) and `Bug` (ours).
#pragma once

#include <cstdint>
#include <optional>
#include <stdexcept>
#include <string>
#include <string_view>

namespace mpipe {

/// What kind of problem an `Error` reports. Stable: users branch on it, and it decides the exit code.
enum class Category {
  // mapspecs and the pipeline
  mapspec_syntax,
  mapspec_output_axes,
  mapspec_unused_index,
  mapspec_name_mismatch,
  axes_inconsistent,
  duplicate_output,
  cycle,
  output_is_parameter,
  defaults_inconsistent,
  default_and_bound,
  bound_in_mapspec,
  unknown_name,
  bad_identifier,
  rename_collision,
  scope_clash,
  scope_conflict,
  unknown_axis,
  nest_mapspec,
  subpipeline_inputs,
  type_mismatch,
  // inputs and options of a run
  missing_input,
  extra_input,
  dimension_mismatch,
  rank_mismatch,
  not_an_array,
  index_out_of_bounds,
  fixed_reduced_axis,
  internal_shape_type,
  unknown_storage,
  no_storage,
  unknown_output,
  no_executor,
  executor_not_parallel,
  bad_chunksize,
  duplicate_entry,
  run_needs_map,
  output_given,
  unused_argument,
  bad_option,
  not_supported,
  bad_document,
  bad_input_file,
  bad_plugin,
  too_large,
  // while running
  function_raised,
  internal_shape_mismatch,
  internal_shape_rank,
  rank_lost,
  internal_error,
  cancelled,
  // the run folder and the disk
  folder_refused,
  resume_mismatch,
  storage_failed,
};

/// The slug of a category, as in `"mapspec_syntax"`.
std::string_view to_string(Category category);

/// The category with that slug; throws `Bug` when there is none.
Category category_from_string(std::string_view slug);

/// The category with that number, as processes of one program tell each other; empty when there is none.
std::optional<Category> category_from_number(std::uint32_t number);

/// The exit code of a program that ends because of this category (0..5; see docs/reference.md).
int exit_code(Category category);

/// A problem with input, data or the machine: something that the user can mend. The text reads
/// `problem (why it matters). suggestion`.
class Error : public std::runtime_error {
 public:
  Error(Category category, const std::string& message) : std::runtime_error(message), category_(category) {}
  Category category() const { return category_; }

 private:
  Category category_;
};

/// A broken promise of this library itself.
class Bug : public std::logic_error {
 public:
  using std::logic_error::logic_error;
};

}  // namespace mpipe
