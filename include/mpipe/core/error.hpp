// SPDX-License-Identifier: BSD-3-Clause
/// @file
/// The two roots of everything that is thrown: `Error` (the user's input, data or machine) and `Bug` (ours).
#pragma once

#include <mpipe/core/version.hpp>

#include <cstdint>
#include <optional>
#include <stdexcept>
#include <string>
#include <string_view>
#include <utility>

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

/// The exit code of a program that ends because of this category (1..5 or 75; see docs/reference.md).
int exit_code(Category category);

/// What an error is about, so that who shows it can point there: at the line of the document, say.
struct Subject {
  enum class Kind : std::uint8_t { unknown, output, parameter, function, axis, option, run, file };
  Kind kind = Kind::unknown;
  std::string name;

  bool known() const { return kind != Kind::unknown; }
  friend bool operator==(const Subject&, const Subject&) = default;
};

/// A process of the job, as messages name it.
struct ProcessPlace {
  int rank = 0;  ///< of the job (see `Communicator::job_rank`)
  std::string host;
};

/// A problem with input, data or the machine: something that the user can mend. The text reads
/// `problem (why it matters). suggestion`.
class Error : public std::runtime_error {
 public:
  Error(Category category, const std::string& message, Subject subject = {})
      : std::runtime_error(message), category_(category), subject_(std::move(subject)) {}

  Category category() const { return category_; }
  const Subject& subject() const { return subject_; }
  /// Where it happened; empty where that is this process, or is not known.
  const std::optional<ProcessPlace>& place() const { return place_; }
  /// The same error, which happened there. The text stays as it is.
  Error at(ProcessPlace place) const {
    Error error = *this;
    error.place_ = std::move(place);
    return error;
  }

 private:
  Category category_;
  Subject subject_;
  std::optional<ProcessPlace> place_;
};

/// A broken promise of this library itself.
class Bug : public std::logic_error {
 public:
  using std::logic_error::logic_error;
};

}  // namespace mpipe
