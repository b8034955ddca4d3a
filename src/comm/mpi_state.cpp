// SPDX-License-Identifier: BSD-3-Clause
// Groups over MPI: how they come and go, errors, and waits.
#include "comm/mpi_state.hpp"

#include <mpipe/core/error.hpp>

#include <fmt/format.h>

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

[[noreturn]] void refuse(const char* problem) { throw Error(Category::bad_option, problem); }

/// What cannot be duplicated, and what MPI would end the job for.
void check_usable(MPI_Comm comm) {
  int initialized = 0;
  MPI_Initialized(&initialized);
  if (!initialized || mpi_is_finalized()) {
    refuse(
        "A communicator was given while there is no MPI (it was not initialised, or has ended). Call "
        "MPI_Init before, or leave both to mpipe::Environment.");
  }
  if (comm == MPI_COMM_NULL) {
    refuse(
        "MPI_COMM_NULL was given as a communicator (it has no ranks; MPI_Comm_split gives it to ranks "
        "without "
        "a color). Call this on the ranks that have one.");
  }
  int inter = 0;
  check_mpi(MPI_Comm_test_inter(comm, &inter), "MPI_Comm_test_inter");
  if (inter) {
    refuse(
        "An intercommunicator was given (its ranks are of two groups, which cannot work as one). Merge them "
        "by MPI_Intercomm_merge, and give what that makes.");
  }
}

/// Waits for all ranks of a caller's communicator, within the limit: MPI's own calls would wait for ever for
/// one that does not come.
void meet(MPI_Comm comm, const WaitOptions& options) {
  MPI_Request request = MPI_REQUEST_NULL;
  check_mpi(MPI_Ibarrier(comm, &request), "MPI_Ibarrier");
  WaitOptions patient = options;
  patient.yields = true;
  // Ranks come to their first call at very different times.
  constexpr Duration least = std::chrono::seconds(10);
  if (patient.limit > Duration::zero()) patient.limit = std::max(patient.limit, least);
  Waiter waiter(patient);
  for (int done = 0;;) {
    check_mpi(MPI_Test(&request, &done, MPI_STATUS_IGNORE), "MPI_Test");
    if (done) return;
    waiter.idle();
    if (!waiter.expired()) continue;
    throw Error(
        Category::rank_lost,
        fmt::format(
            "A communicator on {} was not taken over by all of its ranks within {:.1f} s (each of them "
            "must make the mpipe::Environment, or call what takes it). See that all do; the limit is "
            "MPIPE_WAIT_LIMIT.",
            host_name(), seconds(waiter.waited())));
  }
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

/// By rank of `part`: the rank in `whole`.
std::vector<int> ranks_within(const MpiState& whole, MPI_Comm part) {
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

/// The others may need this core to get to the call.
Waiter collective_waiter(WaitOptions options) {
  options.yields = true;
  return Waiter(options);
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

/// Errors are returned from here on. MPI's own way would end the whole job before anybody could tell why.
MpiState::MpiState(MPI_Comm raw, Facts facts)
    : CommState(std::move(facts)), comm_(raw, boost::mpi::comm_attach) {
  check(MPI_Comm_set_errhandler(raw, MPI_ERRORS_RETURN), "MPI_Comm_set_errhandler");
  check(MPI_Comm_rank(raw, &facts_.rank), "MPI_Comm_rank");
  check(MPI_Comm_size(raw, &facts_.size), "MPI_Comm_size");
}

MpiState::~MpiState() {
  // A group may outlive MPI, and one with requests under way is better leaked than pulled from under them.
  if (broken() || mpi_is_finalized()) return;
  MPI_Comm raw_comm = comm_;
  MPI_Comm_free(&raw_comm);
}

void MpiState::check(int code, const char* operation) const {
  if (code == MPI_SUCCESS) [[likely]]
    return;
  set_broken();
  check_mpi(code, operation);
}

/// The request is still under way when this throws. The group is therefore marked, so that nothing frees what
/// MPI may still use.
void MpiState::give_up(const Waiter& waiter, const char* operation) const {
  set_broken();
  throw Error(
      Category::rank_lost,
      fmt::format(
          "Rank {} on {} waited {:.1f} s in {} for {} other ranks and gave up (one of them is "
          "lost, or busy for longer than the limit). Look at the logs of the other ranks; the limit is "
          "MPIPE_WAIT_LIMIT.",
          job_rank(facts().rank), host_name(), seconds(waiter.waited()), operation, facts().size - 1));
}

void MpiState::wait(MPI_Request& request, const char* operation) const {
  Waiter waiter = collective_waiter(facts().wait_options);
  for (;;) {
    int done = 0;
    check(MPI_Test(&request, &done, MPI_STATUS_IGNORE), operation);
    if (done) return;
    waiter.idle();
    if (waiter.expired()) give_up(waiter, operation);
  }
}

void MpiState::wait_all(std::vector<MPI_Request>& requests, const char* operation) const {
  Waiter waiter = collective_waiter(facts().wait_options);
  for (;;) {
    int done = 0;
    check(MPI_Testall(static_cast<int>(requests.size()), requests.data(), &done, MPI_STATUSES_IGNORE),
          operation);
    if (done) return;
    waiter.idle();
    if (waiter.expired()) give_up(waiter, operation);
  }
}

bool MpiState::threads_allowed() const { return thread_level() >= MPI_THREAD_FUNNELED; }

std::shared_ptr<const CommState> MpiState::split(std::optional<int> color, int key) const {
  barrier();  // waits patiently, so that the call below, which does not, is short
  MPI_Comm part = MPI_COMM_NULL;
  check(MPI_Comm_split(raw(), color.value_or(MPI_UNDEFINED), key, &part), "MPI_Comm_split");
  if (part == MPI_COMM_NULL) return nullptr;
  return std::make_shared<const MpiState>(part, facts_of_part(ranks_within(*this, part), 0));
}

/// Collective over `ranks` only: the others may be busy with a computation, so nothing here may involve the
/// whole group, not even a barrier.
std::shared_ptr<const CommState> MpiState::subgroup(std::span<const int> ranks) const {
  MPI_Group all = MPI_GROUP_NULL;
  MPI_Group some = MPI_GROUP_NULL;
  check(MPI_Comm_group(raw(), &all), "MPI_Comm_group");
  check(MPI_Group_incl(all, static_cast<int>(ranks.size()), ranks.data(), &some), "MPI_Group_incl");
  MPI_Comm part = MPI_COMM_NULL;
  const int code = MPI_Comm_create_group(raw(), some, static_cast<int>(CommTag::subgroup), &part);
  // The groups are freed before the result is checked, as a throw would leave them behind.
  MPI_Group_free(&some);
  MPI_Group_free(&all);
  check(code, "MPI_Comm_create_group");
  if (part == MPI_COMM_NULL)
    throw Bug(fmt::format("rank {} is not in the subgroup that it makes", facts().rank));
  return std::make_shared<const MpiState>(part, facts_of_part(ranks, 0));
}

std::shared_ptr<const MpiState> MpiState::copy() const {
  barrier();
  MPI_Comm copy = MPI_COMM_NULL;
  check(MPI_Comm_dup(raw(), &copy), "MPI_Comm_dup");
  return std::make_shared<const MpiState>(copy, facts());
}

void MpiState::end_others(int exit_code) const {
  if (!mpi_is_finalized()) MPI_Abort(raw(), exit_code);
}

/// Messages travel on a copy, which keeps them apart from those of the program on `comm`. The caller keeps
/// `comm`, and frees it.
Communicator communicator_with(std::shared_ptr<Zygote> zygote, MPI_Comm comm, const WaitOptions& options) {
  check_usable(comm);
  check_thread();
  meet(comm, options);
  MPI_Comm copy = MPI_COMM_NULL;
  check_mpi(MPI_Comm_dup(comm, &copy), "MPI_Comm_dup");
  return Communicator(std::make_shared<const MpiState>(
      copy, CommState::Facts{.wait_options = options, .zygote = std::move(zygote)}));
}

Communicator communicator_from(MPI_Comm comm, WaitOptions options) {
  return communicator_with(nullptr, comm, options);
}

Communicator communicator_from(const boost::mpi::communicator& comm, WaitOptions options) {
  return communicator_from(static_cast<MPI_Comm>(comm), options);
}

const MpiState* mpi_state(const Communicator& comm) { return dynamic_cast<const MpiState*>(&comm.state()); }

MPI_Comm native_comm(const Communicator& comm) {
  const MpiState* const state = mpi_state(comm);
  return state != nullptr ? state->raw() : MPI_COMM_NULL;
}

}  // namespace mpipe
