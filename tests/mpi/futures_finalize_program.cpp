// SPDX-License-Identifier: BSD-3-Clause
// Ends MPI while executors live: the workers must be let go, and the root be told.
#include <mpipe/comm/native_comm.hpp>
#include <mpipe/futures/mpi_pool_executor.hpp>

#include <cstdio>
#include <string>

int main(int argc, char** argv) {
  int provided = 0;
  MPI_Init_thread(&argc, &argv, MPI_THREAD_FUNNELED, &provided);
  {
    const mpipe::Communicator comm = mpipe::communicator_from(MPI_COMM_WORLD);
    mpipe::MPICommExecutor ranks(comm);
    if (ranks.is_root()) {
      mpipe::MPIPoolExecutor pool(ranks);
      const mpipe::Future<int> future = pool.submit([] { return 42; });
      MPI_Finalize();
      std::printf("got %d\n", future.result());
      try {
        pool.submit([] { return 1; });
      } catch (const mpipe::Error& error) {
        std::printf("refused, %s\n", std::string(to_string(error.category())).c_str());
      }
      return 0;
    }
  }
  MPI_Finalize();
  return 0;
}
