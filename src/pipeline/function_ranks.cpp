// SPDX-License-Identifier: BSD-3-Clause
// Functions of which several ranks make a call together.
#include <mpipe/core/error.hpp>
#include <mpipe/pipeline/function.hpp>

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>

namespace mpipe {
namespace {

[[noreturn]] void refuse(const std::string& text) { throw Error(Category::bad_option, text); }

/// Whether the rule can take an argument in the form in which the function gets it, since nobody converts it
/// in between.
bool fits(const ValueType& wanted, const ValueType& given) {
  const bool element =
      wanted.element == nullptr || (given.element != nullptr && *wanted.element == *given.element);
  return element && (wanted.any_rank || (wanted.rank == given.rank && !given.any_rank));
}

}  // namespace

Function& Function::ranks(std::optional<RankRule> rule) {
  rank_rule_ = std::move(rule);
  return *this;
}

std::vector<std::size_t> Function::rank_rule_positions() const {
  std::vector<std::size_t> positions;
  if (!rank_rule_) return positions;
  for (const std::string& name : rank_rule_->parameters) {
    const auto found = std::find(parameters_.begin(), parameters_.end(), name);
    if (found == parameters_.end())
      throw Error(Category::unknown_name,
                  fmt::format("the rule for the ranks of function '{}' takes '{}', which is not one of its "
                              "parameters ({}). Use the callable's own names.",
                              this->name(), name, fmt::join(parameters_, ", ")));
    positions.push_back(static_cast<std::size_t>(found - parameters_.begin()));
  }
  return positions;
}

void Function::check_ranks() const {
  if (wants_teams() && !body_->takes_communicator())
    refuse(
        fmt::format("function '{}' asks for several ranks for one call, but takes no mpipe::Comm (each of "
                    "them would compute the same). Give it a parameter of that type, or leave out ranks.",
                    name()));
  // What follows concerns functions with a communicator only; the others are computed by one rank each time.
  if (!body_->takes_communicator()) return;
  if (cache_entries_ > 0)
    refuse(
        fmt::format("function '{}' takes a communicator, so its results cannot be cached: the ranks of a "
                    "call would not agree on what to compute. Remove the cache.",
                    name()));
  if (isolation_ == Isolation::process)
    refuse(
        fmt::format("function '{}' takes a communicator, so it cannot be isolated: a child process has no "
                    "MPI. Remove one of the two.",
                    name()));
  // A rule counts as asking for several ranks, so a function that has one but takes no communicator was
  // refused above.
  if (rank_rule_) check_rank_rule();
}

void Function::check_rank_rule() const {
  if (resources_.ranks > 1)
    refuse(fmt::format("function '{}' has both {} ranks and a rule for their number. Give one of them.",
                       name(), resources_.ranks));
  const std::vector<std::size_t> positions = rank_rule_positions();
  const auto& wanted = rank_rule_->body->parameters();
  if (wanted.size() != positions.size())
    throw Error(
        Category::unknown_name,
        fmt::format("the rule for the ranks of function '{}' takes {} arguments, but {} names were "
                    "given ({}). Name each of them once.",
                    name(), wanted.size(), positions.size(), fmt::join(rank_rule_->parameters, ", ")));
  for (std::size_t k = 0; k < positions.size(); ++k) {
    const ValueType& given = body_->parameters()[positions[k]];
    if (!fits(wanted[k], given))
      throw Error(Category::type_mismatch,
                  fmt::format("the rule for the ranks of function '{}' takes '{}' as {}, but the function "
                              "takes it as {}. Use the same type.",
                              name(), rank_rule_->parameters[k], wanted[k].to_string(), given.to_string()));
  }
}

}  // namespace mpipe
