// SPDX-License-Identifier: BSD-3-Clause
// Waits for runs that were launched, and tells the other ranks how they ended.
#include "launch/launch_state.hpp"

#include <mpipe/core/error.hpp>

#include "comm/api/waiter.hpp"
#include "launch/run_reports.hpp"

#include <fmt/format.h>

namespace mpipe {

bool Launch::turn() {
  if (broken_) throw Error(Category::rank_lost, "a rank of these runs was lost before: nothing goes on.");
  if (ended_) return false;
  try {
    const bool any = do_turn();
    // The end is told only when every run is over, and once: afterwards the others have left, and a further
    // message would find nobody.
    ended_ = first_open() == size() && tell_end();
    return any;
  } catch (...) {
    // After an error nobody knows where the other ranks stand. Every later turn says so instead of waiting
    // for them.
    broken_ = true;
    throw;
  }
}

/// A run that is over stays so: looking for the first open one anew each time would cost the square of the runs.
std::size_t Launch::first_open() {
  while (first_open_ < size() && over(first_open_)) ++first_open_;
  return first_open_;
}

/// The limit is on silence and not on the whole wait: each turn that brought news starts the time anew.
void Launch::wait_until(const std::function<bool()>& done) {
  Waiter waiter(wait_options());
  while (!done()) {
    if (turn())
      waiter.reset();
    else
      waiter.idle();
    if (waiter.expired())
      throw Error(Category::rank_lost,
                  fmt::format("no news of any run for {:.1f} s (a rank is lost, or busy for longer than the "
                              "limit). Look at the logs of the ranks; the limit is MPIPE_WAIT_LIMIT.",
                              seconds(waiter.waited())));
  }
}

void Launch::cancel_all() {
  for (std::size_t run = 0; run < size(); ++run) cancel(run);
}

/// Called by destructors, so it must not throw. It cancels before it waits, because nobody is interested in
/// the results any more and the other ranks have to be let go.
void Launch::close() noexcept {
  if (broken_) return;
  try {
    cancel_all();
    wait_until([&] { return ended(); });
  } catch (...) {
    broken_ = true;  // whoever asks next is told
  }
}

namespace {

class FinishedLaunch final : public Launch {
 public:
  explicit FinishedLaunch(std::vector<MapOutcome> outcomes) : outcomes_(std::move(outcomes)) {}
  std::size_t size() const override { return outcomes_.size(); }
  const MapOutcome& outcome(std::size_t run) const override { return outcomes_.at(run); }
  RunStatus status(std::size_t run) const override {
    RunStatus status;
    status.state = outcome(run).state;
    status.exit_code = outcome(run).exit_code;
    if (outcome(run).error) status.message = outcome(run).error->what();
    return status;
  }
  void cancel(std::size_t run) override { outcomes_.at(run); }

 private:
  bool do_turn() override { return false; }
  bool tell_end() override { return true; }
  WaitOptions wait_options() const override { return {}; }
  std::vector<MapOutcome> outcomes_;
};

}  // namespace

std::shared_ptr<Launch> finished_launch(std::vector<MapOutcome> outcomes) {
  return std::make_shared<FinishedLaunch>(std::move(outcomes));
}

Bytes encode_summary(const Launch& launch) {
  ByteWriter out;
  // Without the failures of functions, which go with results, and those are on rank 0.
  for (std::size_t run = 0; run < launch.size(); ++run) put_outcome(out, launch.outcome(run), false);
  return std::move(out.bytes());
}

/// The names of the runs are not sent, as every rank has the list; the outcomes stand in its order.
std::vector<MapOutcome> decode_summary(std::span<const std::byte> bytes, const RunList& runs) {
  ByteReader in(bytes, "the summary of a launch");
  std::vector<MapOutcome> outcomes;
  for (const auto& run : runs) outcomes.push_back(get_outcome(in, run->name, nullptr));
  in.expect_end();
  return outcomes;
}

/// Executors of the program are replaced as a whole: the request holds only their names and whether they use
/// threads.
void take_functions(MapOptions& options, const MapOptions& own) {
  for (const auto& [output, size] : own.chunksizes)
    if (size.is_function()) options.chunksizes[output] = size;
  options.user_executors = own.user_executors;
}

}  // namespace mpipe
