// SPDX-License-Identifier: BSD-3-Clause
// Begins a run anew, as a resume, with the ranks that are left.
#include "run/surviving/surviving_run.hpp"

#include <mpipe/core/error.hpp>

#include <fmt/format.h>

#include <algorithm>
#include <exception>

namespace mpipe {
namespace {

[[noreturn]] void refuse(const std::string& what) {
  throw Error(Category::not_supported,
              fmt::format("{} cannot be in a run that goes on when a rank dies. Leave --survive out.", what));
}

/// How an attempt ended on this rank.
struct Ending {
  std::optional<Results> results;
  std::exception_ptr error;
};

/// What is no `Error` is of this rank alone, which the others cannot wait for: it is thrown on at once.
Ending make_attempt(const Attempt& attempt, const Communicator& meeting, const Request& request,
                    LossRecord* losses) {
  Ending ending;
  try {
    ending.results = attempt(meeting, request, losses);
  } catch (const Error&) {
    ending.error = std::current_exception();
  }
  return ending;
}

/// Rank 0 computes where it is asked to, or where nobody else is left: nobody goes on without it, and what kills a
/// worker could kill it.
void spare_root(MapOptions& options, int ranks) {
  if (ranks > 1 && options.rank0 == Rank0::automatic) options.rank0 = Rank0::schedule;
}

/// What the next attempt does otherwise than the first: all is in the folder by now.
Request continued(Request request) {
  MapOptions& options = request.options;
  options.resume = true;
  options.overwrite = false;
  options.retry_failed = false;  // this start has tried them
  options.redo.clear();
  options.explain = false;
  return request;
}

}  // namespace

void check_survival(const RunSetup& setup) {
  if (setup.options.run_folder.empty())
    throw Error(
        Category::bad_option,
        "a run that goes on when a rank dies needs a run folder (there is what the lost rank has done). Give "
        "one (--run-folder).");
  for (std::uint32_t k = 0; k < setup.plan.outputs().size(); ++k)
    if (setup.settings.storage[k] == StorageKind::memory)
      refuse(fmt::format("the storage memory, in which the values of '{}' are lost with a rank,",
                         setup.plan.output({k}).name));
  for (const Stage& stage : setup.plan.stages())
    for (const FunctionId id : stage.functions) {
      const Function& function = setup.pipeline.function(id).function;
      if (function.wants_teams() || function.body().takes_communicator())
        refuse(fmt::format("the function '{}', which takes a communicator,", setup.function_name(id)));
    }
  if (!setup.options.user_executors.empty()) refuse("an executor of your own");
}

/// Rank 0 says after each attempt whether there is another one. No rank can tell by itself: one may be through with the
/// last step when rank 0 learns that another one was lost in it.
Results run_with_survivors(const Communicator& lasting, Request request, LossRecord& losses,
                           const Attempt& attempt) {
  for (;;) {
    const Communicator meeting = meet(lasting);
    Request ours = request;
    spare_root(ours.options, meeting.size());
    const std::size_t lost_before = losses.count();
    Ending ending = make_attempt(attempt, meeting, ours, lasting.is_root() ? &losses : nullptr);
    bool again = false;
    if (lasting.is_root()) {
      losses.on_lost(lost_ranks(lasting), "while nobody computed");
      // A rank that is lost when all is over costs nothing.
      again = is_given_up(meeting) || (ending.error && losses.count() > lost_before);
      if (again) give_up(meeting);
    }
    again = lasting.broadcast_value(static_cast<std::uint8_t>(again)) != 0;
    if (!again) {
      if (ending.error) std::rethrow_exception(ending.error);
      return std::move(*ending.results);
    }
    request = continued(std::move(request));
  }
}

}  // namespace mpipe
