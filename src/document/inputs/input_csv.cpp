// SPDX-License-Identifier: BSD-3-Clause
// Reads columns of csv files: numbers, texts, true and false, with the place of what is wrong.
#include <mpipe/core/error.hpp>

#include "document/inputs/csv_reader.hpp"
#include "document/inputs/input_files.hpp"
#include "document/text.hpp"
#include "document/value_builder.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cctype>
#include <charconv>
#include <complex>
#include <limits>
#include <optional>
#include <variant>

namespace mpipe::detail {
namespace {

bool is_one_of(std::string_view text, std::initializer_list<std::string_view> words) {
  return std::find(words.begin(), words.end(), text) != words.end();
}

/// What the exporters of tables write where nothing is.
bool is_missing(std::string_view text) {
  return is_one_of(text, {"", "NA", "N/A", "#N/A", "n/a", "<NA>", "NULL", "null", "None"});
}

std::optional<bool> boolean_of(std::string_view text) {
  if (is_one_of(text, {"true", "True", "TRUE"})) return true;
  if (is_one_of(text, {"false", "False", "FALSE"})) return false;
  return {};
}

/// Also reads nan, inf, infinity, and the exponents of Fortran (1.0D-03, 1.0Q-03).
std::optional<double> real_of(std::string_view text) {
  if (text.starts_with('+') && !text.starts_with("+-")) text.remove_prefix(1);
  std::string number(text);
  if (text.find_first_not_of("0123456789.+-dDqQ") == std::string_view::npos)
    for (char& c : number)
      if (is_one_of({&c, 1}, {"d", "D", "q", "Q"})) c = 'e';
  const Decimal decimal = read_decimal(number);
  if (decimal.form == Decimal::Form::none) return {};
  if (decimal.form == Decimal::Form::too_large)
    throw Error(Category::bad_input_file, fmt::format("the number {} does not fit into a double.", text));
  return decimal.number;
}

/// `1.5-2j`, as `show` and Python write complex numbers; Python's have parentheses round them.
std::optional<std::complex<double>> complex_of(std::string_view text) {
  if (text.starts_with('(') && text.ends_with(')')) text = text.substr(1, text.size() - 2);
  if (!text.ends_with('j')) return {};
  text.remove_suffix(1);
  std::size_t sign = text.find_last_of("+-");
  while (sign != std::string_view::npos && sign > 0 && (text[sign - 1] == 'e' || text[sign - 1] == 'E'))
    sign = text.find_last_of("+-", sign - 1);
  if (sign == std::string_view::npos || sign == 0) sign = 0;
  const auto real = sign == 0 ? std::optional(0.0) : real_of(text.substr(0, sign));
  const auto imaginary = real_of(text.substr(sign));
  if (!real || !imaginary) return {};
  return std::complex(*real, *imaginary);
}

using Number = std::variant<std::monostate, std::int64_t, double, std::complex<double>>;

Number number_of(std::string_view text) {
  std::string_view digits = text;
  if (digits.starts_with('+') && !digits.starts_with("+-")) digits.remove_prefix(1);
  const char* const end = digits.data() + digits.size();
  std::int64_t integer = 0;
  // Integers are tried first. Read as floating point numbers, they would lose digits beyond 2^53.
  const auto whole = std::from_chars(digits.data(), end, integer);
  if (whole.ptr == end && whole.ec == std::errc{}) return integer;
  if (whole.ptr == end && whole.ec == std::errc::result_out_of_range)
    throw Error(
        Category::bad_input_file,
        fmt::format("the integer {} does not fit into 64 bits (as a floating point number it would lose "
                    "digits). Say dtype: str if it is a name, or dtype: float64 if it may be rounded.",
                    printable(text)));
  if (const auto real = real_of(text)) return *real;
  if (const auto complex = complex_of(text)) return *complex;
  return {};
}

/// Takes the signs away that stand for other ones: spaces that do not break, a minus of typographers.
std::string with_plain_signs(std::string_view text) {
  static constexpr std::pair<std::string_view, std::string_view> kSigns[] = {
      {"\xC2\xA0", " "}, {"\xE2\x80\xAF", " "}, {"\xE2\x80\x89", " "}, {"\xE2\x88\x92", "-"}};
  std::string plain(text);
  for (const auto& [sign, replacement] : kSigns)
    for (std::size_t at = plain.find(sign); at != std::string::npos; at = plain.find(sign, at))
      plain.replace(at, sign.size(), replacement);
  return plain;
}

/// What a number with one comma may mean: decimals behind it, or thousands before it.
std::string readings_of_comma(std::string_view text) {
  const std::size_t comma = text.find(',');
  if (comma == std::string_view::npos || text.find(',', comma + 1) != std::string_view::npos) return {};
  if (text.find_first_not_of("0123456789,+-eE") != std::string_view::npos) return {};
  std::string point(text);
  point[comma] = '.';
  std::string none(text);
  none.erase(comma, 1);
  const std::size_t begin = text.find_first_not_of("+-");
  const std::size_t decimals = std::min(text.find_first_of("eE", comma), text.size()) - comma - 1;
  const bool is_group = decimals == 3 && comma > begin && comma - begin <= 3 && text[begin] != '0';
  if (!real_of(point)) return {};
  return is_group ? fmt::format("Write {} if the comma divides thousands, or {} if decimals follow it", none,
                                point)
                  : fmt::format("Write {} (decimals stand behind a point)", point);
}

/// `0x1F`, and `1.5-103`: an exponent of three digits, for which Fortran has no room for a letter.
std::string other_notation(const std::string& text) {
  if (text.starts_with("0x") || text.starts_with("0X")) {
    std::uint64_t number = 0;
    const auto parsed = std::from_chars(text.data() + 2, text.data() + text.size(), number, 16);
    if (parsed.ptr == text.data() + text.size() && parsed.ec == std::errc{} && text.size() > 2)
      return fmt::format("Write {}", number);
  }
  const std::size_t sign = text.find_last_of("+-");
  const std::size_t point = text.find('.');
  if (sign == std::string::npos || point == std::string::npos || point > sign || text.size() - sign != 4)
    return {};
  std::string number = text;
  number.insert(sign, "e");
  return text.find_first_not_of("0123456789.+-") == std::string::npos && real_of(number)
             ? fmt::format("Write {}", number)
             : std::string();
}

/// A number that is written for people, or for another program: `10%`, `1,234.5`, `1 234`, `$5`, `0x1F`. Returns
/// what to write instead, else nothing.
std::string plain_number(std::string_view cell) {
  static constexpr std::string_view kCurrencies[] = {"$", "\xE2\x82\xAC", "\xC2\xA3", "\xC2\xA5"};
  const std::string signs = with_plain_signs(cell);
  std::string_view text = signs;
  if (std::string notation = other_notation(signs); !notation.empty()) return notation;
  bool has_marks = signs != cell;
  for (const std::string_view currency : kCurrencies) {
    if (text.starts_with(currency)) text.remove_prefix(currency.size()), has_marks = true;
    if (text.ends_with(currency)) text.remove_suffix(currency.size()), has_marks = true;
  }
  const bool percent = text.ends_with('%');
  if (percent) text.remove_suffix(1);
  if (std::string readings = readings_of_comma(text); !readings.empty() && !percent) return readings;
  has_marks = has_marks || percent;
  std::string digits;
  for (const char c : text) {
    const bool is_mark = c == ',' || c == ' ' || c == '_' || c == '\'';
    has_marks = has_marks || is_mark;
    if (!is_mark) digits += c;
  }
  const bool is_number =
      has_marks && !digits.empty() && digits.find_first_not_of("0123456789.+-eE") == std::string::npos;
  const auto number = is_number ? real_of(digits) : std::nullopt;
  if (!number) return {};
  return percent ? fmt::format("Write {} for that part of 1", *number / 100)
                 : fmt::format("Write {}, with a point before decimals", digits);
}

/// Words that some programs take for true and false, and others for texts. (`yes` and `no` are texts for all of them.)
std::string plain_boolean(std::string_view text) {
  std::string word(text);
  std::transform(word.begin(), word.end(), word.begin(), [](unsigned char c) { return std::tolower(c); });
  if (is_one_of(word, {"t", ".t.", ".true."})) return "Write true, if that is what it means";
  if (is_one_of(word, {"f", ".f.", ".false."})) return "Write false, if that is what it means";
  return {};
}

/// What to write instead of a cell that looks like something else than a text; nothing for a text, as a word in quotes is.
std::string plain_form(const std::string& text, bool quoted) {
  std::string form = plain_number(text);
  return form.empty() && !quoted ? plain_boolean(text) : form;
}

/// What one cell looks like. From `text` on it becomes a text, if the others do.
enum class Look : std::uint8_t { number, boolean, text, quoted_number, written_otherwise };

/// Finds out what the cells of a column, or of several, are. The first cell of each look is kept, because which of
/// them is the odd one is known only in the end.
class ColumnTypes {
 public:
  explicit ColumnTypes(const CsvReader& reader) : reader_(reader) {}

  void add(const CsvCell& cell, const CsvPlace& place) {
    Number number;
    const Look look = look_of(cell, number);
    Seen& seen = looks_.at(static_cast<std::size_t>(look));
    if (seen.count++ == 0) seen = {1, place, cell.text};
    // Of cells of several kinds no array is built: the column is refused in the end.
    if (kinds() == 1) build(cell, look, number);
  }

  Value finish(Shape shape) && {
    check();
    return std::move(builder_).finish(std::move(shape));
  }

 private:
  struct Seen {
    std::size_t count = 0;
    CsvPlace first;
    std::string text;
  };

  static Look look_of(const CsvCell& cell, Number& number) {
    if (!cell.quoted && cell.text.empty())
      throw Error(
          Category::bad_input_file,
          "the cell is empty. Write nan for a number that is missing, or say dtype: float64, which reads it "
          "so; write \"\" for a text without letters.");
    number = number_of(cell.text);
    if (!std::holds_alternative<std::monostate>(number))
      return cell.quoted ? Look::quoted_number : Look::number;
    if (boolean_of(cell.text)) return cell.quoted ? Look::quoted_number : Look::boolean;
    return plain_form(cell.text, cell.quoted).empty() ? Look::text : Look::written_otherwise;
  }

  const Seen& seen(Look look) const { return looks_.at(static_cast<std::size_t>(look)); }
  /// How many are numbers, true or false, and texts.
  std::array<std::size_t, 3> counts() const {
    return {seen(Look::number).count, seen(Look::boolean).count,
            seen(Look::text).count + seen(Look::quoted_number).count + seen(Look::written_otherwise).count};
  }
  std::ptrdiff_t kinds() const {
    const auto all = counts();
    return 3 - std::count(all.begin(), all.end(), std::size_t{0});
  }

  void build(const CsvCell& cell, Look look, const Number& number) {
    if (look >= Look::text) return builder_.add(cell.text);
    if (look == Look::boolean) return builder_.add(*boolean_of(cell.text));
    if (const auto* integer = std::get_if<std::int64_t>(&number)) return builder_.add(*integer);
    if (const auto* real = std::get_if<double>(&number)) return builder_.add(*real);
    builder_.add_complex(std::get<std::complex<double>>(number));
  }

  /// Cells that are rarer than the others are the ones to mend.
  void check() const {
    static constexpr std::array<const char*, 3> kNames{"numbers", "true and false", "texts"};
    const auto all = counts();
    const auto most = std::max_element(all.begin(), all.end()) - all.begin();
    if (kinds() > 1) {
      std::ptrdiff_t odd = -1;
      for (const std::ptrdiff_t kind : {2, 1, 0})
        if (kind != most && all[kind] > 0 && (odd < 0 || all[kind] < all[odd])) odd = kind;
      if (odd == 2) refuse_text(kNames[most], true);
      const Seen& first = seen(odd == 0 ? Look::number : Look::boolean);
      reader_.refuse(first.first,
                     fmt::format("{} stands among {}. Correct it, put texts in quotes, or say dtype: str to "
                                 "have all as texts.",
                                 printable(first.text), kNames[most]));
    }
    if (seen(Look::quoted_number).count + seen(Look::written_otherwise).count > seen(Look::text).count)
      refuse_text("texts, though it looks like a number, or like true or false", false);
  }

  /// Of texts that are meant to be texts only those are named that look like numbers.
  [[noreturn]] void refuse_text(const char* others, bool all) const {
    const Seen* first = nullptr;
    for (const Look look : {Look::text, Look::quoted_number, Look::written_otherwise})
      if (seen(look).count > 0 && (all || look != Look::text) &&
          (first == nullptr || seen(look).first.row < first->first.row))
        first = &seen(look);
    const std::string plain = plain_form(first->text, false);
    std::string advice = "Correct it, or say dtype: str to have all as texts";
    if (is_missing(first->text))
      advice = "Write nan for a number that is missing, or say dtype: float64, which reads it so";
    else if (first == &seen(Look::quoted_number))
      advice = "Remove the quotes, or say which it is: dtype: float64 (int64, bool), or dtype: str";
    else if (!plain.empty())
      advice = plain + "; or say dtype: str to have texts";
    else if (first->first.row == 1)
      advice += "; a row of units begins with #";
    reader_.refuse(first->first,
                   fmt::format("the text '{}' stands among {}. {}.", printable(first->text), others, advice));
  }

  const CsvReader& reader_;
  std::array<Seen, 5> looks_;
  ValueBuilder builder_;
};

/// The value of a cell whose type the document says, in quotes or not.
void add_as(std::string_view type, const CsvCell& cell, ValueBuilder& builder) {
  if (type == "str") return builder.add(cell.text);
  const auto refuse = [&](const char* wanted) {
    throw Error(Category::bad_input_file, fmt::format("'{}' is not {}. Correct it, or say another dtype.",
                                                      printable(cell.text), wanted));
  };
  if (type == "bool") {
    auto boolean = boolean_of(cell.text);
    if (cell.text == "0" || cell.text == "1") boolean = cell.text == "1";
    if (!boolean) refuse("true or false");
    return builder.add(*boolean);
  }
  if (type == "float64" && is_missing(cell.text))
    return builder.add(std::numeric_limits<double>::quiet_NaN());
  // Who says that the cells are doubles has integers rounded to them, as other decimals are.
  if (type == "float64") {
    const auto real = real_of(cell.text);
    if (!real) refuse("a number");
    return builder.add(*real);
  }
  const Number number = number_of(cell.text);
  const auto* const integer = std::get_if<std::int64_t>(&number);
  if (integer == nullptr) refuse("an integer");
  builder.add(*integer);
}

std::vector<std::size_t> find_columns(const CsvReader& reader, const std::vector<std::string>& wanted) {
  const std::vector<std::string>& header = reader.names();
  std::vector<std::size_t> columns;
  for (const std::string& name : wanted) {
    const auto found = std::find(header.begin(), header.end(), name);
    const bool other_marks = header.size() == 1 && header.front().find_first_of(";\t") != std::string::npos;
    if (found == header.end() && other_marks)
      reader.refuse(
          "the line has no comma (it seems to be divided by semicolons or tabs). Divide cells by commas.");
    if (found == header.end()) {
      std::vector<std::string> names;
      for (const std::string& each : header) names.push_back(printable(each));
      reader.refuse(fmt::format("there is no column '{}'.{}", printable(name), suggestion(name, names)));
    }
    if (std::find(found + 1, header.end(), name) != header.end())
      reader.refuse(fmt::format("there are two columns '{}'. Rename one.", printable(name)));
    columns.push_back(static_cast<std::size_t>(found - header.begin()));
  }
  return columns;
}

}  // namespace

std::string first_text_of_csv(const std::filesystem::path& file, const CsvColumns& columns) {
  CsvReader reader(file);
  const auto positions = find_columns(reader, columns.names);
  while (reader.next())
    for (const std::size_t position : positions) {
      const CsvCell& cell = reader.cells()[position];
      if (std::holds_alternative<std::monostate>(number_of(cell.text)))
        return fmt::format("the first cell that is no number is '{}', {}", printable(cell.text),
                           reader.described(reader.place(position)));
    }
  return {};
}

Value read_csv(const std::filesystem::path& file, const CsvColumns& columns) {
  CsvReader reader(file);
  const auto positions = find_columns(reader, columns.names);
  ColumnTypes types(reader);
  ValueBuilder typed;
  Index rows = 0;
  for (; reader.next(); ++rows) {
    for (const std::size_t position : positions) {
      const CsvCell& cell = reader.cells()[position];
      try {
        // None of these knows the file: their complaints get the place of the cell below.
        if (columns.dtype.empty())
          types.add(cell, reader.place(position));
        else
          add_as(columns.dtype, cell, typed);
      } catch (const Error& error) {
        reader.refuse(reader.place(position), error.what());
      }
    }
  }
  if (rows == 0 && reader.comments() > 0)
    refuse_file(file,
                "has no rows: all lines after the names of the columns begin with #, which makes them "
                "comments. Quote the cells that begin with # to have them read.");
  Shape shape = columns.several ? Shape{rows, static_cast<Index>(positions.size())} : Shape{rows};
  return columns.dtype.empty() ? std::move(types).finish(std::move(shape))
                               : std::move(typed).finish(std::move(shape));
}

}  // namespace mpipe::detail
