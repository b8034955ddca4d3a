// SPDX-License-Identifier: BSD-3-Clause
// Any bytes as the file of an element; the first says of which output. Its magic number, key and checksums
// are made right where there are any: what checksums cannot find must be found by the checks behind them.
#include <mpipe/core/error.hpp>

#include "fuzz/fuzz_target.hpp"
#include "store/output/element_files.hpp"
#include "store/run_paths.hpp"

#include <algorithm>
#include <cstring>

namespace {

using namespace mpipe;

// Places in the last bytes of a file, as docs/formats.md has them.
constexpr std::size_t kFooter = 96;
constexpr std::size_t kCheck = 88;

template <class T>
void put(std::span<std::byte> bytes, std::size_t at, const T& value) {
  std::memcpy(bytes.data() + at, &value, sizeof value);
}

std::uint64_t number_at(std::span<const std::byte> bytes, std::size_t at) {
  std::uint64_t value = 0;
  std::memcpy(&value, bytes.data() + at, sizeof value);
  return value;
}

OutputLayout output(const char* name, const ElementType& type, PartialShape internal) {
  OutputLayout layout;
  layout.name = name;
  layout.type = &type;
  layout.storage = StorageKind::file;
  layout.external.assign(internal.size(), false);
  layout.axes.assign(internal.size(), "k");
  layout.shape = std::move(internal);
  return layout;
}

/// One of each form: numbers, a shape that nobody knows, text, an array of its own length, its like of texts.
const RunLayout& layout() {
  static const RunLayout all = [] {
    RunLayout made;
    made.run_id = "fuzz";
    const ElementType& number = element_type(Kind::float64);
    const ElementType& text = element_type(Kind::string);
    made.outputs = {output("numbers", number, {{2}, {3}}), output("late", number, {std::nullopt, {2}}),
                    output("text", text, {{2}}), output("ragged", array_type(number), {}),
                    output("texts", array_type(text), {})};
    return made;
  }();
  return all;
}

void mend(std::span<std::byte> file, std::size_t output) {
  if (file.size() < kFooter) return;
  const auto footer = file.last(kFooter);
  std::memcpy(footer.data(), "mpipeelm", 8);
  put(footer, 8, std::uint32_t{1});
  put(footer, 12, static_cast<std::uint32_t>(output));
  put(footer, 16, std::int64_t{0});
  put(footer, 24, run_key(layout().run_id));
  const std::uint64_t header = number_at(footer, 48);
  const std::uint64_t data = number_at(footer, 56);
  const std::size_t body = file.size() - kFooter;
  if (header <= body && data <= body - header)
    put(footer, 80,
        checksum(file.subspan(header + data, body - header - data),
                 checksum(file.subspan(header, data), checksum(file.first(header)))));
  put(footer, kCheck, checksum(footer.first(kCheck)));
}

void check(const StoredElement& element, const OutputLayout& output) {
  std::size_t values = 1;
  for (const Index extent : element.internal) {
    fuzz::require(extent >= 0, "an extent is not negative");
    values *= static_cast<std::size_t>(extent);
  }
  fuzz::require(element.internal.size() == output.shape.size(), "an element has the axes of its output");
  if (output.type->fixed_size())
    return fuzz::require(element.bytes.size() == values * output.type->size && element.offsets.empty(),
                         "an element has the bytes of its shape");
  fuzz::require(element.offsets.size() == values + 1, "every value has a beginning and an end");
  fuzz::require(element.offsets.front() == 0 && element.offsets.back() == element.bytes.size() &&
                    std::is_sorted(element.offsets.begin(), element.offsets.end()),
                "offsets lie within the bytes, in order");
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  static const fuzz::ScratchFile scratch("unused");
  if (size == 0) return 0;
  const std::size_t output = data[0] % layout().outputs.size();
  const fs::path path = element_path(element_folder(scratch.folder(), layout().outputs[output].name), 0);
  fs::create_directories(path.parent_path());
  std::vector<std::byte> file(size - 1);
  if (size > 1) std::memcpy(file.data(), data + 1, size - 1);
  mend(file, output);
  File(path, File::Mode::create).write_at(0, file);
  try {
    if (const auto element = ElementFiles(scratch.folder(), layout()).read(output, 0))
      check(*element, layout().outputs[output]);
  } catch (const Error&) {
  }
  return 0;
}
