// SPDX-License-Identifier: BSD-3-Clause
// A code that initialises MPI itself, and gives half of its ranks to `map`, which calls a function of a plugin, while
// the other half goes on with messages of its own. The first rank of each half prints what it has.
#include <mpipe/comm/native_comm.hpp>
#include <mpipe/document/document.hpp>
#include <mpipe/mpipe.hpp>

#include <cstdint>
#include <iostream>

int main(int argc, char** argv) {
  int provided = 0;
  MPI_Init_thread(&argc, &argv, MPI_THREAD_FUNNELED, &provided);
  int rank = 0;
  MPI_Comm_rank(MPI_COMM_WORLD, &rank);
  MPI_Comm half = MPI_COMM_NULL;
  MPI_Comm_split(MPI_COMM_WORLD, rank % 2, rank, &half);
  int half_rank = 0;
  MPI_Comm_rank(half, &half_rank);

  if (rank % 2 == 0) {
    const mpipe::Document document = mpipe::Document::load(argv[1]);
    const mpipe::Communicator some = mpipe::communicator_from(half);
    const mpipe::Pipeline pipeline = document.pipeline();
    const mpipe::Results results =
        pipeline.map(some, document.inputs_for_map(pipeline, {}), mpipe::MapOptions());
    if (half_rank == 0) std::cout << results.get<std::int64_t>("total") << " on " << some.size() << '\n';
  } else {
    int sum = 0;
    MPI_Allreduce(&rank, &sum, 1, MPI_INT, MPI_SUM, half);
    if (half_rank == 0) std::cout << "others " << sum << '\n';
  }

  int initialised = 0;
  MPI_Initialized(&initialised);
  int finalised = 0;
  MPI_Finalized(&finalised);
  MPI_Barrier(MPI_COMM_WORLD);  // MPI is still the program's
  MPI_Comm_free(&half);
  MPI_Finalize();
  return initialised && !finalised ? 0 : 1;
}
