// SPDX-License-Identifier: BSD-3-Clause
// Packs what rank 0 was asked to run into bytes, and unpacks it on the other ranks.
#include "run/api/request.hpp"

#include <mpipe/base/bytes.hpp>
#include <mpipe/core/error.hpp>
#include <mpipe/data/hdf5_input.hpp>

#include "core/api/quantity.hpp"
#include "core/api/text.hpp"

#include <fmt/format.h>

#include <optional>

namespace mpipe {
namespace {

/// Writes members of `MapOptions`. A text that is not UTF-8 is refused here, on the rank that was asked,
/// because run.json and status.json could not hold it.
class OptionWriter {
 public:
  explicit OptionWriter(ByteWriter& out) : out_(out) {}

  template <class T>
  void operator()(const char* /*name*/, const T& member) {
    put(member);
  }

  template <PlainValue T>
  void put(const T& value) {
    out_.put(value);
  }
  void put(const std::string& text) {
    if (!is_utf8(text))
      throw Error(
          Category::bad_option,
          fmt::format("an option cannot be sent to the other ranks, as '{}' is no valid UTF-8 text. Use "
                      "names of folders, outputs and files that are.",
                      printable(text)));
    out_.put_text(text);
  }
  void put(const SharedText& text) { put(text.get()); }
  void put(const Duration& time) { out_.put(time.count()); }
  void put(const WallTime& moment) { out_.put(moment.time_since_epoch().count()); }
  void put(const ExecutorChoice& executor) { put(executor.to_string()); }
  /// Only rank 0 makes the pools of a program's own executors: the others know whether these use threads.
  void put(const UserExecutor& executor) { out_.put(executor.threads); }
  /// A size that is a function becomes automatic: rank 0 calls it.
  void put(const ChunkSize& size) { put(size.number()); }
  void put(const std::variant<Index, Slice>& position) {
    const Index* index = std::get_if<Index>(&position);
    put(index != nullptr);
    if (index != nullptr) return put(*index);
    const Slice& slice = std::get<Slice>(position);
    for (const auto& end : {slice.start, slice.stop, slice.step}) put(end);
  }
  template <class Enum>
  void put(const Named<Enum>& value) {
    out_.put(value.value());
  }
  template <class T>
  void put(const std::optional<T>& value) {
    put(value.has_value());
    if (value) put(*value);
  }
  void put(const std::vector<std::string>& texts) {
    put(static_cast<std::uint64_t>(texts.size()));
    for (const std::string& text : texts) put(text);
  }
  template <class T>
  void put(const std::map<std::string, T>& entries) {
    put(static_cast<std::uint64_t>(entries.size()));
    for (const auto& [name, value] : entries) {
      put(name);
      if constexpr (std::is_same_v<T, InternalShape>)
        put_shape(value.extents(name));
      else
        put(value);
    }
  }

 private:
  void put_shape(const PartialShape& shape) {
    put(static_cast<std::uint64_t>(shape.size()));
    for (const auto& extent : shape) put(extent);
  }

  ByteWriter& out_;
};

/// Reads what `OptionWriter` wrote. Throws `Bug` for other bytes.
class OptionReader {
 public:
  explicit OptionReader(ByteReader& in) : in_(in) {}

  template <class T>
  void operator()(const char* /*name*/, T& member) {
    get(member);
  }

  template <PlainValue T>
  requires(!std::is_enum_v<T>) void get(T& value) { value = in_.get<T>(); }
  void get(std::string& text) { text = in_.get_text(); }
  void get(SharedText& text) { text = in_.get_text(); }
  void get(Duration& time) { time = Duration(in_.get<Duration::rep>()); }
  void get(WallTime& moment) { moment = WallTime(WallTime::duration(in_.get<WallTime::rep>())); }
  void get(ExecutorChoice& executor) { executor = in_.get_text(); }
  void get(UserExecutor& executor) { executor.threads = in_.get<bool>(); }
  void get(ChunkSize& size) {
    std::optional<Index> number;
    get(number);
    size = number ? ChunkSize(*number) : ChunkSize();
  }
  void get(std::variant<Index, Slice>& position) {
    if (in_.get<bool>()) {
      position = in_.get<Index>();
      return;
    }
    Slice slice;
    for (auto* end : {&slice.start, &slice.stop, &slice.step}) get(*end);
    position = slice;
  }
  void get(InternalShape& shape) {
    PartialShape extents(get_count());
    for (auto& extent : extents) get(extent);
    shape = extents;
  }
  template <class Enum>
  requires std::is_enum_v<Enum>
  void get(Enum& value) { value = get_enum<Enum>(); }
  template <class Enum>
  void get(Named<Enum>& value) {
    value = get_enum<Enum>();
  }
  template <class T>
  void get(std::optional<T>& value) {
    value.reset();
    if (in_.get<bool>()) get(value.emplace());
  }
  void get(std::vector<std::string>& texts) {
    texts.resize(get_count());
    for (std::string& text : texts) get(text);
  }
  template <class T>
  void get(std::map<std::string, T>& entries) {
    for (std::uint64_t left = get_count(); left > 0; --left) {
      const std::string name = in_.get_text();
      T value;
      get(value);
      entries.insert_or_assign(name, std::move(value));
    }
  }

 private:
  template <class Enum>
  Enum get_enum() {
    return in_.get_enum(static_cast<Enum>(NamesOf<Enum>::kNames.size() - 1));
  }
  /// The number of items that follow, of at least one byte each.
  std::uint64_t get_count() {
    const auto count = in_.get<std::uint64_t>();
    if (count > in_.remaining()) in_.fail("a list is longer than its bytes");
    return count;
  }

  ByteReader& in_;
};

/// An input that lies in a file: every rank looks at it itself.
struct InputPlace {
  const FileStretch* file = nullptr;
  std::string dataset;  ///< empty: the values lie in the file as in memory
  bool raw = false;
};

std::optional<InputPlace> place_of(const Value& value) {
  if (value.file() != nullptr) return InputPlace{value.file(), {}, false};
  if (const auto* source = dynamic_cast<const DatasetSource*>(value.source()))
    return InputPlace{&source->place().file, source->place().dataset, source->place().raw};
  return std::nullopt;
}

/// An input by its name: where it lies, or its values.
void put_input(const std::string& name, const Value& value, ByteWriter& out) {
  OptionWriter writer(out);
  const auto place = place_of(value);
  writer.put(name);
  writer.put(place.has_value());
  if (!place) return out.put_bytes(value.to_wire());
  out.put_text(value.type().name);
  out.put_list(value.shape());
  writer.put(place->file->path);
  out.put(static_cast<std::uint64_t>(place->file->offset));
  out.put(static_cast<std::uint64_t>(place->file->size));
  out.put(static_cast<std::uint64_t>(place->file->file_bytes));
  out.put(static_cast<std::int64_t>(place->file->modified_ns));
  writer.put(place->dataset);
  writer.put(place->raw);
}

Value get_input_in_file(ByteReader& in) {
  const ElementType* type = find_element_type(in.get_text());
  if (type == nullptr) throw Bug("a request has an input of unknown type");
  const Shape shape = in.get_indices();
  FileStretch stretch;
  stretch.path = in.get_text();
  stretch.offset = in.get<std::uint64_t>();
  stretch.size = in.get<std::uint64_t>();
  stretch.file_bytes = in.get<std::uint64_t>();
  stretch.modified_ns = in.get<std::int64_t>();
  const std::string dataset = in.get_text();
  const auto raw = in.get<bool>();
  if (dataset.empty()) return Value::from_file(*type, shape, std::move(stretch));
  auto source =
      std::make_shared<DatasetSource>(DatasetSource::Place{std::move(stretch), dataset, raw}, *type, shape);
  return Value::from_source(*type, shape, std::move(source));
}

}  // namespace

/// Encodes options only to throw the result away: what cannot be sent is refused before a run starts. Of the
/// inputs only the paths of their files are looked at, as values may be large.
void check_texts(const Inputs& inputs, const MapOptions& options) {
  ByteWriter out;
  detail::visit_options(options, OptionWriter(out));
  for (const auto& [name, value] : inputs)
    if (const auto place = place_of(value)) OptionWriter(out).put(place->file->path);
}

/// Options come first and inputs follow until the bytes end, so their number is not written.
Bytes encode_request(const Inputs& inputs, const MapOptions& options) {
  ByteWriter out;
  detail::visit_options(options, OptionWriter(out));
  for (const auto& [name, value] : inputs) put_input(name, value, out);
  return std::move(out.bytes());
}

Request decode_request(std::span<const std::byte> bytes) {
  ByteReader in(bytes, "a request to run");
  Request request;
  detail::visit_options(request.options, OptionReader(in));
  while (!in.at_end()) {
    std::string name = in.get_text();
    const bool in_file = in.get<bool>();
    request.inputs.emplace(std::move(name),
                           in_file ? get_input_in_file(in) : Value::from_wire(in.get_bytes()));
  }
  return request;
}

}  // namespace mpipe
