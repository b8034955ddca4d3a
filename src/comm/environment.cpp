// SPDX-License-Identifier: BSD-3-Clause
// Starts MPI where a launcher started this process, and ends it when that is safe.
#include <mpipe/comm/environment.hpp>
#include <mpipe/comm/native_comm.hpp>
#include <mpipe/core/error.hpp>

#include "comm/launcher.hpp"
#include "comm/mpi_state.hpp"

#include <cstdlib>
#include <exception>

namespace mpipe {

namespace {

bool is_initialized() {
  int initialized = 0;
  check_mpi(MPI_Initialized(&initialized), "MPI_Initialized");
  int finalized = 0;
  check_mpi(MPI_Finalized(&finalized), "MPI_Finalized");
  if (finalized) {
    throw Error(Category::bad_option,
                "MPI is finalised already (it cannot be started twice in a process). Make the "
                "mpipe::Environment before "
                "the end of MPI, or let it start MPI itself.");
  }
  return initialized != 0;
}

/// Threads that do not call MPI are allowed beside the one that does; nothing more is asked for, and nothing
/// less will do.
void initialize(int& argc, char**& argv) {
  int provided = MPI_THREAD_SINGLE;
  check_mpi(MPI_Init_thread(&argc, &argv, MPI_THREAD_FUNNELED, &provided), "MPI_Init_thread");
  if (provided >= MPI_THREAD_FUNNELED) return;
  MPI_Finalize();
  throw Error(
      Category::bad_option,
      "This MPI grants MPI_THREAD_SINGLE only (functions may run on threads, of which one calls MPI: that is "
      "MPI_THREAD_FUNNELED). Use an MPI library that was built with support for threads.");
}

/// Few programs need a zygote, so an error is not told here: where it cannot be started, they find out when
/// they need one.
std::shared_ptr<Zygote> start_zygote(const EnvironmentOptions& options) {
  if (!options.zygote) return nullptr;
  try {
    return Zygote::start(Zygote::Moment::early);
  } catch (const Error&) {
    return nullptr;
  }
}

}  // namespace

Environment::Environment(int& argc, char**& argv, const EnvironmentOptions& environment_options)
    : exceptions_before_(std::uncaught_exceptions()) {
  if (is_initialized()) {
    world_ = communicator_from(MPI_COMM_WORLD);
    return;
  }
  const EnvironmentLookup lookup = [](const char* name) { return std::getenv(name); };
  const bool launched = has_mpi_launcher(lookup);
  const std::shared_ptr<Zygote> zygote = start_zygote(environment_options);
  if (!launched) {
    world_ = Communicator(make_serial_state(zygote));
    return;
  }
  const WaitOptions options =
      wait_options_from_environment();  // throws before MPI has started rather than after
  initialize(argc, argv);
  try {
    int ranks = 0;
    check_mpi(MPI_Comm_size(MPI_COMM_WORLD, &ranks), "MPI_Comm_size");
    check_launcher(lookup, ranks);
  } catch (const Error&) {
    MPI_Finalize();
    throw;
  }
  started_ = true;
  world_ = communicator_with(zygote, MPI_COMM_WORLD, options);
}

Environment::~Environment() {
  // MPI_Finalize waits for all ranks. While an exception unwinds, this rank comes here from the middle of
  // something, and the others are in a receive or a collective call that it will never answer: finalising
  // would then hang for ever, and hide the exception. Without it the process ends at once, and a launcher
  // that sees a rank end without MPI_Finalize ends the others too, with a non-zero code. The same holds after
  // an error of MPI itself, or a wait that was given up. Programs that want to end in order after an error
  // catch it while the Environment is alive.
  const bool unwinding = std::uncaught_exceptions() > exceptions_before_;
  const bool broken = *world_.state().facts().broken;
  if (!started_ || unwinding || broken) return;
  world_ = Communicator();  // frees its communicator while there is an MPI to do it
  MPI_Finalize();
}

}  // namespace mpipe
