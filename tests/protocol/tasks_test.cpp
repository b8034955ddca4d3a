// SPDX-License-Identifier: BSD-3-Clause
// Executors' two sides over a network that is a data structure: delays, workers that overtake each other, and
// workers that lie.
#include <mpipe/futures/future.hpp>
#include <mpipe/futures/map_results.hpp>
#include <mpipe/futures/task.hpp>

#include "base/api/failure_bytes.hpp"
#include "comm/api/loopback.hpp"
#include "comm/api/waiter.hpp"
#include "futures/task_hub.hpp"
#include "futures/task_server.hpp"
#include "support/expect_error.hpp"

#include <gtest/gtest.h>

#include <random>

namespace mpipe::test {
namespace {

using namespace detail;
using namespace std::chrono_literals;

int twice(int x) { return 2 * x; }
int complain(int x) { throw std::out_of_range("no " + std::to_string(x)); }
std::string repeat(const std::string& text, int times) {
  std::string all;
  for (int k = 0; k < times; ++k) all += text;
  return all;
}
int prepared = 0;
void prepare() { ++prepared; }

constexpr RunId run = 7;

/// The root and some workers in one thread; a turn of the root is followed by turns of random workers.
class Network {
 public:
  explicit Network(std::uint32_t workers, std::uint64_t seed = 0, int longest_delay = 0,
                   WaitOptions wait = {})
      : random_(seed),
        network_(workers, run,
                 [this, longest_delay](const FrameInfo& info) {
                   sent.push_back(info);
                   return Delivery{.delay_polls = longest_delay > 0 ? pick(longest_delay + 1) : 0};
                 }),
        hub(network_.root(), code_, places(workers), wait) {
    for (std::uint32_t k = 0; k < workers; ++k)
      servers_.emplace_back(network_.worker({k}), code_, places(workers)[k]);
  }

  /// Lets workers work while `future` is not done.
  template <class R>
  const Future<R>& bring(const Future<R>& future) {
    for (int k = 0; k < 100'000 && !future.done(); ++k) let_work();
    EXPECT_TRUE(future.done());
    return future;
  }
  void let_work() {
    TaskServer& server = servers_[static_cast<std::size_t>(pick(static_cast<int>(servers_.size())))];
    server.turn();
  }
  /// The worker's end, for a test that plays the worker.
  WorkerTransport& end(std::uint32_t worker) { return network_.worker({worker}); }

  /// Lets the workers go, and expects that nothing is left.
  void shut_down() {
    for (int k = 0; k < 10'000; ++k) {
      hub.turn();
      let_work();
    }
    hub.finish(false);
    for (TaskServer& server : servers_) {
      int turns = 0;
      while (server.turn() != TaskServer::Turn::stopped && turns < 1000) ++turns;
      EXPECT_LT(turns, 1000);
    }
    network_.expect_nothing_sent();
  }

  template <class F, class... Args>
  auto submit(TaskChannel& channel, F function, const Args&... args) {
    using R = TaskResult<F, Args...>;
    auto state = std::make_shared<TaskState<R>>(&channel);
    channel.submit(task(function, args...), state);
    return Future<R>(state);
  }
  int pick(int below) { return std::uniform_int_distribution<int>(0, below - 1)(random_); }

  std::vector<FrameInfo> sent;

 private:
  static std::vector<ProcessPlace> places(std::uint32_t workers) {
    std::vector<ProcessPlace> all;
    for (std::uint32_t k = 0; k < workers; ++k)
      all.push_back({static_cast<int>(k) + 1, "node" + std::to_string(k)});
    return all;
  }

  std::mt19937_64 random_;
  CodeMap code_;
  LoopbackNetwork network_;
  std::deque<TaskServer> servers_;

 public:
  TaskHub hub;
};

TEST(Tasks, random_runs) {
  int finished = 0;
  int cancelled = 0;
  int failed = 0;
  for (std::uint64_t seed = 0; seed < 60; ++seed) {
    SCOPED_TRACE(seed);
    Network network(1 + static_cast<std::uint32_t>(seed % 4), seed, static_cast<int>(seed % 7));
    std::vector<TaskChannel*> channels;
    for (int k = 0; k < 3; ++k) {
      std::optional<Task> initializer;
      if (k == 1) initializer = task(prepare);
      channels.push_back(&network.hub.open(static_cast<std::uint32_t>(1 + network.pick(4)), initializer));
    }
    std::vector<std::pair<Future<int>, int>> numbers;
    std::vector<std::pair<Future<std::string>, int>> texts;
    for (int k = 0; k < 120; ++k) {
      TaskChannel& channel = *channels[static_cast<std::size_t>(network.pick(3))];
      switch (network.pick(8)) {
        case 0:
          numbers.emplace_back(network.submit(channel, complain, k), -1);
          break;
        case 1:
          texts.emplace_back(network.submit(channel, repeat, "abc", k * 4), k * 4);
          break;
        case 2:
          if (!numbers.empty())
            numbers[static_cast<std::size_t>(network.pick(static_cast<int>(numbers.size())))].first.cancel();
          break;
        default:
          numbers.emplace_back(network.submit(channel, twice, k), 2 * k);
      }
      if (network.pick(2) == 0) network.let_work();
    }
    for (const auto& [future, value] : numbers) {
      if (network.bring(future).cancelled()) {
        ++cancelled;
      } else if (value == -1) {
        EXPECT_THROW(future.result(), TaskError);
        ++failed;
      } else {
        EXPECT_EQ(future.result(), value);
        ++finished;
      }
    }
    for (const auto& [future, times] : texts) EXPECT_EQ(network.bring(future).result(), repeat("abc", times));
    for (const TaskChannel* channel : channels) EXPECT_TRUE(channel->idle());
    network.shut_down();
  }
  EXPECT_GT(finished, 1000);
  EXPECT_GT(cancelled, 50);
  EXPECT_GT(failed, 100);
}

// While workers are slow to answer, each has one task, until tasks are known to be short and many wait.
TEST(Tasks, two_at_a_worker_only_where_they_are_short) {
  Network network(1);
  TaskChannel& channel = network.hub.open(1, {});
  std::vector<Future<int>> futures;
  for (int k = 0; k < 6; ++k) futures.push_back(network.submit(channel, twice, k));
  const auto running = [&] {
    return std::count_if(futures.begin(), futures.end(),
                         [](const Future<int>& future) { return future.running(); });
  };
  EXPECT_EQ(running(), 1);
  network.bring(futures[0]);
  EXPECT_EQ(running(), 2);
  for (const auto& future : futures) network.bring(future);
  const Future<void> slow = network.submit(channel, [] { sleep_for(8ms); });
  network.bring(slow);
  futures.clear();
  for (int k = 0; k < 6; ++k) futures.push_back(network.submit(channel, twice, k));
  network.bring(futures[0]);
  EXPECT_EQ(running(), 1);
  for (const auto& future : futures) network.bring(future);
  network.shut_down();
}

TEST(Tasks, an_initializer_is_sent_once_per_worker_and_first) {
  Network network(2);
  prepared = 0;
  TaskChannel& channel = network.hub.open(2, task(prepare));
  channel.initialize();
  channel.initialize();
  EXPECT_EQ(network.sent.size(), 2U);
  const Future<int> future = network.submit(channel, [] { return prepared; });
  EXPECT_FALSE(future.running());  // no worker is ready
  EXPECT_GT(network.bring(future).result(), 0);
  network.shut_down();
  EXPECT_EQ(prepared, 2);
}

/// What a worker could send that no worker sends.
struct Lie {
  const char* what;
  EncodedMessage message;
  Bytes payload = {};
};

EncodedMessage result_of(TaskId task, Duration busy, std::size_t bytes) {
  EncodedMessage message;
  begin_result(message, task);
  message.content.resize(message.content.size() + bytes);
  end_result(message, busy);
  return message;
}

std::vector<Lie> lies(TaskId task) {
  const EncodedMessage good = result_of(task, 1us, 4);
  const EncodedMessage failure = encode(FailureMessage{task, 1us, {}});
  std::vector<Lie> all;
  all.push_back({"another task", result_of(task + 1, 1us, 4)});
  all.push_back({"a negative time", result_of(task, -1us, 4)});
  all.push_back({"an unknown kind", good});
  all.back().message.kind = 99;
  all.push_back({"a message for workers", encode_stop()});
  all.push_back({"too short", good});
  all.back().message.content.resize(9);
  all.push_back({"body and payload", good, Bytes(10)});
  all.push_back({"an unknown category", failure});
  all.back().message.content[28] = std::byte{0xff};  // behind task, time, element and rank
  all.push_back({"too long a text", failure});
  all.back().message.content[44] = std::byte{0xff};  // behind the category, the subject and the index
  all.push_back({"more than a failure", failure});
  all.back().message.content.push_back({});
  all.push_back({"that it gives up", encode(LostMessage{"it cannot go on"})});
  return all;
}

TEST(Tasks, a_worker_that_answers_garbage_breaks_everything_and_hangs_nothing) {
  const std::size_t count = lies(0).size();
  EXPECT_EQ(count, 10U);
  for (std::size_t k = 0; k < count; ++k) {
    Network network(2);
    TaskChannel& channel = network.hub.open(2, {});
    TaskChannel& other = network.hub.open(2, {});
    const Future<int> asked = network.submit(channel, twice, 1);
    const Future<int> elsewhere = network.submit(other, twice, 2);
    const Future<int> waiting = network.submit(other, twice, 3);
    Lie lie = lies(1)[k];  // the first task has number 1, and is at worker 0
    SCOPED_TRACE(lie.what);
    EXPECT_TRUE(waiting.cancel() || !waiting.running());
    network.end(0).send(lie.message.kind, lie.message.body(), std::move(lie.payload));
    for (const Future<int>& future : {asked, elsewhere}) {
      try {
        future.result(10s);
        ADD_FAILURE() << "no exception";
      } catch (const BrokenPool& error) {
        EXPECT_EQ(error.category(), Category::rank_lost);
        EXPECT_TRUE(contains(error.what(), "Rank 1 on node0"));
      }
    }
    EXPECT_THROW(network.submit(channel, twice, 1), BrokenPool);
    EXPECT_THROW(network.hub.open(1, {}), BrokenPool);
    EXPECT_TRUE(channel.idle());
    EXPECT_TRUE(other.idle());
    network.shut_down();  // the workers hear of the end all the same
  }
}

// A value that is no value of the type is the trouble of its future alone.
TEST(Tasks, a_value_of_another_size_fails_its_future) {
  Network network(1);
  TaskChannel& channel = network.hub.open(1, {});
  const Future<int> future = network.submit(channel, twice, 1);
  while (network.end(0).poll() == nullptr) continue;
  const EncodedMessage message = result_of(1, 1us, 3);
  network.end(0).send(message.kind, message.body());
  error_message(Category::storage_failed, [&] { future.result(10s); });
  EXPECT_EQ(network.bring(network.submit(channel, twice, 4)).result(), 8);
  network.shut_down();
}

TEST(Tasks, silence_is_an_error_after_the_limit) {
  Network network(1, 0, 0, {.limit = 20ms});
  TaskChannel& channel = network.hub.open(1, {});
  const Future<int> future = network.submit(channel, twice, 1);
  try {
    future.result();
    ADD_FAILURE() << "no exception";
  } catch (const BrokenPool& error) {
    EXPECT_TRUE(contains(error.what(), "MPIPE_WAIT_LIMIT"));
  }
  network.shut_down();
}

/// What the root could send that it does not.
TEST(Tasks, a_worker_refuses_what_is_no_task_and_says_so) {
  const auto refused = [](EncodedMessage message) {
    LoopbackNetwork network(1, run);
    const CodeMap code;
    TaskServer server(network.worker({0}), code, {1, "here"});
    network.root().send({0}, message.kind, message.body(), message.take_payload());
    EXPECT_THROW(server.turn(), Bug);
    const Frame* const frame = network.root().poll();
    ASSERT_NE(frame, nullptr);
    const ToTaskRoot answer = decode_for_task_root(*frame);
    ASSERT_TRUE(std::holds_alternative<LostMessage>(answer));
    EXPECT_FALSE(std::get<LostMessage>(answer).why.empty());
  };
  const CodeMap code;
  const auto call = [&](CodeAddress invoker, CodeAddress target) {
    return encode_call(1, invoker, target, task(twice, 1).message());
  };
  const CodeAddress good = code.locate(reinterpret_cast<const void*>(task(twice, 1).invoker()));
  refused(call({0, ~std::uint64_t{0}}, {}));       // before the program
  refused(call({0, std::uint64_t{1} << 40}, {}));  // behind it
  refused(call({1 << 20, 0}, {}));                 // no module
  refused(call({}, {}));
  refused(call(good, {0, std::uint64_t{1} << 40}));
  EncodedMessage short_one = call(good, good);
  short_one.content.resize(31);
  refused(short_one);
  EncodedMessage result = call(good, good);
  result.kind = 65;
  refused(result);
  EncodedMessage stop = encode_stop();
  stop.content.resize(1);
  refused(stop);
}

TEST(Tasks, wrong_arguments_are_the_failure_of_the_task) {
  LoopbackNetwork network(1, run);
  const CodeMap code;
  TaskServer server(network.worker({0}), code, {3, "here"});
  Task made = task(twice, 1);
  EncodedMessage call =
      encode_call(5, code.locate(reinterpret_cast<const void*>(made.invoker())),
                  code.locate(reinterpret_cast<const void*>(made.target())), made.message());
  for (const std::size_t size : {kCallHeaderBytes + 3, kCallHeaderBytes + 5}) {
    call.content.resize(size);
    network.root().send({0}, call.kind, call.body());
    EXPECT_EQ(server.turn(), TaskServer::Turn::worked);
    const ToTaskRoot answer = decode_for_task_root(*network.root().poll());
    ASSERT_TRUE(std::holds_alternative<FailureMessage>(answer));
    EXPECT_EQ(std::get<FailureMessage>(answer).task, 5U);
    EXPECT_EQ(std::get<FailureMessage>(answer).failure.category, Category::storage_failed);
    EXPECT_EQ(std::get<FailureMessage>(answer).failure.rank, 3);
  }
}

TEST(CodeMap, finds_functions_again) {
  const CodeMap code;
  for (const void* function :
       {reinterpret_cast<const void*>(&twice), reinterpret_cast<const void*>(&std::abort),
        reinterpret_cast<const void*>(&complain)}) {
    EXPECT_EQ(code.resolve(code.locate(function)), function);
  }
  EXPECT_EQ(code.locate(reinterpret_cast<const void*>(&twice)).module, 0U);
  error_message(Category::bad_option, [&] { code.locate(&prepared); });  // not code
  int local = 0;
  error_message(Category::bad_option, [&] { code.locate(&local); });
  const std::vector<CodeModule> modules = loaded_modules();
  ASSERT_GT(modules.size(), 2U);
  for (const CodeModule& module : modules) EXPECT_FALSE(module.identity.empty()) << module.name;
}

/// What a future of a chunk of three elements makes of so many results, and perhaps a failure.
FutureStatus chunk_of_three(std::uint32_t count, bool failed) {
  Bytes bytes;
  ByteWriter out(bytes);
  out.put(count);
  out.put(failed);
  if (failed) put_failure(out, Failure());
  ChunkState<void> state(nullptr, 3);
  state.accept(bytes);
  return state.status();
}

TEST(Tasks, ChunksHaveTheResultsOfTheElementsThatWereSent) {
  EXPECT_EQ(chunk_of_three(3, false), FutureStatus::finished);
  EXPECT_EQ(chunk_of_three(2, true), FutureStatus::finished);
  EXPECT_EQ(chunk_of_three(2, false), FutureStatus::failed) << "one is missing";
  EXPECT_EQ(chunk_of_three(3, true), FutureStatus::failed) << "one too many";
  EXPECT_EQ(chunk_of_three(~0U, false), FutureStatus::failed) << "4 GiB of nothing";
}

}  // namespace
}  // namespace mpipe::test
