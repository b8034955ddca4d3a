// SPDX-License-Identifier: BSD-3-Clause
// What calls in another process bring back. It may come from a process that was out of its mind: nothing in
// it is believed.
#include "base/api/failure_bytes.hpp"
#include "isolation/call_message.hpp"

#include <algorithm>
#include <cstring>

namespace mpipe {
namespace {

[[noreturn]] void wrong(const char* what) {
  throw Bug(std::string("the result of an isolated call is damaged: ") + what);
}

/// The values in arrays of that shape, unless there are more than `most` of them.
std::uint64_t count_values(const Shape& shape, std::uint64_t most) {
  if (std::any_of(shape.begin(), shape.end(), [](Index extent) { return extent < 0; }))
    wrong("it has an array of less than nothing");
  if (std::find(shape.begin(), shape.end(), 0) != shape.end()) return 0;
  std::uint64_t count = 1;
  for (const Index extent : shape) {
    // The division cannot overflow, as the product of extents that were made up could.
    if (static_cast<std::uint64_t>(extent) > most / count) wrong("it has fewer values than its shape");
    count *= static_cast<std::uint64_t>(extent);
  }
  return count;
}

/// One output as it came back.
struct ReadOutput {
  std::optional<Shape> internal;
  std::span<const std::byte> bytes;
  std::span<const std::byte> offsets;
};

ReadOutput read_output(ByteReader& in) {
  ReadOutput output;
  const bool has_internal = in.get<bool>();
  Shape internal = in.get_indices();
  if (has_internal) output.internal = std::move(internal);
  output.bytes = in.get_bytes();
  output.offsets = in.get_bytes();
  return output;
}

/// What the check refuses is damage, too.
template <class Check>
void must_pass(const Check& check) {
  try {
    check();
  } catch (const Error& error) {
    wrong(error.what());
  }
}

void check_values(std::span<const std::byte> bytes, const ElementType& type) {
  if (type.kind == Kind::boolean) must_pass([&] { detail::check_booleans(bytes, type); });
}

void absorb_fixed(const ReadOutput& output, OutputColumn& column, Index before, Index completed) {
  const std::size_t size = column.type->size;
  if (output.bytes.size() != static_cast<std::size_t>(completed) * size) wrong("it has other values");
  check_values(output.bytes, *column.type);
  if (!output.bytes.empty())
    std::memcpy(column.fixed + static_cast<std::size_t>(before) * size, output.bytes.data(),
                output.bytes.size());
}

void absorb_offsets(const ReadOutput& output, OutputColumn& column, std::uint64_t values) {
  std::uint64_t last = 0;
  ByteReader offsets(output.offsets, kCallMessage);
  if (values > 0 && offsets.get<std::uint64_t>() != 0) wrong("its offsets do not begin at 0");
  if (column.offsets.empty()) column.offsets.push_back(0);
  const std::uint64_t base = column.offsets.back();
  // Bytes behind the last offset belong to no value, and would shift all that are appended.
  column.bytes.resize(static_cast<std::size_t>(base));
  for (std::uint64_t k = 0; k < values; ++k) {
    const auto end = offsets.get<std::uint64_t>();
    if (end < last || end > output.bytes.size()) wrong("its offsets lie outside of its values");
    column.offsets.push_back(base + end);
    last = end;
  }
  detail::append(column.bytes, output.bytes.data(), static_cast<std::size_t>(last));
}

void absorb_output(const ReadOutput& output, OutputColumn& column, Index before, Index completed) {
  if (column.fixed != nullptr) return absorb_fixed(output, column, before, completed);
  if (column.collects_items && !output.internal) wrong("it has items without a shape");
  if (!column.collects_items && output.internal) wrong("it has a shape without items");
  const auto elements = static_cast<std::uint64_t>(completed);
  const std::uint64_t room = column.type->fixed_size() ? output.bytes.size() / column.type->size
                                                       : output.offsets.size() / sizeof(std::uint64_t);
  const std::uint64_t per_element = column.collects_items ? count_values(*output.internal, room) : 1;
  if (per_element > 0 && elements > room / per_element) wrong("it has fewer values than elements");
  if (output.internal) must_pass([&] { column.check_items(*output.internal); });
  if (!column.type->fixed_size()) return absorb_offsets(output, column, elements * per_element);
  const auto size = static_cast<std::size_t>(elements * per_element) * column.type->size;
  check_values(output.bytes.first(size), *column.type);
  detail::append(column.bytes, output.bytes.data(), size);
}

}  // namespace

EncodedResult::EncodedResult(const CallResult& result, std::span<const OutputColumn> outputs) {
  ByteWriter out(header_);
  out.put(result.completed);
  out.put(result.failure.has_value());
  if (result.failure) {
    put_failure(out, *result.failure);
    out.put(result.out_of_memory);
  }
  if (result.completed == 0) outputs = {};  // what was begun of an element is nobody's
  // The values lie behind their lengths, without being copied: the header is sent in parts.
  std::vector<std::pair<std::size_t, std::span<const std::byte>>> values;
  for (const OutputColumn& column : outputs) {
    out.put(column.internal.has_value());
    out.put_list<Index>(column.internal.value_or(Shape{}));
    std::span<const std::byte> bytes(column.bytes);
    if (column.fixed != nullptr)
      bytes = {column.fixed, static_cast<std::size_t>(result.completed) * column.type->size};
    for (const auto& part : {bytes, std::as_bytes(std::span(column.offsets))}) {
      out.put(static_cast<std::uint64_t>(part.size()));
      values.emplace_back(header_.size(), part);
    }
  }
  std::size_t at = 0;
  for (const auto& [behind, part] : values) {
    pieces_.push_back(std::span<const std::byte>(header_).subspan(at, behind - at));
    pieces_.push_back(part);
    at = behind;
  }
  pieces_.push_back(std::span<const std::byte>(header_).subspan(at));
}

CallResult absorb_result(std::span<const std::byte> bytes, BlockCall& call, Index most) {
  ByteReader in(bytes, kCallMessage);
  CallResult result;
  result.completed = in.get<Index>();
  if (in.get<bool>()) {
    result.failure = get_failure(in);
    result.out_of_memory = in.get<bool>();
  }
  const bool possible = 0 <= result.completed && result.completed <= most;
  if (!possible || (result.completed == most) == result.failure.has_value())
    wrong("it is not of the elements that were asked for");
  if (result.completed > 0)
    for (OutputColumn& column : call.outputs)
      absorb_output(read_output(in), column, call.completed, result.completed);
  if (!in.at_end()) wrong("it has more outputs than the function");
  // The count comes last: if an output is refused, what others have appended lies behind the completed
  // elements, where nobody looks.
  call.completed += result.completed;
  return result;
}

}  // namespace mpipe
