// SPDX-License-Identifier: BSD-3-Clause
// Built twice, as two programs that differ: executors must refuse ranks of which some run the other one.
#include <mpipe/comm/environment.hpp>
#include <mpipe/futures/mpi_pool_executor.hpp>

#include <cstdio>

namespace {

int answer() { return MPIPE_TEST_ANSWER; }

}  // namespace

int main(int argc, char** argv) {
  const mpipe::Environment mpi(argc, argv);
  try {
    mpipe::MPICommExecutor ranks(mpi.world());
    if (ranks.is_root()) {
      mpipe::MPIPoolExecutor pool(ranks);
      std::printf("rank 0 got %d\n", pool.submit(answer).result());
    }
  } catch (const mpipe::Error& error) {
    std::printf("rank %d: refused, %s: %s\n", mpi.world().rank(),
                std::string(to_string(error.category())).c_str(), error.what());
  }
  return 0;
}
