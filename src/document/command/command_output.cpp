// SPDX-License-Identifier: BSD-3-Clause
// Reads what a program wrote, in the form that the document promises, or says what was expected instead.
#include "document/command/command_output.hpp"

#include <mpipe/core/error.hpp>

#include "core/api/text.hpp"
#include "document/inputs/input_files.hpp"

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include <charconv>
#include <string_view>

namespace mpipe::detail {
namespace {

using Json = nlohmann::json;

constexpr std::size_t kMostText = 64 << 20;  // bytes of a file that becomes one text

/// The first line of what a program wrote, for messages.
std::string first_line(std::string_view text) {
  if (text.empty()) return "it wrote nothing";
  return fmt::format("its first line is '{}'", printable(text.substr(0, text.find('\n')), 200));
}

std::string_view without_spaces(std::string_view text) {
  constexpr std::string_view kSpaces = " \t\r\n";
  const std::size_t begin = text.find_first_not_of(kSpaces);
  if (begin == std::string_view::npos) return {};
  return text.substr(begin, text.find_last_not_of(kSpaces) - begin + 1);
}

/// Texts lose the one line end that almost every program writes behind its last line.
std::string without_line_end(std::string text) {
  if (text.ends_with('\n')) text.pop_back();
  if (text.ends_with('\r')) text.pop_back();
  return text;
}

/// The number that is all of the text, as the JSON or the Fortran of a program writes it.
Value number_of(const CommandOutput& output, const std::string& text) {
  std::string digits(without_spaces(text));
  if (digits.starts_with('+')) digits.erase(0, 1);
  // An integer has no zero below zero, which is a value of its own for floating point numbers.
  const bool below_zero = digits.starts_with("-0");
  std::int64_t whole = 0;
  const char* const end = digits.data() + digits.size();
  if (const auto [last, error] = std::from_chars(digits.data(), end, whole);
      error == std::errc{} && last == end && !below_zero)
    return Value(whole);
  for (char& c : digits)
    if (c == 'd' || c == 'D') c = 'e';
  double number = 0;
  if (const auto [last, error] = std::from_chars(digits.data(), end, number);
      error == std::errc{} && last == end && !digits.empty())
    return Value(number);
  throw BadOutput(
      fmt::format("expected one number for '{}' on standard output, but {}", output.name, first_line(text)));
}

/// Pairs [re, im] at the innermost level.
Value complex_of(const Value& pairs) {
  if (pairs.rank() == 0 || pairs.shape().back() != 2 || !pairs.type().is_real())
    throw BadOutput("expected complex numbers as pairs [re, im]");
  const Value numbers = pairs.converted(element_type(Kind::float64));
  Shape shape = numbers.shape();
  shape.pop_back();
  return Value::copy_of(element_type(Kind::complex128), shape, {numbers.data(), numbers.byte_size()});
}

/// Floating point numbers of a program are decimals, of which a float is the nearest one; everything else must be
/// held exactly.
Value narrowed(const Value& value) {
  const Value numbers = value.converted(element_type(Kind::float64));
  std::vector<float> narrow(static_cast<std::size_t>(numbers.count()));
  const auto* wide = reinterpret_cast<const double*>(numbers.data());
  for (std::size_t k = 0; k < narrow.size(); ++k) narrow[k] = static_cast<float>(wide[k]);
  return Value::copy_of(element_type(Kind::float32), numbers.shape(), std::as_bytes(std::span(narrow)));
}

Value of_type(const CommandOutput& output, const Value& value) {
  try {
    const ElementType& type = *output.type;
    if (value.count() == 0 && type.fixed_size()) return Value::copy_of(type, value.shape(), {});
    if (type.kind == Kind::complex128 && value.type().is_real()) return complex_of(value);
    if (type.kind == Kind::float32 && value.type().is_real()) return narrowed(value);
    return value.type() == type ? value : value.converted(type);
  } catch (const std::exception& error) {
    throw BadOutput(fmt::format("what it gave for '{}' is not of the dtype {}: {}", output.name,
                                output.type->dtype(), error.what()));
  }
}

Value json_output(const CommandSpec& spec, const CommandOutput& output, const Json& root,
                  const std::string& text) {
  // One output may stand there without its name.
  const bool named = root.is_object();
  if (!named && spec.outputs.size() > 1)
    throw BadOutput(fmt::format("expected a JSON object with the {} outputs as keys, but {}",
                                spec.outputs.size(), first_line(text)));
  if (named && !root.contains(output.name))
    throw BadOutput(fmt::format("its JSON has no '{}' among the keys; {}", output.name, first_line(text)));
  try {
    return of_type(output,
                   json_value(named ? root.at(output.name) : root, "of the output '" + output.name + "'"));
  } catch (const Error& error) {
    throw BadOutput(fmt::format("the JSON that it wrote is no value of '{}': {}", output.name, error.what()));
  }
}

std::vector<Value> json_outputs(const CommandSpec& spec, const std::string& text) {
  const Json root = Json::parse(text, nullptr, false);
  if (root.is_discarded())
    throw BadOutput(fmt::format("expected JSON on standard output, with numbers that are finite, but {}",
                                first_line(text)));
  std::vector<Value> values;
  for (const CommandOutput& output : spec.outputs) values.push_back(json_output(spec, output, root, text));
  return values;
}

std::string read_text(const fs::path& file) {
  std::string text;
  switch (read_small_file(file, kMostText, text)) {
    case ReadResult::ok:
      return text;
    case ReadResult::absent:
      throw BadOutput("it is not there");
    case ReadResult::too_large:
      throw BadOutput(fmt::format("it is larger than {}", readable_size(kMostText)));
    case ReadResult::not_a_file:
      break;
  }
  throw BadOutput("it is no regular file");
}

/// A csv file has a column with the name of the output.
Value file_value(const CommandOutput& output, const fs::path& file) {
  const std::string kind = file.extension().string();
  if (kind == ".npy") return read_npy(file);
  if (kind == ".json") return read_json(file);
  if (kind == ".csv") {
    CsvColumns column;
    column.names = {output.name};
    return read_csv(file, column);
  }
  return Value(without_line_end(read_text(file)));
}

std::vector<Value> file_outputs(const CommandSpec& spec, const std::vector<fs::path>& files) {
  std::vector<Value> values;
  for (std::size_t k = 0; k < files.size(); ++k) {
    const CommandOutput& output = spec.outputs[k];
    try {
      if (!fs::is_regular_file(fs::symlink_status(files[k])))
        throw BadOutput("there is no such regular file");
      Value value = file_value(output, files[k]);
      const bool number_as_text =
          value.type().kind == Kind::string && value.is_scalar() && output.type->is_real();
      values.push_back(of_type(output, number_as_text ? number_of(output, value.as<std::string>()) : value));
    } catch (const std::exception& error) {
      throw BadOutput(fmt::format("expected the output '{}' in the file '{}': {}", output.name,
                                  files[k].filename().string(), error.what()));
    }
  }
  return values;
}

}  // namespace

bool is_readable_kind(const std::string& name) {
  const std::string kind = fs::path(name).extension().string();
  return kind == ".npy" || kind == ".json" || kind == ".csv" || kind == ".txt";
}

std::vector<Value> read_outputs(const CommandSpec& spec, const std::string& standard_output,
                                const std::vector<fs::path>& files) {
  switch (spec.returns) {
    case CommandSpec::Returns::json:
      return json_outputs(spec, standard_output);
    case CommandSpec::Returns::number:
      return {of_type(spec.outputs.front(), number_of(spec.outputs.front(), standard_output))};
    case CommandSpec::Returns::text:
      if (!is_utf8(standard_output))
        throw BadOutput(
            fmt::format("expected a text in UTF-8 on standard output, but {}", first_line(standard_output)));
      return {Value(without_line_end(standard_output))};
    case CommandSpec::Returns::files:
      break;
  }
  return file_outputs(spec, files);
}

}  // namespace mpipe::detail
