// SPDX-License-Identifier: BSD-3-Clause
// Bodies that are called in children of a zygote, and what is made of a child that dies.
#include "isolation/api/isolated_bodies.hpp"

#include "core/api/hash.hpp"
#include "isolation/call_message.hpp"
#include "isolation/call_server.hpp"

#include <fmt/format.h>

#include <sys/wait.h>

#include <chrono>
#include <condition_variable>
#include <csignal>
#include <cstring>
#include <deque>
#include <mutex>
#include <set>
#include <vector>

namespace mpipe {
namespace {

/// From the end of a process's channel to its own; a large one takes a while.
constexpr auto longest_end = std::chrono::seconds(2);

TimePoint now() { return std::chrono::steady_clock::now(); }

std::string bytes_text(std::uint64_t bytes) {
  constexpr std::uint64_t step = 1000;
  const char* const units[] = {"B", "kB", "MB", "GB", "TB"};
  std::size_t unit = 0;
  for (; bytes >= step && bytes % step == 0 && unit + 1 < std::size(units); ++unit) bytes /= step;
  return fmt::format("{} {}", bytes, units[unit]);
}

std::string limit_text(std::uint64_t memory) {
  return fmt::format("out of memory (limit {})", bytes_text(memory));
}

std::string signal_text(int number, std::uint64_t memory) {
  const char* const name = ::sigabbrev_np(number);
  std::string text = fmt::format("killed by signal {} (SIG{})", number, name != nullptr ? name : "?");
  if (number == SIGKILL) text += ", as the machine does when its memory is full";
  if (memory > 0) text += fmt::format("; its memory was limited to {}", bytes_text(memory));
  return text;
}

/// How a process ended, for the user.
std::string end_text(std::optional<int> status, std::uint64_t memory) {
  if (!status) return "its process closed what it answers by, and was killed";
  if (WIFSIGNALED(*status)) return signal_text(WTERMSIG(*status), memory);
  return fmt::format("ended by exit({})", WEXITSTATUS(*status));
}

/// How long a lack of descriptors, processes or memory may last while no child of this process computes, whose
/// end would help: others on the machine may be at their end.
constexpr auto longest_shortage = std::chrono::seconds(5);

/// Makes the children of one zygote, and keeps those that wait for their next call. A zygote that ended is
/// replaced by one that is forked from this process now.
class Children {
 public:
  explicit Children(std::shared_ptr<Zygote> zygote) : zygote_(std::move(zygote)) {}
  std::shared_ptr<Zygote> zygote() const {
    const std::lock_guard lock(mutex_);
    return zygote_;
  }

  /// A child that nobody else uses until `give_back` or `forget`; `kept`: one that waits, if there is one.
  /// Where there are no descriptors, processes or memory for it, waits for another child to end. Throws
  /// `JobShortage` where that does not help, or a second zygote was lost in the same way.
  std::pair<ChildProcess, bool> take(bool kept) {
    const TimePoint limit = now() + longest_shortage;
    for (;;) {
      if (kept)
        if (auto child = take_idle()) return {std::move(*child), false};
      const std::shared_ptr<Zygote> zygote = this->zygote();
      try {
        ChildProcess child = zygote->spawn(serve_calls);
        const std::lock_guard lock(mutex_);
        ++in_use_;
        return {std::move(child), true};
      } catch (const ZygoteLost&) {
        replace(*zygote, true);
      } catch (const JobShortage&) {
        if (!wait_for_room(limit)) throw;
      }
    }
  }
  void give_back(ChildProcess child) {
    const std::lock_guard lock(mutex_);
    --in_use_;
    if (&child.zygote() == zygote_.get()) idle_.push_back(std::move(child));
    room_.notify_one();
  }
  void forget() {
    const std::lock_guard lock(mutex_);
    --in_use_;
    room_.notify_one();
  }

  /// Puts another zygote into the place of one that was lost. Where `counts`, the same end of two of them is
  /// an error; otherwise an element is blamed for it.
  void replace(Zygote& lost, bool counts) {
    const std::optional<std::string> end = lost.lost();
    const std::lock_guard lock(mutex_);
    if (zygote_.get() != &lost) return;  // another thread has done so
    if (counts && end && !ends_.insert(*end).second) {
      throw JobShortage(fmt::format(
          "The process that forks isolated functions has ended twice in the same way: {} (it was replaced "
          "once). Find out what ends it, memory of the machine perhaps, and resume the run.",
          end->empty() ? "nobody knows how" : *end));
    }
    if (!end) lost.end();  // it does not answer
    idle_.clear();
    zygote_ = Zygote::start(Zygote::Moment::late);
  }

 private:
  std::optional<ChildProcess> take_idle() {
    const std::lock_guard lock(mutex_);
    if (idle_.empty()) return std::nullopt;
    std::optional<ChildProcess> child(std::move(idle_.back()));
    idle_.pop_back();
    ++in_use_;
    return child;
  }
  /// Gives up children that wait, then waits for others. False when there are none, and the limit is over.
  bool wait_for_room(TimePoint limit) {
    constexpr auto pause = std::chrono::milliseconds(20);
    std::unique_lock lock(mutex_);
    idle_.clear();
    if (in_use_ == 0 && now() > limit) return false;
    room_.wait_for(lock, pause);
    return true;
  }

  mutable std::mutex mutex_;
  std::condition_variable room_;
  std::shared_ptr<Zygote> zygote_;
  std::vector<ChildProcess> idle_;
  std::size_t in_use_ = 0;
  std::set<std::string> ends_;  ///< of zygotes that were replaced
};

/// A child for one call of a body; afterwards it waits for others, or ends.
class Lease {
 public:
  Lease(Children& children, ChildLife life) : children_(children), life_(life) {
    auto [child, is_fresh] = children.take(life == ChildLife::many);
    child_.emplace(std::move(child));
    is_fresh_ = is_fresh;
  }
  ~Lease() { end(); }
  Lease(const Lease&) = delete;
  Lease& operator=(const Lease&) = delete;

  ChildProcess& child() { return *child_; }
  /// It has computed nothing yet.
  bool is_fresh() const { return is_fresh_; }
  /// From here to `answered` nobody knows the state of the child. A lease that ends in between, as by an
  /// exception, does not give it back, and the destructor of the child kills it.
  void begin() { waits_ = false; }
  void answered() {
    waits_ = true;
    is_fresh_ = false;
  }
  /// Makes room for another child.
  void end() {
    if (!child_) return;
    if (life_ == ChildLife::many && waits_) {
      children_.give_back(std::move(*child_));
      child_.reset();
    } else {
      child_.reset();
      children_.forget();
    }
  }

 private:
  Children& children_;
  ChildLife life_;
  std::optional<ChildProcess> child_;
  bool is_fresh_ = false;
  bool waits_ = true;
};

/// A body that is called in children.
class IsolatedBody final : public FunctionBody {
 public:
  IsolatedBody(const Function& function, BodyPlace place, Children& children, ChildLife life)
      : body_(function.body()),
        needs_(function.resources()),
        place_(std::move(place)),
        children_(children),
        life_(life) {}

  const std::vector<ValueType>& parameters() const override { return body_.parameters(); }
  std::size_t output_count() const override { return body_.output_count(); }
  std::vector<ValueType> outputs(std::span<const ValueType> arguments) const override {
    return body_.outputs(arguments);
  }
  bool thread_safe() const override { return true; }
  bool draws_random_numbers() const override { return body_.draws_random_numbers(); }
  std::string identity() const override { return body_.identity(); }

  /// An element is blamed for the end of a process that had computed nothing else, or for taking too long.
  void call(BlockCall& call) const override {
    call.completed = 0;
    Lease lease(children_, life_);
    const Index step = is_timed() ? 1 : call.range.size();
    while (call.completed < call.range.size()) {
      const bool alone = step == 1 && lease.is_fresh();
      const std::optional<Death> death = ask(lease, call, step);
      if (!death) continue;
      // A child that computed other elements before may have died of those, e.g. by memory that they
      // overwrote. The rest is therefore computed one by one, each in a fresh process, to find the one to
      // blame.
      if (!death->zygote_lost && (alone || death->timed_out)) throw ProcessDied(death->text);
      lease.end();
      return call_one_by_one(call);
    }
  }

 private:
  struct Death {
    std::string text;
    bool timed_out = false;
    bool zygote_lost = false;
  };

  bool is_timed() const { return needs_.time > Duration::zero(); }
  /// The end of a time that begins now; without a limit: never.
  TimePoint after(Duration time) const { return is_timed() ? now() + std::min(time, never - now()) : never; }

  void call_one_by_one(BlockCall& call) const {
    while (call.completed < call.range.size()) {
      Lease lease(children_, ChildLife::one_call);
      if (const auto death = ask(lease, call, 1)) throw ProcessDied(death->text);
    }
  }

  /// Lets the child compute the next `count` elements of the call. Returns what became of the child if it has
  /// died; throws what the function threw.
  std::optional<Death> ask(Lease& lease, BlockCall& call, Index count) const {
    const Index first = call.range.begin + call.completed;
    // A late zygote has the objects of this process, as they were when it was forked, at the same addresses.
    const BodyPlace here{BodyPlace::How::object, reinterpret_cast<std::uintptr_t>(&body_), {}};
    if (call.at != nullptr && count == 1) call.at->store(first, std::memory_order_relaxed);
    const TimePoint deadline = after(needs_.time);
    // What of its time a call gets to see, so that it can stop by itself before it is killed.
    const TimePoint stop_at = std::min(call.stop.at(), after(needs_.time / 20 * 19));
    const EncodedCall request(lease.child().zygote().is_late() ? here : place_, needs_.memory, call,
                              {first, first + count}, stop_at);
    ChildProcess& child = lease.child();
    lease.begin();
    Channel::Message answer;
    Arrival arrival = Arrival::closed;
    try {
      if (child.send(static_cast<std::uint16_t>(CallKind::call), request.pieces()))
        arrival = child.receive(answer, deadline);
      if (arrival == Arrival::message) {
        const CallResult result = absorb_result(answer.bytes(), call, count);
        // A function that threw has left its child in order, so this comes before the exception.
        lease.answered();
        if (result.failure) raise(std::move(result), call.stop);
        return std::nullopt;
      }
    } catch (const Bug& damage) {
      throw ProcessDied(fmt::format("its process went out of its mind: {}", damage.what()));
    }
    if (arrival == Arrival::expired) {
      child.kill();
      // The end of the child is waited for, so that it takes neither memory nor a processor from the next
      // one.
      child.status();
      return Death{fmt::format("timed out after {:g} s", seconds(needs_.time)), true};
    }
    const std::optional<int> status = child.status(longest_end);
    if (status) return Death{end_text(status, needs_.memory)};
    if (const auto end = child.zygote().lost()) {
      // An element that ends the zygote as well is told from a zygote that was ended by others by a second
      // try: then it is alone.
      children_.replace(child.zygote(), false);
      return Death{fmt::format("the process that forks isolated functions ended with it: {}",
                               end->empty() ? "nobody knows how" : *end),
                   false, true};
    }
    child.kill();
    return Death{end_text(status, needs_.memory)};
  }

  [[noreturn]] void raise(CallResult result, const StopToken& of_run) const {
    const bool stopped = result.failure->type == type_name(typeid(Stopped));
    if (stopped && is_timed() && !of_run.stop_requested())
      throw ProcessDied(
          fmt::format("timed out: it stopped by itself when its time of {:g} s was nearly over ({})",
                      seconds(needs_.time), result.failure->message));
    if (result.out_of_memory) throw ProcessDied(limit_text(needs_.memory));
    throw ReportedError(*std::move(result.failure));
  }

  const FunctionBody& body_;
  const Resources needs_;
  const BodyPlace place_;
  Children& children_;
  const ChildLife life_;
};

}  // namespace

struct IsolatedBodies::State {
  std::optional<Children> early;
  std::optional<Children> late;

  Children& late_children() {
    if (!late) late.emplace(Zygote::start(Zygote::Moment::late));
    return *late;
  }
};

IsolatedBodies::IsolatedBodies(std::shared_ptr<Zygote> early) : state_(std::make_unique<State>()) {
  if (early && !early->has_ended()) state_->early.emplace(std::move(early));
}

IsolatedBodies::~IsolatedBodies() = default;

bool IsolatedBodies::forked_late() const { return state_->late.has_value(); }

namespace {

/// Where children of a zygote that was forked early find a body; empty: nowhere.
std::optional<BodyPlace> place_in(const Zygote& zygote, const FunctionBody& body) {
  if (const auto twin = zygote.find_twin(&body)) return BodyPlace{BodyPlace::How::object, *twin, {}};
  const std::optional<BodyRecipe> recipe = body.recipe();
  // Code that was loaded after the fork is not in the zygote, or something else is at its address.
  if (!recipe || !zygote.has_code(reinterpret_cast<const void*>(recipe->maker)) ||
      (recipe->code != nullptr && !zygote.has_code(recipe->code)))
    return std::nullopt;
  return BodyPlace{BodyPlace::How::recipe, reinterpret_cast<std::uintptr_t>(recipe->maker), recipe->bytes};
}

}  // namespace

std::shared_ptr<const FunctionBody> IsolatedBodies::isolate(const Function& function, ChildLife life) {
  const FunctionBody& body = function.body();
  if (state_->early)
    if (auto place = place_in(*state_->early->zygote(), body))
      return std::make_shared<const IsolatedBody>(function, std::move(*place), *state_->early, life);
  // A zygote that is forked late has the objects of this process, as they were then, at the same addresses.
  const auto address = reinterpret_cast<std::uintptr_t>(&body);
  return std::make_shared<const IsolatedBody>(function, BodyPlace{BodyPlace::How::object, address, {}},
                                              state_->late_children(), life);
}

// ---- a pipeline that the zygote has too

namespace {

using MakePipeline = Pipeline (*)(std::span<const std::byte>);

/// In the zygote: makes a pipeline that its children find. Tells where its bodies are.
std::vector<std::byte> make_pipeline(std::span<const std::byte> argument) {
  // The owner keeps the addresses of the bodies: pipelines stay for good, and a deque does not move them.
  static std::deque<Pipeline> made;
  ByteReader in(argument, kCallMessage);
  const auto make = reinterpret_cast<MakePipeline>(in.get<std::uint64_t>());
  const Pipeline& pipeline = made.emplace_back(make(in.get_bytes()));
  Bytes answer;
  ByteWriter out(answer);
  out.put(fnv1a(pipeline.digest_text()));
  for (const FunctionNode& node : pipeline.functions())
    out.put(static_cast<std::uint64_t>(reinterpret_cast<std::uintptr_t>(&node.function.body())));
  return answer;
}

}  // namespace

void make_in_zygote(Zygote& zygote, const Pipeline& pipeline, MakePipeline make,
                    std::span<const std::byte> argument) {
  Bytes bytes;
  ByteWriter out(bytes);
  out.put(static_cast<std::uint64_t>(reinterpret_cast<std::uintptr_t>(make)));
  out.put_bytes(argument);
  const std::vector<std::byte> answer = zygote.run(make_pipeline, bytes);
  ByteReader in(answer, kCallMessage);
  // Functions are paired by position below, which means something only for equal pipelines.
  if (in.get<std::uint64_t>() != fnv1a(pipeline.digest_text()))
    throw Error(Category::internal_error,
                "the process for isolated functions has made another pipeline (a plugin registers other "
                "functions there, or a file has just changed). Start again.");
  std::vector<std::pair<const void*, std::uint64_t>> twins;
  for (const FunctionNode& node : pipeline.functions())
    twins.emplace_back(&node.function.body(), in.get<std::uint64_t>());
  zygote.remember(std::make_shared<const Pipeline>(pipeline), std::move(twins));
}

}  // namespace mpipe
