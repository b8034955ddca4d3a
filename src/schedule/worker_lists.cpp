// SPDX-License-Identifier: BSD-3-Clause
// Lists of workers that are linked through one array, so that moving a worker allocates no memory.
#include "schedule/api/worker_lists.hpp"

namespace mpipe {

WorkerLists::WorkerLists(std::size_t workers) : links_(workers) {
  for (std::uint32_t worker = 0; worker < workers; ++worker) append(worker, WorkerPlace::set_aside);
}

void WorkerLists::move(WorkerId worker, WorkerPlace to) {
  unlink(worker.value);
  append(worker.value, to);
}

void WorkerLists::unlink(std::uint32_t worker) {
  const Links& links = links_[worker];
  Head& head = heads_[static_cast<std::size_t>(links.place)];
  // The first and the last of a list have no neighbour on one side: there the head takes its place.
  (links.previous == none ? head.first : links_[links.previous].next) = links.next;
  (links.next == none ? head.last : links_[links.next].previous) = links.previous;
  --head.size;
}

void WorkerLists::append(std::uint32_t worker, WorkerPlace to) {
  Head& head = heads_[static_cast<std::size_t>(to)];
  links_[worker] = {.previous = head.last, .next = none, .place = to};
  (head.last == none ? head.first : links_[head.last].next) = worker;
  head.last = worker;
  ++head.size;
}

}  // namespace mpipe
