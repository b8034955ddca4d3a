// SPDX-License-Identifier: BSD-3-Clause
// Reads what a call needs: ranks, threads, gpus, memory and time.
#include "document/sections/resources_section.hpp"

#include <mpipe/document/expression.hpp>

#include "document/expression/expression_tree.hpp"
#include "document/sections/keys.hpp"
#include "document/sections/quantity.hpp"

#include <fmt/format.h>

#include <limits>
#include <variant>

namespace mpipe::detail {
namespace {

int read_count(const Yaml& value, int least) {
  const std::string expected = fmt::format("a whole number, {} or more", least);
  const std::int64_t count = read_integer(value, least, expected);
  if (count > std::numeric_limits<int>::max())
    value.refuse(fmt::format("{} is too large: expected {}.", value.text(), expected), Category::too_large);
  return static_cast<int>(count);
}

/// A number holds for all calls, and takes the place of a rule that a plugin gave. A text is a rule, which
/// gives each call its own number of ranks.
void read_ranks(const Yaml& spec, Function& function, Resources& needs) {
  const bool is_number = !spec.is_scalar() || !std::holds_alternative<std::string>(spec.scalar());
  if (is_number) {
    needs.ranks = read_count(spec, 1);
    function.ranks(std::nullopt);
    return;
  }
  const std::vector<std::string> expressions{spec.text()};
  try {
    const std::vector<std::string> names = free_names(expressions);
    if (names.empty())
      spec.refuse("the expression for the ranks uses no parameter of the function. Write the number itself.");
    function.ranks(RankRule{names, make_expression_body(expressions, names)});
    needs.ranks = 1;
    // The positions are asked for the sake of the complaint about a name that is no parameter: here the place
    // of the rule is still known.
    function.rank_rule_positions();
    // All three are an `Error`, so the most special one comes first; the second has its place already.
  } catch (const ExpressionError& error) {
    throw PlacedError(spec.place_in_text(error.offset()), error.category(), error.what());
  } catch (const PlacedError&) {
    throw;
  } catch (const Error& error) {
    throw PlacedError(spec.place(), error.category(), error.what());
  }
}

}  // namespace

void read_resources(const Yaml& spec, Function& function) {
  check_keys(spec, kResourceKeys);
  // What the document does not name stays as a plugin says it.
  Resources needs = function.resources();
  if (const auto ranks = spec.find("ranks")) read_ranks(*ranks, function, needs);
  if (const auto threads = spec.find("threads")) needs.threads = read_count(*threads, 1);
  if (const auto gpus = spec.find("gpus")) needs.gpus = read_count(*gpus, 0);
  if (const auto memory = spec.find("memory")) needs.memory = read_memory(*memory);
  if (const auto time = spec.find("time")) needs.time = read_time(*time);
  function.resources(needs);
}

}  // namespace mpipe::detail
