// SPDX-License-Identifier: BSD-3-Clause
// Tells from what stands for a value in the help (`DIR`, `raise|continue`) what a shell can offer there.
#include "value_kind.hpp"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <string_view>
#include <utility>

namespace mpipe::app {
namespace {

using Kind = ValueKind;

constexpr std::pair<std::string_view, Kind> kKinds[] = {{"DIR", Kind::folders},
                                                        {"RUN", Kind::folders},
                                                        {"FILE", Kind::files},
                                                        {"DOC", Kind::documents},
                                                        {"OUTPUT", Kind::outputs},
                                                        {"NAME=VALUE", Kind::inputs},
                                                        {"AXIS=I|AXIS=A:B:STEP", Kind::axes}};

/// The words of `threads[:N]|mpi`, without what may stand behind them; none where there is no choice.
std::vector<std::string> words_of(std::string_view text) {
  std::vector<std::string> words;
  if (text.find('|') == std::string_view::npos) return words;
  for (std::size_t begin = 0; begin <= text.size();) {
    const std::size_t end = std::min(text.find('|', begin), text.size());
    const std::string_view word = text.substr(begin, end - begin);
    words.emplace_back(word.substr(0, word.find('[')));
    begin = end + 1;
  }
  return words;
}

}  // namespace

OfferedValue offered_value(const OptionText& option) {
  constexpr std::string_view kPerOutput = "[OUT=]";
  std::string_view text = option.value;
  OfferedValue value;
  value.per_output = text.starts_with(kPerOutput);
  if (value.per_output) text.remove_prefix(kPerOutput.size());
  for (const auto& [name, kind] : kKinds)
    if (text == name) value.kind = kind;
  if (value.kind != Kind::anything) return value;
  value.words = words_of(text);
  if (!value.words.empty()) value.kind = Kind::words;
  return value;
}

std::string to_string(const OfferedValue& value) {
  constexpr std::string_view kNames[] = {"anything",  "words",   "files",  "folders",
                                         "documents", "outputs", "inputs", "axes"};
  const std::string_view name =
      value.per_output ? "of-outputs" : kNames[static_cast<std::size_t>(value.kind)];
  return value.words.empty() ? std::string(name) : fmt::format("{} {}", name, fmt::join(value.words, " "));
}

}  // namespace mpipe::app
