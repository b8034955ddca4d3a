// SPDX-License-Identifier: BSD-3-Clause
// Any bytes as what ranks send each other: a value, the messages of a run, and a failure. A value that is
// read can be used, and its bytes read as the same.
#include <mpipe/core/error.hpp>
#include <mpipe/data/value.hpp>

#include "exec/api/messages.hpp"
#include "fuzz/fuzz_target.hpp"

#include <algorithm>

namespace {

using namespace mpipe;

void read_value(std::span<const std::byte> bytes) {
  try {
    const Value value = Value::from_wire(bytes);
    fuzz::require(Value::from_wire(value.to_wire()) == value, "a value reads as it was written");
    fuzz::require(!describe(value).empty(), "a value has a description");
    for (Index k = 0; k < std::min<Index>(value.count(), 100); ++k)
      (void)describe_element(value.type(), value.element(k));
  } catch (const Error&) {
  }
}

/// What is read can be sent, and then reads as the same: it is encoded as the same.
template <class Decode>
void read_twice(const Frame& frame, const Decode& decode) {
  EncodedMessage once;
  try {
    once = encode(decode(frame));
  } catch (const Bug&) {  // nobody sends this
    return;
  }
  const EncodedMessage twice = encode(decode({frame.worker, once.kind, once.content, {}}));
  fuzz::require(twice.kind == once.kind && twice.content == once.content, "a message reads as it was sent");
}

void read_messages(std::span<const std::byte> bytes) {
  if (bytes.size() < 2) return;
  const auto body_size = std::min(kMaxBodyBytes, static_cast<std::size_t>(bytes[1]));
  Frame frame;
  frame.kind = static_cast<FrameKind>(bytes[0]);
  frame.body = bytes.subspan(2).first(std::min(body_size, bytes.size() - 2));
  frame.payload = bytes.subspan(2 + frame.body.size());
  read_twice(frame, decode_to_worker);
  read_twice(frame, decode_to_root);
}

/// What members of a team tell each other.
void read_failure(std::span<const std::byte> bytes) {
  try {
    fuzz::require(encode_failure(decode_failure(bytes)).size() == bytes.size(),
                  "a failure has the bytes that were read");
  } catch (const Bug&) {
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const auto bytes = std::as_bytes(std::span(data, size));
  read_value(bytes);
  read_messages(bytes);
  read_failure(bytes);
  return 0;
}
