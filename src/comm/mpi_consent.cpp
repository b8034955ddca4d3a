// SPDX-License-Identifier: BSD-3-Clause
// A question to all ranks over MPI: the least objecting rank is found first, then it tells what it objects.
#include <mpipe/core/error.hpp>

#include "comm/mpi_state.hpp"

#include <fmt/format.h>

#include <limits>

namespace mpipe {
namespace {

constexpr std::size_t kMostBytes = std::size_t{1} << 20;
/// A rank and the size of what it has to say, as one number of which the least is that of the lowest rank.
constexpr unsigned kSizeBits = 32;
constexpr std::int64_t kNobody = std::numeric_limits<std::int64_t>::max();

/// What MPI may still write to, which outlives a question that nobody waits for.
struct Question {
  std::shared_ptr<const MpiState> group;
  Bytes objection;
  std::int64_t mine = kNobody;
  std::int64_t lowest = kNobody;
  bool spreading = false;
  bool over = false;
  MPI_Request request = MPI_REQUEST_NULL;

  const MpiState& state() const { return *group; }

  bool poll() {
    if (over) return true;
    int done = 0;
    state().check(MPI_Test(&request, &done, MPI_STATUS_IGNORE), "MPI_Test");
    if (!done) return false;
    // All ranks see the same lowest number, so either all of them enter the broadcast or all of them leave.
    if (spreading || lowest == kNobody) {
      if (lowest == kNobody) objection.clear();
      over = true;
      return true;
    }
    spread();
    return false;
  }

  /// The one that objects tells the others what.
  void spread() {
    spreading = true;
    const auto speaker = static_cast<int>(lowest >> kSizeBits);
    const auto size = static_cast<std::size_t>(lowest & ((std::int64_t{1} << kSizeBits) - 1));
    if (speaker >= state().facts().size || size > kMostBytes)
      throw Bug(
          fmt::format("an objection of {} bytes by rank {} of {}", size, speaker, state().facts().size));
    if (state().facts().rank != speaker) objection.assign(size, std::byte{0});
    state().check(
        MPI_Ibcast(objection.data(), static_cast<int>(size), MPI_BYTE, speaker, state().raw(), &request),
        "MPI_Ibcast");
  }
};

class MpiConsent final : public ConsentState {
 public:
  MpiConsent(std::shared_ptr<const MpiState> group, Bytes objection)
      : question_(new Question{std::move(group), std::move(objection)}) {
    Question& question = *question_;
    if (question.objection.size() > kMostBytes)
      throw Bug(fmt::format("an objection of {} bytes", question.objection.size()));
    if (!question.objection.empty())
      question.mine = std::int64_t{question.state().facts().rank} << kSizeBits |
                      static_cast<std::int64_t>(question.objection.size());
    question.state().check(MPI_Iallreduce(&question.mine, &question.lowest, 1, MPI_INT64_T, MPI_MIN,
                                          question.state().raw(), &question.request),
                           "MPI_Iallreduce");
  }
  // MPI cannot cancel a collective call, and may write to the question until it is over. So the question is
  // leaked on purpose, and the group is not used any more.
  ~MpiConsent() override {
    if (question_->over || question_->request == MPI_REQUEST_NULL) return;
    question_->state().set_broken();
    static_cast<void>(question_.release());
  }

  bool poll() override { return question_->poll(); }
  const Bytes& objection() const override { return question_->objection; }

 private:
  std::unique_ptr<Question> question_;
};

}  // namespace

std::unique_ptr<ConsentState> MpiState::ask(Bytes objection) const {
  return std::make_unique<MpiConsent>(shared_from_this(), std::move(objection));
}

}  // namespace mpipe
