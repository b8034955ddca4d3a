// SPDX-License-Identifier: BSD-3-Clause
// Calls on their way to another process.
#include <mpipe/data/value.hpp>

#include "base/api/stop_request.hpp"
#include "isolation/call_message.hpp"
#include "pipeline/api/argument_part.hpp"

#include <algorithm>
#include <array>

namespace mpipe {
namespace {

/// Arguments lie at addresses that suit every type.
constexpr std::size_t alignment = 64;
constexpr std::array<std::byte, alignment> padding{};

constexpr std::uint64_t padding_behind(std::uint64_t size) {
  return (alignment - size % alignment) % alignment;
}

/// Types go by an empty value of theirs, whose encoding has the type's name.
void put_type(ByteWriter& out, const ElementType& type) {
  const std::uint64_t none = 0;
  const auto offsets = type.fixed_size() ? std::span<const std::uint64_t>() : std::span(&none, 1);
  out.put_bytes(Value::copy_of(type, {0}, {}, offsets).to_wire());
}

const ElementType& get_type(ByteReader& in) { return Value::from_wire(in.get_bytes()).type(); }

void put_output(ByteWriter& out, const OutputColumn& column) {
  put_type(out, *column.type);
  out.put(column.collects_items);
  out.put(column.fixed != nullptr);
  out.put(column.item_rank.has_value());
  out.put(static_cast<std::uint64_t>(column.item_rank.value_or(0)));
  Shape declared;
  for (const auto& extent : column.declared) declared.push_back(extent.value_or(-1));
  out.put_list<Index>(declared);
  out.put(column.internal.has_value());
  out.put_list<Index>(column.internal.value_or(Shape{}));
}

void get_output(ByteReader& in, CallRequest& request) {
  OutputColumn& column = request.outputs.emplace_back();
  column.type = &get_type(in);
  column.collects_items = in.get<bool>();
  request.has_fixed.push_back(in.get<bool>());
  if (request.has_fixed.back() && !column.type->fixed_size())
    throw Bug("a call has room of fixed size for values that have none");
  const bool has_rank = in.get<bool>();
  const auto rank = in.get<std::uint64_t>();
  if (has_rank) column.item_rank = static_cast<std::size_t>(rank);
  for (const Index extent : in.get_list<Index>(kMaxAxes))
    column.declared.push_back(extent < 0 ? std::nullopt : std::optional(extent));
  const bool has_internal = in.get<bool>();
  Shape internal = in.get_indices();
  if (has_internal) column.internal = std::move(internal);
}

void put_resources(ByteWriter& out, const Resources& has) {
  out.put(static_cast<std::int32_t>(has.ranks));
  out.put(static_cast<std::int32_t>(has.threads));
  out.put(static_cast<std::int32_t>(has.gpus));
  out.put(has.memory);
  out.put(has.time.count());
  out.put_bytes(std::as_bytes(std::span(has.devices)));
}

Resources get_resources(ByteReader& in) {
  Resources has;
  has.ranks = in.get<std::int32_t>();
  has.threads = in.get<std::int32_t>();
  has.gpus = in.get<std::int32_t>();
  has.memory = in.get<std::uint64_t>();
  has.time = Duration(in.get<Duration::rep>());
  if (has.ranks < 0 || has.threads < 0 || has.gpus < 0 || has.time < Duration::zero())
    throw Bug("a call has less than no resources");
  ByteReader devices(in.get_bytes(), kCallMessage);
  while (!devices.at_end()) has.devices.push_back(devices.get<int>());
  return has;
}

void put_attempt(ByteWriter& out, const Attempt& attempt) {
  out.put(static_cast<std::int32_t>(attempt.number));
  out.put_text(attempt.type);
  out.put_text(attempt.message);
}

Attempt get_attempt(ByteReader& in) {
  Attempt attempt;
  attempt.number = in.get<std::int32_t>();
  if (attempt.number < 1) throw Bug("a call is no first one and none after it");
  attempt.type = in.get_text();
  attempt.message = in.get_text();
  return attempt;
}

/// The values of a box, dense and in C order; offsets too where they vary in size.
void gather(const ArgumentView& view, const ArgumentPart& part, Bytes& bytes, Bytes& offsets) {
  ArgumentView box = view;
  box.slice_shape = part.extents;
  box.slice_strides = part.strides;
  if (view.offsets == nullptr) {
    bytes.resize(static_cast<std::size_t>(part.count()) * view.type->size);
    box.copy_slice(part.first, bytes.data());
    return;
  }
  const std::uint64_t zero = 0;
  detail::append(offsets, &zero, sizeof zero);
  box.for_each_in_slice(part.first, [&](Index at) {
    const auto value = view.value(at);
    detail::append(bytes, value.data(), value.size());
    const std::uint64_t end = bytes.size();
    detail::append(offsets, &end, sizeof end);
  });
}

/// As `gather` for everything from the first to the last value of the part; offsets from 0.
Bytes offsets_of(const ArgumentView& view, IndexRange span) {
  Bytes offsets;
  const std::uint64_t base = view.offsets[span.begin];
  for (Index k = span.begin; k <= span.end; ++k) {
    const std::uint64_t offset = view.offsets[k] - base;
    detail::append(offsets, &offset, sizeof offset);
  }
  return offsets;
}

}  // namespace

EncodedCall::EncodedCall(const BodyPlace& body, std::uint64_t memory, const BlockCall& call, IndexRange range,
                         TimePoint stop_at) {
  Bytes text;
  ByteWriter out(text);
  out.put(body.how);
  out.put(body.address);
  out.put_bytes(body.bytes);
  out.put(memory);
  out.put(range);
  out.put_list<Index>(*call.external);
  out.put(call.seed);
  out.put(call.stream);
  put_resources(out, call.resources == nullptr ? Resources{} : *call.resources);
  out.put(stop_at.time_since_epoch().count());
  put_attempt(out, call.attempt == nullptr || range.begin != call.range.begin ? Attempt{} : *call.attempt);
  out.put(static_cast<std::uint64_t>(call.arguments.size()));
  out.put(static_cast<std::uint64_t>(call.outputs.size()));
  header_ = std::move(text);
  gathered_.reserve(2 * call.arguments.size());  // pieces point into them
  for (const ArgumentView& view : call.arguments) add_argument(call, view, range);
  // Adding the arguments has written to the header as well, so the outputs follow behind them.
  ByteWriter end(header_);
  for (const OutputColumn& column : call.outputs) put_output(end, column);

  // The length is known only now. The pieces come last, as they point into the header, which must not grow
  // after that.
  const std::uint64_t length = header_.size();
  Bytes framed;
  detail::append(framed, &length, sizeof length);
  framed.insert(framed.end(), header_.begin(), header_.end());
  framed.resize(framed.size() + static_cast<std::size_t>(padding_behind(framed.size())));
  header_ = std::move(framed);
  pieces_.push_back(header_);
  pieces_.insert(pieces_.end(), data_.begin(), data_.end());
}

std::uint64_t EncodedCall::add_data(std::span<const std::byte> bytes) {
  const std::uint64_t at = data_bytes_;
  const auto rest = static_cast<std::size_t>(padding_behind(bytes.size()));
  data_.push_back(bytes);
  data_.push_back(std::span(padding).first(rest));
  data_bytes_ += bytes.size() + rest;
  return at;
}

/// What lies close together goes as it is; values far apart, as a column of a matrix, are put together.
void EncodedCall::add_argument(const BlockCall& call, const ArgumentView& view, IndexRange range) {
  const ArgumentPart part = part_of(view, *call.external, range);
  const IndexRange span = part.span();
  ArgumentView sent = view;
  std::span<const std::byte> bytes;
  std::span<const std::byte> offsets;
  if (span.size() <= 2 * part.count()) {
    sent.origin = view.origin - span.begin;
    if (!span.empty()) {
      const auto first = view.value(span.begin);
      const auto last = view.value(span.end - 1);
      bytes = {first.data(), static_cast<std::size_t>(last.data() + last.size() - first.data())};
    }
    if (view.offsets != nullptr) offsets = gathered_.emplace_back(offsets_of(view, span));
  } else {
    Bytes& values = gathered_.emplace_back();
    Bytes ends;
    gather(view, part, values, ends);
    bytes = values;
    if (view.offsets != nullptr) offsets = gathered_.emplace_back(std::move(ends));
    const Strides dense = c_strides(part.extents);
    const std::size_t rank = view.strides.size();
    sent.origin = 0;
    for (std::size_t axis = 0; axis < rank; ++axis) {
      // An axis on which the argument does not depend was not gathered, and keeps its stride of 0.
      sent.strides[axis] = view.strides[axis] == 0 ? 0 : dense[axis];
      sent.origin -= part.low[axis] * sent.strides[axis];
    }
    sent.slice_strides.assign(dense.begin() + static_cast<std::ptrdiff_t>(rank), dense.end());
  }
  ByteWriter out(header_);
  put_type(out, *view.type);
  out.put(sent.origin);
  out.put_list<Index>(sent.strides);
  out.put_list<Index>(sent.slice_shape);
  out.put_list<Index>(sent.slice_strides);
  out.put(add_data(bytes));
  out.put(static_cast<std::uint64_t>(bytes.size()));
  out.put(add_data(offsets));
  out.put(static_cast<std::uint64_t>(offsets.size()));
}

namespace {

/// How many values there are between the offsets, which must not point beyond the bytes.
Index count_offsets(std::span<const std::byte> offsets, std::uint64_t bytes) {
  ByteReader numbers(offsets, kCallMessage);
  std::uint64_t last = 0;
  // There is one offset more than values. Without any the count is -1, so every position is refused.
  Index count = -1;
  for (; !numbers.at_end(); ++count) {
    const auto offset = numbers.get<std::uint64_t>();
    if (offset < last || offset > bytes) throw Bug("a call has offsets beyond its values");
    last = offset;
  }
  return count;
}

/// `position + count * stride`, which must be a number.
Index moved(Index position, Index count, Index stride) {
  Index distance = 0;
  if (__builtin_mul_overflow(count, stride, &distance) ||
      __builtin_add_overflow(position, distance, &position))
    throw Bug("a call has an argument at no position that there can be");
  return position;
}

/// All that the call looks at must be among the `count` values of the argument. As `ArgumentPart::span`,
/// which believes what it is given.
void check_positions(const ArgumentView& view, const CallRequest& request, Index count) {
  const IndexBox box = bounding_box(request.range, request.external);
  const Shape shape = box.shape();
  Index low = view.origin;
  for (std::size_t axis = 0; axis < shape.size(); ++axis)
    low = moved(low, box.begin[axis], view.strides[axis]);
  Index high = low;
  const auto reach = [&](Index extent, Index stride) {
    Index& end = stride < 0 ? low : high;
    end = moved(end, extent - 1, stride);
  };
  for (std::size_t axis = 0; axis < shape.size(); ++axis) reach(shape[axis], view.strides[axis]);
  for (std::size_t axis = 0; axis < view.slice_shape.size(); ++axis) {
    if (view.slice_shape[axis] == 0) return;  // it looks at nothing
    reach(view.slice_shape[axis], view.slice_strides[axis]);
  }
  if (low < 0 || high >= count) throw Bug("a call looks beyond the values of an argument");
}

ArgumentView get_argument(ByteReader& in, std::span<const std::byte> data, const CallRequest& request) {
  const auto part = [&] {
    const auto at = in.get<std::uint64_t>();
    if (at % alignment != 0) throw Bug("a call has values at an address that does not suit them");
    ByteReader rest(data, kCallMessage);
    rest.take(at);
    return rest.take(in.get<std::uint64_t>());
  };
  ArgumentView view;
  view.type = &get_type(in);
  view.origin = in.get<Index>();
  view.strides = in.get_list<Index>(kMaxAxes);
  view.slice_shape = in.get_indices();
  view.slice_strides = in.get_list<Index>(kMaxAxes);
  const auto bytes = part();
  const auto offsets = part();
  view.data = bytes.data();
  Index count = 0;
  if (view.type->fixed_size()) {
    count = static_cast<Index>(bytes.size() / view.type->size);
    // A function that meets a boolean other than 0 and 1 behaves in undefined ways, so it must not get one.
    if (view.type->kind == Kind::boolean) detail::check_booleans(bytes, *view.type);
  } else {
    view.offsets = reinterpret_cast<const std::uint64_t*>(offsets.data());
    count = count_offsets(offsets, bytes.size());
  }
  if (view.strides.size() != request.external.size() || view.slice_shape.size() != view.slice_strides.size())
    throw Bug("a call has an argument of another rank");
  check_positions(view, request, count);
  return view;
}

}  // namespace

BlockCall CallRequest::call() {
  return {.range = range,
          .external = &external,
          .arguments = arguments,
          .outputs = outputs,
          .seed = seed,
          .stream = stream,
          .resources = &resources,
          .stop = StopToken(&stop_request().stop, stop_at),
          .attempt = &attempt};
}

CallRequest decode_call(std::span<const std::byte> bytes) {
  ByteReader whole(bytes, kCallMessage);
  ByteReader in(whole.get_bytes(), kCallMessage);
  const auto length = sizeof(std::uint64_t) + ByteReader(bytes, kCallMessage).get<std::uint64_t>();
  whole.take(padding_behind(length));
  const auto data = bytes.subspan(static_cast<std::size_t>(length + padding_behind(length)));
  CallRequest request;
  const auto how = in.get<std::uint8_t>();
  if (how > static_cast<std::uint8_t>(BodyPlace::How::recipe)) throw Bug("a call is of no body");
  request.body.how = static_cast<BodyPlace::How>(how);
  request.body.address = in.get<std::uint64_t>();
  const auto recipe = in.get_bytes();
  request.body.bytes.assign(recipe.begin(), recipe.end());
  request.memory = in.get<std::uint64_t>();
  request.range = in.get<IndexRange>();
  request.external = in.get_indices();
  request.seed = in.get<std::uint64_t>();
  request.stream = in.get<std::uint64_t>();
  request.resources = get_resources(in);
  request.stop_at = TimePoint(Duration(in.get<Duration::rep>()));
  request.attempt = get_attempt(in);
  const auto arguments = in.get<std::uint64_t>();
  const auto outputs = in.get<std::uint64_t>();
  // This must be known before the arguments are read, as their positions are computed from the range.
  if (request.range.empty() || request.range.begin < 0 || request.range.end > element_count(request.external))
    throw Bug("a call is for elements that there are not");
  for (std::uint64_t k = 0; k < arguments; ++k) request.arguments.push_back(get_argument(in, data, request));
  for (std::uint64_t k = 0; k < outputs; ++k) get_output(in, request);
  if (!in.at_end()) throw Bug("a call has more than belongs there");
  return request;
}

}  // namespace mpipe
