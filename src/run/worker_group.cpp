// SPDX-License-Identifier: BSD-3-Clause
// Joins the pools of one executor under a scheduler.
#include "run/worker_group.hpp"

#include "run/journal_limit.hpp"

namespace mpipe {

WorkerGroup::WorkerGroup(const std::string& executor, const Communicator& comm, RemotePool* others,
                         std::unique_ptr<Pool> here, std::vector<WorkerTraits> traits,
                         SchedulerOptions options)
    : local(std::move(here)),
      pool(others == nullptr ? local.get() : others),
      local_from(others == nullptr ? 0 : others->worker_count()),
      scheduler(options, std::move(traits)),
      journal_limit(mpipe::journal_limit()),
      commit_at(scheduler.worker_count(), journal_limit) {
  if (others != nullptr && local) pool = &both.emplace(*others, *local);
  for (std::uint32_t worker = 0; worker < scheduler.worker_count(); ++worker)
    workers.push_back(
        {executor, worker, comm.job_rank(is_local({worker}) ? 0 : static_cast<int>(worker) + 1)});
}

Duration WorkerGroup::busy() const {
  Duration busy{};
  for (std::uint32_t worker = 0; worker < worker_count(); ++worker)
    busy += scheduler.tally(WorkerId{worker}).busy;
  return busy;
}

bool WorkerGroup::wants_commit(WorkerId worker, std::uint64_t journal_bytes) {
  std::uint64_t& due = commit_at[worker.value];
  const bool wants = journal_bytes > due;
  // The next commit is due when the journal has grown by the limit again. A journal that a commit has emptied
  // lowers the mark; otherwise it could grow to the old mark and the limit together.
  if (wants || journal_bytes + journal_limit < due) due = journal_bytes + journal_limit;
  return wants;
}

}  // namespace mpipe
