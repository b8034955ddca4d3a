// SPDX-License-Identifier: BSD-3-Clause
// The root's side of all executors: which worker is sent which task, and what becomes of the answers.
#include "futures/task_hub.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <numeric>

namespace mpipe::detail {

namespace {

/// A task may wait at a worker, behind another, where tasks take less than this: it cannot be taken back.
constexpr Duration longest_ahead = std::chrono::milliseconds(5);

}  // namespace

TaskHub::TaskHub(RootTransport& transport, const CodeMap& code, std::vector<ProcessPlace> places,
                 WaitOptions wait)
    : transport_(transport),
      code_(code),
      places_(std::move(places)),
      wait_(wait),
      home_(FutureThread::current()),
      slots_(transport.worker_count()),
      idle_workers_(transport.worker_count()) {
  home_.add(*this);
}

bool TaskHub::busy() const {
  return std::any_of(channels_.begin(), channels_.end(),
                     [](const auto& channel) { return !channel->idle(); });
}

TaskChannel& TaskHub::open(std::uint32_t most, std::optional<Task> initializer) {
  check_thread();
  if (broken_) std::rethrow_exception(broken_);
  forget_closed();
  std::vector<WorkerId> workers(slots_.size());
  for (std::uint32_t k = 0; k < workers.size(); ++k) workers[k] = {k};
  std::stable_sort(workers.begin(), workers.end(),
                   [this](WorkerId a, WorkerId b) { return slots_[a.value].users < slots_[b.value].users; });
  workers.resize(std::min<std::size_t>(most, workers.size()));
  for (const WorkerId worker : workers) ++slots_[worker.value].users;
  return *channels_.emplace_back(
      std::make_unique<TaskChannel>(*this, std::move(workers), std::move(initializer)));
}

void TaskHub::close(TaskChannel& channel) {
  // The workers are free for new executors at once, although the last answers to this one may be missing.
  for (const WorkerId worker : channel.workers()) --slots_[worker.value].users;
  channel.closed_ = true;
  forget_closed();
}

void TaskHub::forget_closed() {
  // Tasks at workers point to their channel, so one that is closed stays until the last answer is there.
  std::erase_if(channels_, [](const auto& channel) { return channel->closed_ && channel->idle(); });
}

// ---- answers ----------------------------------------------------------------------------------------------

bool TaskHub::turn() {
  if (finished_) return false;
  // Callbacks of futures that get done here may use executors in any way, so they come at the end.
  const FutureThread::Hold hold;
  // Errors of the transport, and of what it brings, do not leave this function: whoever drives may be
  // waiting for a future of another executor. They become the failures of all futures, each of which is
  // told where it is asked for.
  const Frame* frame = nullptr;
  try {
    frame = transport_.poll();
    if (frame == nullptr) return false;
    if (!broken_) handle(*frame);  // otherwise it has failed already
    return true;
  } catch (const Bug& bug) {
    std::string sender = "A rank";
    if (frame != nullptr)
      sender =
          fmt::format("Rank {} on {}", places_[frame->worker.value].rank, places_[frame->worker.value].host);
    break_all(fmt::format(
        "{} sent what cannot be understood: {} (nothing that it says can be trusted, and all tasks "
        "have failed). This should not happen; please report it.",
        sender, bug.what()));
  } catch (const Error& error) {
    break_all(error.what());
  }
  return true;
}

void TaskHub::on_silence(Duration waited) {
  break_all(fmt::format(
      "Nothing was heard of the tasks of an executor for {:.1f} s (a worker is lost, or a function "
      "takes longer than the limit). Look at the logs of the other ranks; the limit is "
      "MPIPE_WAIT_LIMIT.",
      seconds(waited)));
}

void TaskHub::handle(const Frame& frame) {
  std::visit([&](const auto& message) { answer(frame, message); }, decode_for_task_root(frame));
}

TaskHub::Sent TaskHub::take_answered(WorkerId worker, TaskId task) {
  Slot& slot = slots_[worker.value];
  // A worker answers in the order in which it was sent tasks, so its answer is to the first of them.
  if (slot.count == 0 || slot.sent[0].task != task)
    throw Bug(fmt::format("an answer to task {}, which it was not asked for", task));
  Sent sent = std::move(slot.sent[0]);
  slot.sent[0] = std::move(slot.sent[1]);
  if (--slot.count == 0) ++idle_workers_;
  --sent.channel->under_way_;
  return sent;
}

void TaskHub::answer(const Frame& frame, const ResultMessage& message) {
  const Sent sent = take_answered(frame.worker, message.task);
  if (!sent.state) return on_initialized(frame.worker, *sent.channel, nullptr);
  sent.channel->note_busy(message.busy);
  refill(frame.worker);  // first, so that the worker need not wait for what callbacks do
  sent.state->accept(message.value);
}

void TaskHub::answer(const Frame& frame, const FailureMessage& message) {
  const Sent sent = take_answered(frame.worker, message.task);
  if (!sent.state) return on_initialized(frame.worker, *sent.channel, &message.failure);
  sent.channel->note_busy(message.busy);
  refill(frame.worker);
  sent.state->fail(std::make_exception_ptr(TaskError(message.failure)));
}

void TaskHub::answer(const Frame&, const LostMessage& message) { throw Bug(message.why); }

void TaskHub::on_initialized(WorkerId worker, TaskChannel& channel, const Failure* failure) {
  if (failure == nullptr) {
    channel.readiness_[worker.value] = TaskChannel::Readiness::ready;
  } else {
    channel.break_with(std::make_exception_ptr(BrokenPool(
        Category::function_raised,
        fmt::format(
            "The initializer of an executor threw {} on rank {} ({}): {} (no task may run there without it, "
            "so all that waited have failed). Make another executor when that is mended.",
            failure->type, failure->rank, failure->host, failure->message))));
  }
  // The worker itself is in order, whatever its initializer did: tasks of other executors can go there.
  refill(worker);
}

void TaskHub::break_all(const std::string& message) {
  if (broken_) return;
  const auto error = std::make_exception_ptr(BrokenPool(Category::rank_lost, message + tasks_at_workers()));
  broken_ = error;
  const FutureThread::Hold hold;
  std::vector<std::shared_ptr<FutureState>> under_way;
  for (Slot& slot : slots_) {
    for (std::size_t k = 0; k < slot.count; ++k) {
      --slot.sent[k].channel->under_way_;
      if (slot.sent[k].state) under_way.push_back(std::move(slot.sent[k].state));
    }
    slot.count = 0;
  }
  idle_workers_ = 0;  // nobody is sent anything any more
  for (const auto& state : under_way) state->fail(error);
  for (const auto& channel : channels_) channel->break_with(error);
}

std::string TaskHub::tasks_at_workers() const {
  constexpr std::size_t most = 8;
  std::string text;
  std::size_t count = 0;
  for (std::size_t worker = 0; worker < slots_.size(); ++worker) {
    if (slots_[worker].count == 0 || ++count > most) continue;
    text += fmt::format("{} rank {} ({}) had {}", count == 1 ? " Of the workers," : ",", places_[worker].rank,
                        places_[worker].host, slots_[worker].sent[0].name.text());
  }
  if (count > most) text += fmt::format(", and {} more had others", count - most);
  return text.empty() ? text : text + ".";
}

// ---- tasks ------------------------------------------------------------------------------------------------

void TaskHub::refill(WorkerId worker) {
  while (slots_[worker.value].count < 2 && send_next(worker)) continue;
}

bool TaskHub::send_next(WorkerId worker) {
  Slot& slot = slots_[worker.value];
  for (std::size_t k = 0; k < channels_.size(); ++k) {
    const std::size_t at = (slot.next_channel + k) % channels_.size();
    TaskChannel& channel = *channels_[at];
    const TaskChannel::Readiness readiness = channel.readiness_[worker.value];
    if (channel.waiting_ == 0 || readiness == TaskChannel::Readiness::excluded ||
        readiness == TaskChannel::Readiness::preparing)
      continue;
    // It is the turn of this one: where it may not go ahead, nobody may, or it would never come to its turn.
    if (slot.count > 0 && !may_send_ahead(slot, channel)) return false;
    slot.next_channel = at + 1;
    if (readiness == TaskChannel::Readiness::unprepared) {
      send_initializer(worker, channel);
      return true;
    }
    std::optional<TaskChannel::Call> call = channel.take();
    if (!call) throw Bug("an executor has fewer tasks than it counts");
    send(worker, channel, *std::move(call));
    return true;
  }
  return false;
}

bool TaskHub::may_send_ahead(const Slot& slot, TaskChannel& channel) const {
  const auto is_short = [](const TaskChannel& tasks) {
    return tasks.longest_ && *tasks.longest_ < longest_ahead;
  };
  // A payload would not move while the worker computes, and keep this rank busy.
  return channel.waiting_ > channel.workers_.size() && is_short(channel) && is_short(*slot.sent[0].channel) &&
         channel.next_is_small();
}

void TaskHub::send(WorkerId worker, TaskChannel& channel, TaskChannel::Call call) {
  Slot& slot = slots_[worker.value];
  transport_.send(worker, call.message.kind, call.message.body(), call.message.take_payload());
  if (call.state) call.state->set_running();
  if (slot.count == 0) --idle_workers_;
  slot.sent[slot.count++] = {call.task, call.name, &channel, std::move(call.state)};
  ++channel.under_way_;
}

void TaskHub::send_initializer(WorkerId worker, TaskChannel& channel) {
  channel.readiness_[worker.value] = TaskChannel::Readiness::preparing;
  // A copy, as the message takes the bytes over, and every worker needs them.
  Task task = *channel.initializer_;
  send(worker, channel, channel.prepare(task, nullptr));
}

std::optional<WorkerId> TaskHub::find_idle(TaskChannel& channel) {
  if (idle_workers_ == 0) return std::nullopt;
  const std::size_t count = channel.workers_.size();
  for (std::size_t k = 0; k < count; ++k) {
    // The search goes on behind the last worker that was found, so that all of them get their share.
    const std::size_t at = channel.cursor_ + k < count ? channel.cursor_ + k : channel.cursor_ + k - count;
    const WorkerId worker = channel.workers_[at];
    if (slots_[worker.value].count > 0) continue;
    channel.cursor_ = at + 1 < count ? at + 1 : 0;
    return worker;
  }
  return std::nullopt;
}

// ---- the end ----------------------------------------------------------------------------------------------

void TaskHub::finish(bool cancel) {
  if (finished_) return;
  if (cancel) {
    const FutureThread::Hold hold;
    for (const auto& channel : channels_) channel->cancel_pending();
  }
  home_.drive_until([this] { return !busy(); });
  // A worker that stops looks at no later message and sends no more, so all answers are in before this.
  finished_ = true;
  home_.remove(*this);
  const EncodedMessage stop = encode_stop();
  for (std::uint32_t worker = 0; worker < worker_count(); ++worker)
    transport_.send({worker}, stop.kind, stop.body(), {});
}

}  // namespace mpipe::detail
