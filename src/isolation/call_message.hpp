// SPDX-License-Identifier: BSD-3-Clause
/// @file
/// A call of a body in another process: what is sent there, and what comes back. The messages' header, with
/// the version, is that of comm/channel.hpp; numbers are as in memory.
#pragma once

#include <mpipe/base/bytes.hpp>
#include <mpipe/core/failure.hpp>
#include <mpipe/pipeline/function_body.hpp>

#include "isolation/api/channel.hpp"

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <vector>

namespace mpipe {

/// Kinds of messages between a rank and a child that calls bodies.
enum class CallKind : std::uint16_t { call = 1, result = 65 };

/// What the bytes of a call, and of its result, are called in errors.
inline constexpr std::string_view kCallMessage = "a call of an isolated function";
/// Lists of extents and strides in a call are at most this long.
inline constexpr std::uint64_t kMaxAxes = 64;

/// Where the child finds the body.
struct BodyPlace {
  enum class How : std::uint8_t {
    object,  ///< `address` is that of a `FunctionBody`
    recipe   ///< `address` is that of a `BodyRecipe::Maker`, which is given `bytes`
  };
  How how = How::object;
  std::uint64_t address = 0;
  Bytes bytes;
};

/// A call, cut to what it needs: arguments are parts of the caller's arrays, which lie in the message.
struct CallRequest {
  BodyPlace body;
  std::uint64_t memory = 0;  ///< limit of what the call may use, in bytes; 0: none
  IndexRange range;
  Shape external;
  std::uint64_t seed = 0;
  std::uint64_t stream = 0;
  Resources resources;  ///< that the call has
  TimePoint stop_at;    ///< when it is told to stop
  Attempt attempt;      ///< of the first element
  std::vector<ArgumentView> arguments;
  std::vector<OutputColumn> outputs;  ///< as the body is to find them, but for `fixed`
  std::vector<bool> has_fixed;        ///< per output: the body is to find room for a scalar of each element

  /// The call that is asked for. Looks at this request, which must stay where it is.
  BlockCall call();
};

/// A request, ready to be sent. Its pieces are the caller's arrays, as far as they are needed, and what had
/// to be put together:
///
///     u64 length of the header, header, padding, then values and offsets of the arguments, each at a
///     multiple of 64 bytes
///
class EncodedCall {
 public:
  /// `range`: part of the call's. The call's arguments must stay while this lives.
  /// `stop_at`: see `StopToken`; its flag is in memory that the child has, too.
  EncodedCall(const BodyPlace& body, std::uint64_t memory, const BlockCall& call, IndexRange range,
              TimePoint stop_at = TimePoint::max());
  std::span<const std::span<const std::byte>> pieces() const { return pieces_; }

 private:
  void add_argument(const BlockCall& call, const ArgumentView& view, IndexRange range);
  std::uint64_t add_data(std::span<const std::byte> bytes);

  Bytes header_;
  std::vector<std::span<const std::byte>> data_;
  std::vector<Bytes> gathered_;
  std::uint64_t data_bytes_ = 0;
  std::vector<std::span<const std::byte>> pieces_;
};

/// Throws `Bug` for bytes that are no request, and `Error` (storage_failed, too_large) where types or shapes
/// in it are none. Views of the result look into `bytes`, which begin at a multiple of 64.
CallRequest decode_call(std::span<const std::byte> bytes);

struct CallResult {
  Index completed = 0;
  std::optional<Failure> failure = {};  ///< what the body threw
  bool out_of_memory = false;           ///< it threw because the call may not use more memory
};

/// The child's answer: `outputs` as the body left them, `fixed` ones with their values; without outputs where
/// no element is complete.
class EncodedResult {
 public:
  EncodedResult(const CallResult& result, std::span<const OutputColumn> outputs);
  std::span<const std::span<const std::byte>> pieces() const { return pieces_; }

 private:
  Bytes header_;
  std::vector<std::span<const std::byte>> pieces_;
};

/// Adds what came back for elements from `call.range.begin + call.completed` on, at most `most` of them, to
/// the outputs of `call`, and counts them as completed. Throws `Bug` for bytes that are no result of that.
CallResult absorb_result(std::span<const std::byte> bytes, BlockCall& call, Index most);

}  // namespace mpipe
