// SPDX-License-Identifier: BSD-3-Clause
// Any bytes as what a rank and the process of an isolated function send each other: a call (behind a zero),
// or what came of one (behind which outputs it has, and how many elements were asked for).
#include <mpipe/core/error.hpp>

#include "fuzz/fuzz_target.hpp"
#include "isolation/call_message.hpp"

#include <algorithm>
#include <cstdlib>
#include <cstring>
#include <memory>

namespace {

using namespace mpipe;

constexpr std::size_t alignment = 64;

/// Bytes where channels put them, in a buffer that ends with them.
class Received {
 public:
  explicit Received(std::span<const std::byte> bytes) : size_(bytes.size()) {
    void* memory = nullptr;
    fuzz::require(::posix_memalign(&memory, alignment, std::max<std::size_t>(1, size_)) == 0,
                  "there is memory");
    memory_.reset(static_cast<std::byte*>(memory));
    if (size_ > 0) std::memcpy(memory_.get(), bytes.data(), size_);
  }
  std::span<const std::byte> bytes() const { return {memory_.get(), size_}; }

 private:
  struct Free {
    void operator()(std::byte* memory) const { std::free(memory); }
  };
  std::size_t size_;
  std::unique_ptr<std::byte, Free> memory_;
};

Bytes joined(std::span<const std::span<const std::byte>> pieces) {
  Bytes all;
  for (const auto& piece : pieces) all.insert(all.end(), piece.begin(), piece.end());
  return all;
}

/// All that a body would see of the argument for some elements, and whether that is worth looking at.
Bytes seen(const ArgumentView& view, const CallRequest& request) {
  constexpr Index most = 32;
  Bytes all;
  const Index end = std::min(request.range.end, request.range.begin + most);
  for (Index element = request.range.begin; element < end; ++element) {
    const MultiIndex index = multi_index(element, request.external);
    Index at = view.origin;
    for (std::size_t axis = 0; axis < index.size(); ++axis) at += index[axis] * view.strides[axis];
    view.for_each_in_slice(at, [&](Index position) {
      const auto value = view.value(position);
      if (view.type->kind == Kind::boolean)
        fuzz::require(std::to_integer<int>(value.front()) <= 1, "a bool is true or false");
      all.insert(all.end(), value.begin(), value.end());
    });
  }
  return all;
}

bool is_small(const Shape& slice) {
  Index count = 1;
  for (const Index extent : slice) {
    if (extent > 64) return false;
    count *= std::max<Index>(extent, 1);
    if (count > 64) return false;
  }
  return true;
}

/// What a request looks at is there, and can be sent on.
void use(CallRequest& request) {
  for (const ArgumentView& view : request.arguments)
    if (!is_small(view.slice_shape)) return;  // of one value, again and again: legal, but takes its time
  std::vector<Bytes> values;
  for (const ArgumentView& view : request.arguments) values.push_back(seen(view, request));
  const BlockCall call = request.call();
  const Received again(
      joined(EncodedCall(request.body, request.memory, call, request.range, request.stop_at).pieces()));
  const CallRequest read = decode_call(again.bytes());
  fuzz::require(read.arguments.size() == values.size() && read.outputs.size() == request.outputs.size(),
                "a call has the arguments and outputs that were sent");
  fuzz::require(read.stop_at == request.stop_at && read.attempt.number == request.attempt.number &&
                    read.attempt.message == request.attempt.message,
                "a call knows its time and which try it is");
  for (std::size_t k = 0; k < values.size(); ++k)
    fuzz::require(seen(read.arguments[k], read) == values[k], "a call has the values that were sent");
}

void read_call(std::span<const std::byte> bytes) {
  const Received received(bytes);
  try {
    CallRequest request = decode_call(received.bytes());
    use(request);
  } catch (const Bug&) {
  } catch (const Error&) {
  }
}

OutputColumn column(const ElementType& type, bool collects_items, PartialShape declared = {}) {
  OutputColumn column;
  column.type = &type;
  column.collects_items = collects_items;
  column.declared = std::move(declared);
  if (!column.declared.empty()) column.item_rank = column.declared.size();
  return column;
}

/// A call with one output of each form, or some of them.
struct SampleCall {
  static constexpr Index elements = 4;
  Shape external{elements};
  std::vector<std::byte> numbers{elements * sizeof(double)};
  std::vector<std::byte> flags{elements};
  std::vector<OutputColumn> outputs;
  BlockCall call;

  explicit SampleCall(unsigned wanted) {
    std::vector<OutputColumn> all{
        column(element_type<double>(), false),      column(element_type<bool>(), false),
        column(element_type<std::string>(), false), column(element_type<float>(), true, {std::nullopt, 2}),
        column(element_type<std::string>(), true),  column(array_type(element_type<double>()), false)};
    all[0].fixed = numbers.data();
    all[1].fixed = flags.data();
    for (std::size_t k = 0; k < all.size(); ++k)
      if ((wanted >> k & 1U) != 0) outputs.push_back(std::move(all[k]));
    call.range = {0, elements};
    call.external = &external;
    call.outputs = outputs;
  }
};

void check(const OutputColumn& column, Index completed) {
  if (column.fixed != nullptr || completed == 0) return;
  fuzz::require(column.internal.has_value() == column.collects_items,
                "items have a shape, and others have none");
  const Index per_element = column.internal ? element_count(*column.internal) : 1;
  const auto values = static_cast<std::size_t>(completed * per_element);
  if (column.type->fixed_size())
    return fuzz::require(column.bytes.size() == values * column.type->size, "each value has its bytes");
  fuzz::require(column.offsets.size() == values + 1 && column.offsets.front() == 0 &&
                    std::is_sorted(column.offsets.begin(), column.offsets.end()) &&
                    column.offsets.back() == column.bytes.size(),
                "offsets lie within the bytes, in order");
}

/// One answer after the other, as long as elements are missing: each the same.
void read_result(std::span<const std::byte> bytes, unsigned wanted, Index most) {
  SampleCall sample(wanted);
  BlockCall& call = sample.call;
  try {
    while (call.completed < SampleCall::elements) {
      const Index before = call.completed;
      const auto result = absorb_result(bytes, call, std::min(most, SampleCall::elements - before));
      fuzz::require(call.completed == before + result.completed, "complete elements are counted");
      for (const OutputColumn& column : sample.outputs) check(column, call.completed);
      if (result.failure) return;
    }
  } catch (const Bug&) {
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const auto bytes = std::as_bytes(std::span(data, size));
  if (size < 2) return 0;
  if (data[0] == 0) {
    read_call(bytes.subspan(1));
  } else {
    read_result(bytes.subspan(2), data[0], 1 + data[1] % SampleCall::elements);
  }
  return 0;
}
