// SPDX-License-Identifier: BSD-3-Clause
// What is read from other processes is believed only where it can be true.
#include "isolation/call_message.hpp"

#include <mpipe/core/error.hpp>

#include "isolation/call_server.hpp"

#include <gtest/gtest.h>

#include <unistd.h>

#include <algorithm>
#include <array>
#include <cstring>
#include <random>
#include <thread>

namespace mpipe::test {
namespace {

Bytes joined(std::span<const std::span<const std::byte>> pieces) {
  Bytes all;
  for (const auto& piece : pieces) all.insert(all.end(), piece.begin(), piece.end());
  return all;
}

/// A call of three elements with an array of numbers and one of texts.
struct SampleCall {
  std::vector<double> numbers{1, 2, 3, 4};
  std::string texts = "abbccc";
  std::vector<std::uint64_t> ends{0, 1, 3, 6, 6};
  Shape external{4};
  std::vector<ArgumentView> arguments{
      {&element_type<double>(), reinterpret_cast<const std::byte*>(numbers.data()), nullptr, 0, {1}, {}, {}},
      {&element_type<std::string>(),
       reinterpret_cast<const std::byte*>(texts.data()),
       ends.data(),
       0,
       {1},
       {},
       {}}};
  std::vector<double> values{0, 0, 0};
  std::vector<OutputColumn> outputs{2};
  BlockCall call;

  SampleCall() {
    outputs[0].type = &element_type<double>();
    outputs[0].fixed = reinterpret_cast<std::byte*>(values.data());
    outputs[1].type = &element_type<std::string>();
    call = {{1, 4}, &external, arguments, outputs, 11, 12, 0};
  }
  Bytes encoded() const { return joined(EncodedCall({}, 5, call, call.range).pieces()); }
};

TEST(CallMessage, HasThePartOfTheArgumentsThatIsNeeded) {
  const SampleCall sample;
  const Bytes bytes = sample.encoded();
  const CallRequest request = decode_call(bytes);
  EXPECT_EQ(request.range, (IndexRange{1, 4}));
  EXPECT_EQ(request.memory, 5u);
  EXPECT_EQ(request.seed, 11u);
  for (Index element = 1; element < 4; ++element)
    for (std::size_t k = 0; k < 2; ++k) {
      const ArgumentView& there = request.arguments[k];
      const auto got = there.value(there.origin + element * there.strides[0]);
      const auto want = sample.arguments[k].value(element);
      EXPECT_TRUE(std::equal(got.begin(), got.end(), want.begin(), want.end()));
    }
}

TEST(CallMessage, TellsWhenToStopAndWhichTryItIsOfTheFirstElement) {
  SampleCall sample;
  const Attempt second{2, "std::runtime_error", "not yet"};
  sample.call.attempt = &second;
  const TimePoint when{std::chrono::hours(7)};
  const auto told = [&](IndexRange range) {
    const Bytes bytes = joined(EncodedCall({}, 0, sample.call, range, when).pieces());
    CallRequest request = decode_call(bytes);
    EXPECT_EQ(request.call().stop.at(), when);
    EXPECT_EQ(request.call().attempt, &request.attempt);
    return request.attempt;
  };
  EXPECT_EQ(told({1, 4}).number, 2);
  EXPECT_EQ(told({1, 4}).type, "std::runtime_error");
  EXPECT_EQ(told({1, 4}).message, "not yet");
  EXPECT_EQ(told({2, 4}).number, 1) << "of another element";
}

/// Reads damaged bytes: they are refused or read, and nothing worse happens (run it with sanitizers).
template <class Read>
void damage(const Bytes& bytes, const Read& read) {
  std::mt19937 random(1);
  for (std::size_t length = 0; length < bytes.size(); ++length)
    EXPECT_ANY_THROW(read(Bytes(bytes.begin(), bytes.begin() + static_cast<std::ptrdiff_t>(length))))
        << length;
  for (int round = 0; round < 5000; ++round) {
    Bytes damaged = bytes;
    const std::size_t at = random() % damaged.size();
    damaged[at] = static_cast<std::byte>(random());
    if (round % 2 == 0) damaged[random() % damaged.size()] = std::byte{0xff};
    try {
      read(damaged);
    } catch (const std::exception&) {  // which is one of the two
    }
  }
}

TEST(CallMessage, ResultsAreAddedToWhatIsThere) {
  SampleCall there;
  Failure failure;
  failure.message = "what";
  failure.type = "T";
  CallResult result{2, failure};
  there.values = {5, 6, 7};
  there.outputs[1].push_encoded(std::as_bytes(std::span(std::string_view("xy"))));
  there.outputs[1].push_encoded(std::as_bytes(std::span(std::string_view("z"))));
  there.outputs[1].push_encoded(std::as_bytes(std::span(std::string_view("of one that failed"))));
  const EncodedResult encoded(result, there.outputs);
  const Bytes bytes = joined(encoded.pieces());

  SampleCall here;
  const CallResult read = absorb_result(bytes, here.call, 3);
  EXPECT_EQ(read.failure->message, "what");
  EXPECT_EQ(here.call.completed, 2);
  EXPECT_EQ(here.values, (std::vector<double>{5, 6, 0}));
  EXPECT_EQ(here.outputs[1].offsets, (std::vector<std::uint64_t>{0, 2, 3}));
  EXPECT_EQ(here.outputs[1].bytes.size(), 3u);
  EXPECT_THROW(absorb_result(bytes, here.call, 2), Bug) << "all elements, and a failure";
  EXPECT_THROW(absorb_result(bytes, here.call, 1), Bug) << "more than was asked for";
}

TEST(CallMessage, DamagedCallsAreRefused) {
  const Bytes bytes = SampleCall().encoded();
  int refused = 0;
  for (std::size_t at = 0; at < bytes.size(); ++at) {
    alignas(64) std::array<std::byte, 2048> damaged{};
    ASSERT_LE(bytes.size(), damaged.size());
    std::copy(bytes.begin(), bytes.end(), damaged.begin());
    damaged[at] ^= std::byte{0x81};
    try {
      decode_call(std::span(damaged).first(bytes.size()));
    } catch (const Bug&) {
      ++refused;
    } catch (const Error&) {
      ++refused;
    }
  }
  EXPECT_GT(refused, 100);
}

TEST(CallMessage, DamagedResultsAreRefused) {
  SampleCall there;
  for (const char* text : {"a", "bb", "ccc"})
    there.outputs[1].push_encoded(std::as_bytes(std::span(std::string_view(text))));
  const Bytes bytes = joined(EncodedResult({3, std::nullopt}, there.outputs).pieces());
  damage(bytes, [](const Bytes& damaged) {
    SampleCall here;
    absorb_result(damaged, here.call, 3);
  });
}

TEST(CallMessage, ResultsThatTheirOutputsCannotHaveAreRefused) {
  SampleCall sample;
  const auto refused = [&](OutputColumn there, OutputColumn here) {
    const Bytes bytes = joined(EncodedResult({3, std::nullopt}, std::span(&there, 1)).pieces());
    sample.call.outputs = std::span(&here, 1);
    sample.call.completed = 0;
    EXPECT_THROW(absorb_result(bytes, sample.call, 3), Bug);
  };
  OutputColumn text;
  text.type = &element_type<std::string>();
  OutputColumn items = text;
  for (OutputColumn* column : {&text, &items})
    for (int k = 0; k < 6; ++k) column->push_encoded({});
  items.internal = Shape{2};
  refused(items, text);

  OutputColumn declared;
  declared.type = text.type;
  declared.collects_items = true;
  declared.declared = {3};
  refused(items, declared);

  std::array<std::byte, 3> bytes{std::byte{0}, std::byte{2}, std::byte{1}};
  OutputColumn flags;
  flags.type = &element_type<bool>();
  flags.fixed = bytes.data();
  refused(flags, flags);
}

/// What a child answers to a request that it cannot carry out.
Failure failure_of(std::span<const std::byte> request) {
  auto [ours, its] = Channel::make();
  std::thread server([channel = std::move(its)]() mutable { serve_calls(std::move(channel)); });
  Channel::Message answer;
  EXPECT_TRUE(ours.send(static_cast<std::uint16_t>(CallKind::call), request));
  EXPECT_EQ(ours.receive(answer), Arrival::message);
  ours.shut_down();
  server.join();
  SampleCall here;
  const CallResult result = absorb_result(answer.bytes(), here.call, 3);
  EXPECT_EQ(result.completed, 0);
  return result.failure.value_or(Failure{});
}

TEST(CallMessage, RequestsThatCannotBeReadAreAnsweredWithWhy) {
  const Failure failure = failure_of(Bytes(3));
  EXPECT_NE(failure.message.find("ends too early"), std::string::npos) << failure.message;
}

TEST(CallMessage, RequestsForMoreElementsThanMemoryHasAreRefused) {
  SampleCall sample;
  sample.external = {Index{1} << 61};  // times the size of a double: 2^64
  sample.call.arguments = {};
  const EncodedCall request({}, 0, sample.call, {0, sample.external[0]});
  const Failure failure = failure_of(joined(request.pieces()));
  EXPECT_EQ(failure.category, Category::too_large) << failure.message;
}

TEST(Channel, CarriesBytesOfAllSizesAndDescriptors) {
  auto [a, b] = Channel::make();
  for (const std::size_t size : {std::size_t{0}, std::size_t{1}, Channel::most_inline_bytes,
                                 Channel::most_inline_bytes + 1, std::size_t{5'000'000}}) {
    Bytes bytes(size);
    for (std::size_t k = 0; k < size; ++k) bytes[k] = static_cast<std::byte>(k * 7);
    int pipe[2];
    ASSERT_EQ(::pipe(pipe), 0);
    ASSERT_TRUE(a.send(9, bytes, std::span(&pipe[1], 1)));
    Channel::Message message;
    ASSERT_EQ(b.receive(message), Arrival::message);
    EXPECT_EQ(message.kind, 9);
    EXPECT_TRUE(std::equal(bytes.begin(), bytes.end(), message.bytes().begin(), message.bytes().end()));
    EXPECT_EQ(reinterpret_cast<std::uintptr_t>(message.bytes().data()) % 64, 0u);
    ASSERT_EQ(message.descriptors.size(), 1u);
    char byte = 'x';
    EXPECT_EQ(::write(message.descriptors[0].get(), &byte, 1), 1);
    EXPECT_EQ(::read(pipe[0], &byte, 1), 1);
    ::close(pipe[0]);
    ::close(pipe[1]);
  }
}

TEST(Channel, RefusesOtherBytesAndTellsTheEnd) {
  auto [a, b] = Channel::make();
  const std::string text = "this is no message of ours at all";
  ASSERT_GT(::write(a.descriptor(), text.data(), text.size()), 0);
  Channel::Message message;
  EXPECT_THROW(b.receive(message), Bug);
  auto [c, d] = Channel::make();
  EXPECT_EQ(d.receive(message, std::chrono::steady_clock::now()), Arrival::expired);
  c.release().close();
  EXPECT_EQ(d.receive(message), Arrival::closed);
  EXPECT_FALSE(d.send(1, std::span<const std::byte>()));
}

}  // namespace
}  // namespace mpipe::test
