// SPDX-License-Identifier: BSD-3-Clause
#include "bench/raw_farm.hpp"

#include <algorithm>

namespace mpipe::bench {

namespace {

using FarmClock = std::chrono::steady_clock;

double seconds_since(FarmClock::time_point start) {
  return std::chrono::duration<double>(FarmClock::now() - start).count();
}

int worker_count(MPI_Comm comm) {
  int size = 0;
  MPI_Comm_size(comm, &size);
  return size - 1;
}

/// Rank 0 of a farm of single tasks, with up to `ahead` of them on their way to each worker.
FarmTime single_root(MPI_Comm comm, std::int64_t tasks, int ahead) {
  const int workers = worker_count(comm);
  const FarmClock::time_point start = FarmClock::now();
  std::int64_t next = 0;
  std::int64_t sent = 0;
  const auto send = [&](int worker) {
    MPI_Send(&next, 1, MPI_INT64_T, worker, farm_work_tag, comm);
    ++next;
    ++sent;
  };
  for (int depth = 0; depth < ahead; ++depth) {
    for (int worker = 1; worker <= workers && next < tasks; ++worker) send(worker);
  }
  for (std::int64_t done = 0; done < tasks; ++done) {
    std::int64_t index = 0;
    MPI_Status status;
    MPI_Recv(&index, 1, MPI_INT64_T, MPI_ANY_SOURCE, farm_done_tag, comm, &status);
    if (next < tasks) send(status.MPI_SOURCE);
  }
  const FarmTime time{seconds_since(start), sent};
  const std::int64_t end = -1;
  for (int worker = 1; worker <= workers; ++worker)
    MPI_Send(&end, 1, MPI_INT64_T, worker, farm_work_tag, comm);
  return time;
}

}  // namespace

FarmTime farm_single_root(MPI_Comm comm, std::int64_t tasks) { return single_root(comm, tasks, 1); }

FarmTime farm_ahead_root(MPI_Comm comm, std::int64_t tasks) { return single_root(comm, tasks, 2); }

FarmTime farm_guided_root(MPI_Comm comm, std::int64_t tasks) {
  const int workers = worker_count(comm);
  const FarmClock::time_point start = FarmClock::now();
  std::int64_t next = 0;
  std::int64_t sent = 0;
  const auto send = [&](int worker) {
    const std::int64_t size = std::max<std::int64_t>(1, (tasks - next) / (2 * workers));
    const FarmRange range{next, next + size};
    MPI_Send(&range, 2, MPI_INT64_T, worker, farm_work_tag, comm);
    next += size;
    ++sent;
  };
  for (int worker = 1; worker <= workers && next < tasks; ++worker) send(worker);
  for (std::int64_t done = 0; done < tasks;) {
    FarmRange range;
    MPI_Status status;
    MPI_Recv(&range, 2, MPI_INT64_T, MPI_ANY_SOURCE, farm_done_tag, comm, &status);
    done += range.end - range.begin;
    if (next < tasks) send(status.MPI_SOURCE);
  }
  const FarmTime time{seconds_since(start), sent};
  const FarmRange end;
  for (int worker = 1; worker <= workers; ++worker)
    MPI_Send(&end, 2, MPI_INT64_T, worker, farm_work_tag, comm);
  return time;
}

}  // namespace mpipe::bench
