// SPDX-License-Identifier: BSD-3-Clause
#include "comm/api/consent.hpp"

#include <mpipe/core/error.hpp>

#include "comm/comm_state.hpp"

#include <fmt/format.h>

#include <limits>

namespace mpipe {

namespace {

constexpr std::size_t most_bytes = std::size_t{1} << 20;
/// A rank and the size of what it has to say, as one number of which the least is that of the lowest rank.
constexpr unsigned size_bits = 32;
constexpr std::int64_t nobody = std::numeric_limits<std::int64_t>::max();

}  // namespace

struct Consent::Impl {
  Communicator group;
  std::vector<std::byte> objection = {};
  std::int64_t mine = nobody;
  std::int64_t lowest = nobody;
  bool spreading = false;
  bool over = false;
  MPI_Request request = MPI_REQUEST_NULL;

  const CommState& state() const { return group.state(); }

  bool advance() {
    int done = 0;
    state().check(MPI_Test(&request, &done, MPI_STATUS_IGNORE), "MPI_Test");
    if (!done) return false;
    if (spreading || lowest == nobody) {
      if (lowest == nobody) objection.clear();
      over = true;
      return true;
    }
    spread();
    return false;
  }

  /// The one that objects tells the others what.
  void spread() {
    spreading = true;
    const auto speaker = static_cast<int>(lowest >> size_bits);
    const auto size = static_cast<std::size_t>(lowest & ((std::int64_t{1} << size_bits) - 1));
    if (speaker >= state().size || size > most_bytes)
      throw Bug(fmt::format("an objection of {} bytes by rank {} of {}", size, speaker, state().size));
    if (state().rank != speaker) objection.assign(size, std::byte{0});
    state().check(
        MPI_Ibcast(objection.data(), static_cast<int>(size), MPI_BYTE, speaker, state().raw(), &request),
        "MPI_Ibcast");
  }
};

Consent::Consent(const Communicator& group, std::vector<std::byte> objection) : impl_(new Impl{group}) {
  Impl& impl = *impl_;
  if (objection.size() > most_bytes) throw Bug(fmt::format("an objection of {} bytes", objection.size()));
  impl.objection = std::move(objection);
  if (!impl.objection.empty())
    impl.mine =
        std::int64_t{impl.state().rank} << size_bits | static_cast<std::int64_t>(impl.objection.size());
  if (!impl.state().uses_mpi) {
    impl.over = true;
    return;
  }
  impl.state().check(
      MPI_Iallreduce(&impl.mine, &impl.lowest, 1, MPI_INT64_T, MPI_MIN, impl.state().raw(), &impl.request),
      "MPI_Iallreduce");
}

Consent::~Consent() {
  if (impl_->over || impl_->request == MPI_REQUEST_NULL) return;
  *impl_->state().broken = true;
  static_cast<void>(impl_.release());
}

bool Consent::poll() { return impl_->over || impl_->advance(); }

const std::vector<std::byte>& Consent::objection() const { return impl_->objection; }

}  // namespace mpipe
