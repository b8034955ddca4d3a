// SPDX-License-Identifier: BSD-3-Clause
// Reads the members of `MapOptions` from the text that flags, variables and documents give for them.
#include "run/api/bind_options.hpp"

#include <mpipe/core/error.hpp>

#include "core/api/quantity.hpp"

#include <fmt/format.h>

#include <charconv>

namespace mpipe {
namespace {

[[noreturn]] void refuse_fixed(const std::string& entry, const std::string& problem) {
  throw Error(Category::bad_option, fmt::format("--fixed {}: {}", entry, problem),
              {Subject::Kind::option, "fixed"});
}

/// One end of a slice; empty where nothing is written.
std::optional<Index> slice_end(std::string_view text, const std::string& entry) {
  if (text.empty()) return std::nullopt;
  Index number = 0;
  const auto parsed = std::from_chars(text.data(), text.data() + text.size(), number);
  if (parsed.ec != std::errc() || parsed.ptr != text.data() + text.size())
    refuse_fixed(entry,
                 fmt::format("'{}' is not a whole number, which AXIS=I and AXIS=BEGIN:END:STEP take.", text));
  return number;
}

/// Reads `3` as a position and `0:10:2` as a slice. A text with a colon is always a slice, also `:`, which
/// selects the whole axis; an empty text is refused, because it would otherwise count as a slice, too.
std::variant<Index, Slice> read_position(std::string_view text, const std::string& entry) {
  std::array<std::optional<Index>, 3> parts;
  std::size_t count = 0;
  bool more = true;
  while (more && count < parts.size()) {
    const std::size_t colon = text.find(':');
    more = colon != std::string_view::npos;
    parts[count++] = slice_end(text.substr(0, colon), entry);
    if (more) text.remove_prefix(colon + 1);
  }
  if (more || (count == 1 && !parts[0]))
    refuse_fixed(entry, "this is neither a position (i=3) nor a slice (i=0:10:2).");
  if (count == 1) return *parts[0];
  if (parts[2] == 0)
    refuse_fixed(entry, "a step of 0 never gets anywhere. Give another one, or leave it out.");
  return Slice{parts[0], parts[1], parts[2]};
}

/// Visits the members of `MapOptions`: each of them that the table of options has, and somebody gave, is
/// read.
class OptionBinder {
 public:
  explicit OptionBinder(const OptionValues& values) : values_(values) {}

  /// Names come from `visit_options`, which knows all members, while the table of options has only those that
  /// can be written as text. A member that nobody gave keeps its default.
  template <class T>
  void operator()(std::string_view name, T& member) {
    name_ = name;
    if (find_option(name) != nullptr && values_.has(name)) read(member);
  }

 private:
  void read(std::string& text) { text = values_.text(name_); }
  void read(bool& given) { given = true; }
  void read(std::uint64_t& number) { number = values_.number(name_); }
  void read(Index& number) { number = static_cast<Index>(values_.number(name_)); }
  void read(std::optional<Index>& number) { number = static_cast<Index>(values_.number(name_)); }
  void read(std::optional<MemoryLimit>& limit) {
    const std::string text = values_.text(name_);
    const auto share = parse_share(text);
    limit = share ? MemoryLimit::share(*share) : MemoryLimit(parse_memory(text));
  }
  void read(std::optional<WallTime>& moment) {
    moment = parse_moment(values_.text(name_), std::chrono::system_clock::now());
  }
  void read(std::optional<Shard>& shard) {
    const auto [number, of] = parse_part(values_.text(name_));
    shard = Shard{number, of};
  }
  void read(Named<ErrorHandling>& handling) { handling = values_.text(name_); }
  void read(Rank0& role) { role = Named<Rank0>(values_.text(name_)).value(); }
  void read(std::vector<std::string>& names) { names = values_.list(name_); }
  template <class T>
  void read(std::map<std::string, T>& entries) {
    for (const auto& [output, value] : values_.by_output(name_)) read_entry(value.text, entries[output]);
  }
  /// `i=3`, `i=0:10:2`, also several by commas.
  void read(FixedIndices& fixed) {
    for (const std::string& given : values_.list(name_)) {
      for (std::size_t begin = 0; begin <= given.size();) {
        const std::size_t end = std::min(given.find(',', begin), given.size());
        read_fixed(given.substr(begin, end - begin), fixed);
        begin = end + 1;
      }
    }
  }
  void read_fixed(const std::string& entry, FixedIndices& fixed) {
    const std::size_t equals = entry.find('=');
    if (equals == std::string::npos || equals == 0)
      refuse_fixed(entry, "this is not AXIS=POSITION. Write, say, --fixed i=3.");
    const std::string axis = entry.substr(0, equals);
    if (!fixed.emplace(axis, read_position(std::string_view(entry).substr(equals + 1), entry)).second)
      refuse_fixed(entry, fmt::format("the axis '{}' is fixed twice. Keep one.", axis));
  }
  static void read_entry(const std::string& text, Named<StorageKind>& storage) { storage = text; }
  static void read_entry(const std::string& text, ExecutorChoice& executor) { executor = text; }
  static void read_entry(const std::string& text, ChunkSize& size) {
    size = text == "auto" ? ChunkSize() : ChunkSize(static_cast<Index>(std::stoll(text)));
  }
  // Options of programs alone, which the table does not have.
  template <class T>
  void read(T& /*member*/) {
    throw Bug("an option of the table that cannot be read from text");
  }
  template <class T>
  static void read_entry(const std::string& /*text*/, T& /*entry*/) {
    throw Bug("an option of the table that cannot be read from text");
  }

  const OptionValues& values_;
  std::string_view name_;
};

}  // namespace

MapOptions bind_options(const OptionValues& values) {
  MapOptions options;
  detail::visit_options(options, OptionBinder(values));
  return options;
}

void fill_defaults(MapOptions& options, int ranks) {
  if (!options.storage.empty())
    options.storage.try_emplace("", options.run_folder.empty() ? "memory" : "hdf5");
  if (!options.executor.empty()) options.executor.try_emplace("", ranks > 1 ? "mpi" : "sequential");
}

}  // namespace mpipe
