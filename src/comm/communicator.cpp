// SPDX-License-Identifier: BSD-3-Clause
#include <mpipe/comm/communicator.hpp>
#include <mpipe/core/error.hpp>

#include "comm/api/waiter.hpp"
#include "comm/comm_state.hpp"

#include <fmt/format.h>

#include <unistd.h>

#include <cstdlib>
#include <numeric>

namespace mpipe {

namespace {

bool mpi_is_finalized() {
  int finalized = 0;
  MPI_Finalized(&finalized);
  return finalized != 0;
}

int thread_level() {
  int level = MPI_THREAD_SINGLE;
  check_mpi(MPI_Query_thread(&level), "MPI_Query_thread");
  return level;
}

/// Below MPI_THREAD_SERIALIZED only one thread may call MPI.
void check_thread() {
  int is_main = 1;
  check_mpi(MPI_Is_thread_main(&is_main), "MPI_Is_thread_main");
  if (is_main || thread_level() >= MPI_THREAD_SERIALIZED) return;
  throw Error(
      Category::bad_option,
      "This thread may not use MPI (MPI was initialised for calls from one thread only, and this is "
      "another). "
      "Call mpipe from the thread that initialised MPI, or initialise it with MPI_THREAD_SERIALIZED.");
}

/// A group that comes from `parent`.
Communicator adopt(MPI_Comm raw, const CommState& parent, std::vector<int> job_ranks) {
  return Communicator(std::make_shared<const CommState>(raw, parent.wait_options, parent.broken,
                                                        parent.zygote, std::move(job_ranks)));
}

/// By rank of `part`: the rank in `whole`.
std::vector<int> ranks_within(const CommState& whole, MPI_Comm part) {
  MPI_Group all = MPI_GROUP_NULL;
  MPI_Group some = MPI_GROUP_NULL;
  int size = 0;
  whole.check(MPI_Comm_group(whole.raw(), &all), "MPI_Comm_group");
  whole.check(MPI_Comm_group(part, &some), "MPI_Comm_group");
  whole.check(MPI_Comm_size(part, &size), "MPI_Comm_size");
  std::vector<int> places(static_cast<std::size_t>(size));
  std::iota(places.begin(), places.end(), 0);
  std::vector<int> ranks(places.size());
  const int code = MPI_Group_translate_ranks(some, size, places.data(), all, ranks.data());
  MPI_Group_free(&some);
  MPI_Group_free(&all);
  whole.check(code, "MPI_Group_translate_ranks");
  return ranks;
}

}  // namespace

void check_mpi(int code, const char* operation) {
  if (code == MPI_SUCCESS) [[likely]]
    return;
  char text[MPI_MAX_ERROR_STRING] = "unknown error";
  int length = 0;
  MPI_Error_string(code, text, &length);
  throw Error(
      Category::rank_lost,
      fmt::format("{} failed on {}: {} (without messages between the ranks this run cannot go on). Look for "
                  "messages of other ranks and of mpirun, then resume the run.",
                  operation, host_name(), text));
}

std::string host_name() {
  char name[256] = "";
  if (gethostname(name, sizeof name - 1) != 0) return "unknown-host";
  return name;
}

CommState::CommState(MPI_Comm raw_comm, WaitOptions options, std::shared_ptr<bool> broken_flag,
                     std::shared_ptr<Zygote> forks, std::vector<int> ranks_of_job)
    : uses_mpi(true),
      job_ranks(std::move(ranks_of_job)),
      wait_options(options),
      comm(raw_comm, boost::mpi::comm_attach),
      broken(std::move(broken_flag)),
      zygote(std::move(forks)) {
  check(MPI_Comm_set_errhandler(raw_comm, MPI_ERRORS_RETURN), "MPI_Comm_set_errhandler");
  check(MPI_Comm_rank(raw_comm, &rank), "MPI_Comm_rank");
  check(MPI_Comm_size(raw_comm, &size), "MPI_Comm_size");
}

CommState::~CommState() {
  // A group may outlive MPI, and one with requests under way is better leaked than pulled from under them.
  if (!uses_mpi || *broken || mpi_is_finalized()) return;
  MPI_Comm raw_comm = comm;
  MPI_Comm_free(&raw_comm);
}

void CommState::check(int code, const char* operation) const {
  if (code == MPI_SUCCESS) [[likely]]
    return;
  *broken = true;
  check_mpi(code, operation);
}

void CommState::give_up(const Waiter& waiter, const char* operation) const {
  *broken = true;
  throw Error(
      Category::rank_lost,
      fmt::format(
          "Rank {} on {} waited {:.1f} s in {} for {} other ranks and gave up (one of them is "
          "lost, or busy for longer than the limit). Look at the logs of the other ranks; the limit is "
          "MPIPE_WAIT_LIMIT.",
          job_ranks.empty() ? rank : job_ranks[static_cast<std::size_t>(rank)], host_name(),
          seconds(waiter.waited()), operation, size - 1));
}

namespace {

/// The others may need this core to get to the call.
Waiter collective_waiter(WaitOptions options) {
  options.yields = true;
  return Waiter(options);
}

}  // namespace

void CommState::wait(MPI_Request& request, const char* operation) const {
  Waiter waiter = collective_waiter(wait_options);
  for (;;) {
    int done = 0;
    check(MPI_Test(&request, &done, MPI_STATUS_IGNORE), operation);
    if (done) return;
    waiter.idle();
    if (waiter.expired()) give_up(waiter, operation);
  }
}

void CommState::wait_all(std::vector<MPI_Request>& requests, const char* operation) const {
  Waiter waiter = collective_waiter(wait_options);
  for (;;) {
    int done = 0;
    check(MPI_Testall(static_cast<int>(requests.size()), requests.data(), &done, MPI_STATUSES_IGNORE),
          operation);
    if (done) return;
    waiter.idle();
    if (waiter.expired()) give_up(waiter, operation);
  }
}

Communicator::Communicator() : state_(std::make_shared<const CommState>()) {}

Communicator::Communicator(std::shared_ptr<const CommState> state) : state_(std::move(state)) {}

int Communicator::rank() const { return state_->rank; }

int Communicator::size() const { return state_->size; }

int Communicator::job_rank(int rank) const {
  return state_->job_ranks.empty() ? rank : state_->job_ranks.at(static_cast<std::size_t>(rank));
}

bool Communicator::uses_mpi() const { return state_->uses_mpi; }

bool Communicator::threads_allowed() const { return !uses_mpi() || thread_level() >= MPI_THREAD_FUNNELED; }

const WaitOptions& Communicator::wait_options() const { return state_->wait_options; }

const std::shared_ptr<Zygote>& Communicator::zygote() const { return state_->zygote; }

std::optional<Communicator> Communicator::split(std::optional<int> color, int key) const {
  if (color && *color < 0) throw Bug(fmt::format("Communicator::split: color {} is negative", *color));
  if (!uses_mpi()) return color ? std::optional(serial_with(zygote())) : std::nullopt;
  barrier();  // waits patiently, so that the call below, which does not, is short
  MPI_Comm part = MPI_COMM_NULL;
  state_->check(MPI_Comm_split(state_->raw(), color.value_or(MPI_UNDEFINED), key, &part), "MPI_Comm_split");
  if (part == MPI_COMM_NULL) return std::nullopt;
  std::vector<int> job_ranks = ranks_within(*state_, part);
  for (int& rank : job_ranks) rank = job_rank(rank);
  return adopt(part, *state_, std::move(job_ranks));
}

Communicator Communicator::subgroup(std::span<const int> ranks) const {
  if (!uses_mpi()) return Communicator();
  MPI_Group all = MPI_GROUP_NULL;
  MPI_Group some = MPI_GROUP_NULL;
  state_->check(MPI_Comm_group(state_->raw(), &all), "MPI_Comm_group");
  state_->check(MPI_Group_incl(all, static_cast<int>(ranks.size()), ranks.data(), &some), "MPI_Group_incl");
  MPI_Comm part = MPI_COMM_NULL;
  const int code = MPI_Comm_create_group(state_->raw(), some, static_cast<int>(CommTag::subgroup), &part);
  MPI_Group_free(&some);
  MPI_Group_free(&all);
  state_->check(code, "MPI_Comm_create_group");
  if (part == MPI_COMM_NULL) throw Bug(fmt::format("rank {} is not in the subgroup that it makes", rank()));
  std::vector<int> job_ranks(ranks.begin(), ranks.end());
  for (int& rank : job_ranks) rank = job_rank(rank);
  return adopt(part, *state_, std::move(job_ranks));
}

Communicator Communicator::duplicate() const {
  if (!uses_mpi()) return serial_with(zygote());
  barrier();
  MPI_Comm copy = MPI_COMM_NULL;
  state_->check(MPI_Comm_dup(state_->raw(), &copy), "MPI_Comm_dup");
  return adopt(copy, *state_, state_->job_ranks);
}

void Communicator::abandon() const { *state_->broken = true; }

void Communicator::abort(int exit_code) const {
  if (uses_mpi() && !mpi_is_finalized()) MPI_Abort(state_->raw(), exit_code);
  std::_Exit(exit_code);
}

Communicator communicator_with(std::shared_ptr<Zygote> zygote, MPI_Comm comm, const WaitOptions& options) {
  check_thread();
  MPI_Comm copy = MPI_COMM_NULL;
  check_mpi(MPI_Comm_dup(comm, &copy), "MPI_Comm_dup");
  return Communicator(
      std::make_shared<const CommState>(copy, options, std::make_shared<bool>(false), std::move(zygote)));
}

Communicator serial_with(std::shared_ptr<Zygote> zygote) {
  const auto state = std::make_shared<CommState>();
  state->zygote = std::move(zygote);
  return Communicator(state);
}

Communicator communicator_from(MPI_Comm comm, WaitOptions options) {
  return communicator_with(nullptr, comm, options);
}

Communicator communicator_from(const boost::mpi::communicator& comm, WaitOptions options) {
  return communicator_from(static_cast<MPI_Comm>(comm), options);
}

MPI_Comm native_comm(const Communicator& comm) {
  return comm.uses_mpi() ? comm.state().raw() : MPI_COMM_NULL;
}

}  // namespace mpipe
