// SPDX-License-Identifier: BSD-3-Clause
// The calls of a group of ranks that are the same whatever the ranks talk through.
#include <mpipe/comm/communicator.hpp>
#include <mpipe/comm/environment.hpp>
#include <mpipe/core/error.hpp>

#include "comm/api/consent.hpp"
#include "comm/comm_state.hpp"

#include <fmt/format.h>

#include <unistd.h>

#include <cstdlib>

namespace mpipe {

namespace {

void check_root(const Communicator& comm, int root) {
  if (root < 0 || root >= comm.size()) throw Bug(fmt::format("root {} of {} ranks", root, comm.size()));
}

void check_end(const Communicator& comm, bool root) {
  if (comm.is_root() != root)
    throw Bug(fmt::format("rank {} made the other end of the transport", comm.rank()));
}

}  // namespace

std::string host_name() {
  char name[256] = "";
  if (gethostname(name, sizeof name - 1) != 0) return "unknown-host";
  return name;
}

CommState::Facts CommState::facts_of_part(std::span<const int> ranks, int rank) const {
  Facts facts = facts_;
  facts.rank = rank;
  facts.size = static_cast<int>(ranks.size());
  facts.job_ranks.assign(ranks.begin(), ranks.end());
  for (int& each : facts.job_ranks) each = job_rank(each);
  return facts;
}

std::shared_ptr<const CommState> CommState::surviving() const {
  throw Error(Category::not_supported, "only ranks of MPI can be a group that outlives some of them.");
}

Communicator::Communicator() : state_(make_serial_state(nullptr)) {}

Communicator::Communicator(std::shared_ptr<const CommState> state) : state_(std::move(state)) {}

int Communicator::rank() const { return state_->facts().rank; }

int Communicator::size() const { return state_->facts().size; }

int Communicator::job_rank(int rank) const { return state_->job_rank(rank); }

bool Communicator::uses_mpi() const { return state_->uses_mpi(); }

bool Communicator::threads_allowed() const { return state_->threads_allowed(); }

const WaitOptions& Communicator::wait_options() const { return state_->facts().wait_options; }

const std::shared_ptr<Zygote>& Communicator::zygote() const { return state_->facts().zygote; }

std::vector<Node> Communicator::nodes() const { return state_->nodes(); }

void Communicator::barrier() const { state_->barrier(); }

void Communicator::broadcast_into(std::span<std::byte> bytes, int root) const {
  check_root(*this, root);
  state_->broadcast(bytes, root);
}

/// The size travels first, because the receivers do not know it. Both calls are collective, so nobody may
/// leave between them.
std::vector<std::byte> Communicator::broadcast(std::vector<std::byte> bytes, int root) const {
  bytes.resize(broadcast_value<std::uint64_t>(bytes.size(), root));
  broadcast_into(bytes, root);
  return bytes;
}

std::string Communicator::broadcast_text(std::string text, int root) const {
  text.resize(broadcast_value<std::uint64_t>(text.size(), root));
  broadcast_into(std::as_writable_bytes(std::span<char>(text)), root);
  return text;
}

std::vector<std::vector<std::byte>> Communicator::gather(std::span<const std::byte> bytes, int root) const {
  check_root(*this, root);
  return state_->gather(bytes, root);
}

void Communicator::all_reduce(std::span<std::int64_t> values, ReduceOp op) const {
  state_->reduce(values, op);
}

void Communicator::all_reduce(std::span<double> values, ReduceOp op) const { state_->reduce(values, op); }

std::int64_t Communicator::all_reduce(std::int64_t value, ReduceOp op) const {
  all_reduce(std::span<std::int64_t>(&value, 1), op);
  return value;
}

double Communicator::all_reduce(double value, ReduceOp op) const {
  all_reduce(std::span<double>(&value, 1), op);
  return value;
}

bool Communicator::all_agree(std::uint64_t hash) const {
  // All are the same when the least one is the greatest one: two's complement turns the order around.
  std::int64_t bounds[2] = {static_cast<std::int64_t>(hash), static_cast<std::int64_t>(~hash)};
  all_reduce(bounds, ReduceOp::min);
  return static_cast<std::uint64_t>(bounds[0]) == ~static_cast<std::uint64_t>(bounds[1]);
}

void Communicator::exchange(std::span<const SendPart> sends, std::span<const ReceivePart> receives) const {
  state_->exchange(sends, receives);
}

std::optional<Communicator> Communicator::split(std::optional<int> color, int key) const {
  if (color && *color < 0) throw Bug(fmt::format("Communicator::split: color {} is negative", *color));
  auto part = state_->split(color, key);
  return part ? std::optional(Communicator(std::move(part))) : std::nullopt;
}

Communicator Communicator::subgroup(std::span<const int> ranks) const {
  return Communicator(state_->subgroup(ranks));
}

Communicator Communicator::duplicate() const { return Communicator(state_->duplicate()); }

/// The flag is shared by all groups that came from one, so none of them frees or finalises anything from here
/// on.
void Communicator::abandon() const { *state_->facts().broken = true; }

/// The other ranks are ended first: this one does not return, and runs no destructor that could wait for
/// them.
void Communicator::abort(int exit_code) const {
  state_->end_others(exit_code);
  std::_Exit(exit_code);
}

Communicator surviving(const Communicator& group) { return Communicator(group.state().surviving()); }

std::unique_ptr<RootTransport> make_root_transport(const Communicator& comm, RunId run) {
  check_end(comm, true);
  return comm.state().root_transport(run);
}

std::unique_ptr<WorkerTransport> make_worker_transport(const Communicator& comm, RunId run) {
  check_end(comm, false);
  return comm.state().worker_transport(run);
}

Consent::Consent(const Communicator& group, std::vector<std::byte> objection)
    : state_(group.state().ask(std::move(objection))) {}

Consent::~Consent() = default;

bool Consent::poll() { return state_->poll(); }

const std::vector<std::byte>& Consent::objection() const { return state_->objection(); }

}  // namespace mpipe
