// SPDX-License-Identifier: BSD-3-Clause
/// @file
/// The plainest farms that MPI allows, which the benchmarks compare with: rank 0 hands out, the others
/// compute. No library, no checks, no errors, blocking calls: what anybody would write in ten minutes. The
/// values stay with the workers.
#pragma once

#include <mpi.h>

#include <chrono>
#include <cstdint>
#include <vector>

namespace mpipe::bench {

/// What a farm took: on rank 0 from the first message to the last answer; 0 on the others.
struct FarmTime {
  double seconds = 0;
  std::int64_t messages = 0;
};

/// A range of tasks, as sent; the reply is one too. An empty one ends a worker.
struct FarmRange {
  std::int64_t begin = 0;
  std::int64_t end = 0;
};

enum FarmTag : int { farm_work_tag = 1, farm_done_tag = 2 };

/// Rank 0 of a farm of one task per message: an index goes out, comes back, and the next goes out.
FarmTime farm_single_root(MPI_Comm comm, std::int64_t tasks);
/// The same with two tasks on their way to each worker, so that none waits for a message.
FarmTime farm_ahead_root(MPI_Comm comm, std::int64_t tasks);
/// Rank 0 of a guided farm: a block is the rest divided by twice the number of workers.
FarmTime farm_guided_root(MPI_Comm comm, std::int64_t tasks);

/// A worker of `farm_single_root`: `values[i] = task(i)` for the indices that it gets.
template <class Task>
void farm_single_worker(MPI_Comm comm, std::vector<double>& values, Task task) {
  for (;;) {
    std::int64_t index = 0;
    MPI_Recv(&index, 1, MPI_INT64_T, 0, farm_work_tag, comm, MPI_STATUS_IGNORE);
    if (index < 0) return;
    values[static_cast<std::size_t>(index)] = task(index);
    MPI_Send(&index, 1, MPI_INT64_T, 0, farm_done_tag, comm);
  }
}

/// A worker of `farm_ahead_root`: the receive for the next task is posted before this one is computed.
template <class Task>
void farm_ahead_worker(MPI_Comm comm, std::vector<double>& values, Task task) {
  std::int64_t next = 0;
  MPI_Request request = MPI_REQUEST_NULL;
  MPI_Irecv(&next, 1, MPI_INT64_T, 0, farm_work_tag, comm, &request);
  for (;;) {
    MPI_Wait(&request, MPI_STATUS_IGNORE);
    const std::int64_t index = next;
    if (index < 0) return;
    MPI_Irecv(&next, 1, MPI_INT64_T, 0, farm_work_tag, comm, &request);
    values[static_cast<std::size_t>(index)] = task(index);
    MPI_Send(&index, 1, MPI_INT64_T, 0, farm_done_tag, comm);
  }
}

/// A worker of `farm_guided_root`.
template <class Task>
void farm_guided_worker(MPI_Comm comm, std::vector<double>& values, Task task) {
  for (;;) {
    FarmRange range;
    MPI_Recv(&range, 2, MPI_INT64_T, 0, farm_work_tag, comm, MPI_STATUS_IGNORE);
    if (range.begin == range.end) return;
    for (std::int64_t i = range.begin; i < range.end; ++i) values[static_cast<std::size_t>(i)] = task(i);
    MPI_Send(&range, 2, MPI_INT64_T, 0, farm_done_tag, comm);
  }
}

}  // namespace mpipe::bench
