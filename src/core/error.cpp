// SPDX-License-Identifier: BSD-3-Clause
// The names, numbers and exit codes of the categories of errors.
#include <mpipe/core/error.hpp>

#include <array>

namespace mpipe {
namespace {

/// What scripts and other processes see of a category. The exit code tells a script what to do: 2 says that
/// the request has to be mended, 1 that a function failed or returned another shape, 3 that the run folder
/// was refused, 4 that storage failed, 5 that a rank was lost or mpipe itself is wrong, and 75 (EX_TEMPFAIL
/// of sysexits.h) that the run was cancelled and may be started again.
struct CategoryInfo {
  Category category;
  std::string_view slug;
  int exit_code;
};

constexpr std::array kCategories{
    CategoryInfo{Category::mapspec_syntax, "mapspec_syntax", 2},
    CategoryInfo{Category::mapspec_output_axes, "mapspec_output_axes", 2},
    CategoryInfo{Category::mapspec_unused_index, "mapspec_unused_index", 2},
    CategoryInfo{Category::mapspec_name_mismatch, "mapspec_name_mismatch", 2},
    CategoryInfo{Category::axes_inconsistent, "axes_inconsistent", 2},
    CategoryInfo{Category::duplicate_output, "duplicate_output", 2},
    CategoryInfo{Category::cycle, "cycle", 2},
    CategoryInfo{Category::output_is_parameter, "output_is_parameter", 2},
    CategoryInfo{Category::defaults_inconsistent, "defaults_inconsistent", 2},
    CategoryInfo{Category::default_and_bound, "default_and_bound", 2},
    CategoryInfo{Category::bound_in_mapspec, "bound_in_mapspec", 2},
    CategoryInfo{Category::unknown_name, "unknown_name", 2},
    CategoryInfo{Category::bad_identifier, "bad_identifier", 2},
    CategoryInfo{Category::rename_collision, "rename_collision", 2},
    CategoryInfo{Category::scope_clash, "scope_clash", 2},
    CategoryInfo{Category::scope_conflict, "scope_conflict", 2},
    CategoryInfo{Category::unknown_axis, "unknown_axis", 2},
    CategoryInfo{Category::nest_mapspec, "nest_mapspec", 2},
    CategoryInfo{Category::subpipeline_inputs, "subpipeline_inputs", 2},
    CategoryInfo{Category::type_mismatch, "type_mismatch", 2},
    CategoryInfo{Category::missing_input, "missing_input", 2},
    CategoryInfo{Category::extra_input, "extra_input", 2},
    CategoryInfo{Category::dimension_mismatch, "dimension_mismatch", 2},
    CategoryInfo{Category::rank_mismatch, "rank_mismatch", 2},
    CategoryInfo{Category::not_an_array, "not_an_array", 2},
    CategoryInfo{Category::index_out_of_bounds, "index_out_of_bounds", 2},
    CategoryInfo{Category::fixed_reduced_axis, "fixed_reduced_axis", 2},
    CategoryInfo{Category::internal_shape_type, "internal_shape_type", 2},
    CategoryInfo{Category::unknown_storage, "unknown_storage", 2},
    CategoryInfo{Category::no_storage, "no_storage", 2},
    CategoryInfo{Category::unknown_output, "unknown_output", 2},
    CategoryInfo{Category::no_executor, "no_executor", 2},
    CategoryInfo{Category::executor_not_parallel, "executor_not_parallel", 2},
    CategoryInfo{Category::bad_chunksize, "bad_chunksize", 2},
    CategoryInfo{Category::duplicate_entry, "duplicate_entry", 2},
    CategoryInfo{Category::run_needs_map, "run_needs_map", 2},
    CategoryInfo{Category::output_given, "output_given", 2},
    CategoryInfo{Category::unused_argument, "unused_argument", 2},
    CategoryInfo{Category::bad_option, "bad_option", 2},
    CategoryInfo{Category::not_supported, "not_supported", 2},
    CategoryInfo{Category::bad_document, "bad_document", 2},
    CategoryInfo{Category::bad_input_file, "bad_input_file", 2},
    CategoryInfo{Category::bad_plugin, "bad_plugin", 2},
    CategoryInfo{Category::too_large, "too_large", 2},
    CategoryInfo{Category::function_raised, "function_raised", 1},
    CategoryInfo{Category::internal_shape_mismatch, "internal_shape_mismatch", 1},
    CategoryInfo{Category::internal_shape_rank, "internal_shape_rank", 1},
    CategoryInfo{Category::rank_lost, "rank_lost", 5},
    CategoryInfo{Category::internal_error, "internal_error", 5},
    CategoryInfo{Category::cancelled, "cancelled", 75},
    CategoryInfo{Category::drained, "drained", 75},
    CategoryInfo{Category::folder_refused, "folder_refused", 3},
    CategoryInfo{Category::resume_mismatch, "resume_mismatch", 3},
    CategoryInfo{Category::storage_failed, "storage_failed", 4},
};

// The table has as many entries as there are categories. One that is added to the enumeration without an
// entry stops the compiler here, and not a user whose error could not be named.
static_assert(kCategories.back().category == Category::storage_failed &&
              kCategories.size() == static_cast<std::size_t>(Category::storage_failed) + 1);

const CategoryInfo& info(Category category) {
  for (const CategoryInfo& entry : kCategories)
    if (entry.category == category) return entry;
  throw Bug("error category without an entry in kCategories");
}

}  // namespace

std::string_view to_string(Category category) { return info(category).slug; }

Category category_from_string(std::string_view slug) {
  for (const CategoryInfo& entry : kCategories)
    if (entry.slug == slug) return entry.category;
  throw Bug("no error category named '" + std::string(slug) + "'");
}

/// The number is not trusted: one that is too large is an answer and no bug of the caller.
std::optional<Category> category_from_number(std::uint32_t number) {
  if (number >= kCategories.size()) return std::nullopt;
  return static_cast<Category>(number);
}

int exit_code(Category category) { return info(category).exit_code; }

}  // namespace mpipe
