// SPDX-License-Identifier: BSD-3-Clause
// Any bytes as what ranks tell each other when several runs are launched. Behind a zero: what the leader of a
// run tells rank 0, as frames (kind, size of the body, size of the payload as u16, body, payload). Behind
// anything else: what rank 0 asks of a subgroup.
#include <mpipe/core/error.hpp>
#include <mpipe/pipeline/function.hpp>

#include "fuzz/fuzz_target.hpp"
#include "launch/launched_run.hpp"
#include "run/api/request.hpp"

#include <nlohmann/json.hpp>

#include <algorithm>
#include <cstring>

namespace {

using namespace mpipe;

/// Numbers, texts, an axis whose length shows while running, and a single value.
std::shared_ptr<const RunData> run_data() {
  static const auto data = std::make_shared<const RunData>(RunData{
      "fuzz",
      Pipeline{
          function("square", [](double x) { return x * x; }).parameters("x").mapspec("x[i] -> square[i]"),
          function("word", [](double x) { return std::to_string(x); })
              .parameters("x")
              .mapspec("x[i] -> word[i]"),
          function("parts",
                   [](double x) {
                     return std::vector<double>{x, x};
                   })
              .parameters("square")
              .mapspec("square[i] -> parts[i, k]"),
          function("sum", [](ArrayView<const double> all) { return static_cast<double>(all.size()); })
              .parameters("parts")},
      {{"x", {1.0, 2.0, 3.0}}},
      {}});
  return data;
}

void use(const Results& results) {
  constexpr Index most = 1000;
  for (const auto& [name, output] : results.outputs) {
    Index count = 1;
    for (const auto& extent : output.layout.shape)
      count = std::min(most, extent.value_or(0)) * std::min(most, count);
    if (count > most) continue;  // legal, but takes its time
    (void)output.states();
    const std::vector<bool> mask = output.mask();
    if (output.value.has_value())
      fuzz::require(static_cast<std::size_t>(output.value.count()) == mask.size(),
                    "a value has its elements");
    for (const IndexRange& range : output.blocked.ranges()) (void)results.root_causes(name, range.begin, 3);
  }
}

void hear(std::span<const std::byte> bytes) {
  LaunchedRun run(run_data());
  MessageAssembler assembler;
  constexpr std::size_t header = 4;
  try {
    while (bytes.size() >= header && !run.over()) {
      const std::size_t body = std::to_integer<std::size_t>(bytes[1]);
      std::uint16_t payload = 0;
      std::memcpy(&payload, bytes.data() + 2, sizeof payload);
      Frame frame{{}, std::to_integer<FrameKind>(bytes[0]), {}, {}};
      bytes = bytes.subspan(header);
      frame.body = bytes.first(std::min({body, kMaxBodyBytes, bytes.size()}));
      bytes = bytes.subspan(frame.body.size());
      frame.payload = bytes.first(std::min<std::size_t>(payload, bytes.size()));
      bytes = bytes.subspan(frame.payload.size());
      if (const auto message = assembler.take(frame)) run.on_message(*message);
      run.tick(TimePoint());
      (void)run.status();
    }
    if (run.over() && run.outcome().results) use(*run.outcome().results);
  } catch (const Bug&) {
  } catch (const Error&) {
  }
}

void read_request(std::span<const std::byte> bytes) {
  // Inputs that are files would be read from wherever the bytes say.
  if (fuzz::text(reinterpret_cast<const std::uint8_t*>(bytes.data()), bytes.size()).find('/') !=
      std::string_view::npos)
    return;
  try {
    const Request request = decode_request(bytes);
    const Bytes once = encode_request(request.inputs, request.options);
    const Request again = decode_request(once);
    fuzz::require(encode_request(again.inputs, again.options) == once, "a request reads as it was sent");
  } catch (const Bug&) {
  } catch (const Error&) {
  } catch (const nlohmann::json::exception&) {
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size == 0) return 0;
  const auto bytes = std::as_bytes(std::span(data, size)).subspan(1);
  if (data[0] == 0) {
    hear(bytes);
  } else {
    read_request(bytes);
  }
  return 0;
}
