// SPDX-License-Identifier: BSD-3-Clause
// Decodes stored numbers by the conventions of netCDF, as its tools do.
#include "data/hdf5_decoding.hpp"

#include <mpipe/core/error.hpp>

#include "h5/api/h5_attribute.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cctype>
#include <cmath>
#include <cstring>
#include <limits>

namespace mpipe::detail {
namespace {

[[noreturn]] void refuse_attribute(const char* name, const std::string& problem) {
  throw Error(
      Category::bad_input_file,
      fmt::format("the attribute '{}', which {}. Correct it, or ask for the numbers as they are stored "
                  "(raw: true).",
                  name, problem));
}

/// The numbers of an attribute, so many of them if there are any; 0: any number.
NumberAttribute numbers_of(hid_t dataset, const char* name, std::size_t count) {
  const auto attribute = h5_read_numbers_attribute(dataset, name);
  if (!attribute) return {};
  if (attribute->numbers.empty()) refuse_attribute(name, "is no number");
  if (count != 0 && attribute->numbers.size() != count)
    refuse_attribute(name, fmt::format("has {} numbers instead of {}", attribute->numbers.size(), count));
  return *attribute;
}

std::optional<long double> one_number(hid_t dataset, const char* name) {
  const NumberAttribute attribute = numbers_of(dataset, name, 1);
  if (attribute.numbers.empty()) return {};
  return attribute.numbers.front();
}

/// A truth value as a text in any case, which netCDF has for want of a type of its own; nothing: no such attribute.
std::optional<bool> truth_of(hid_t dataset, const char* name) {
  if (H5Aexists(dataset, name) <= 0) return {};
  std::string word = h5_read_text_attribute(dataset, name);
  std::transform(word.begin(), word.end(), word.begin(), [](unsigned char c) { return std::tolower(c); });
  if (word != "true" && word != "false")
    refuse_attribute(name, "is neither the text true nor the text false");
  return word == "true";
}

const ElementType& with_other_sign(const ElementType& integer) {
  constexpr int kSigns = static_cast<int>(Kind::uint8) - static_cast<int>(Kind::int8);
  const int kind = static_cast<int>(integer.kind);
  return element_type(static_cast<Kind>(integer.kind < Kind::uint8 ? kind + kSigns : kind - kSigns));
}

/// What netCDF puts into a variable before anybody writes to it. Bytes have no such number.
std::optional<long double> fill_of_netcdf(const ElementType& type) {
  switch (type.kind) {
    case Kind::int16:
      return -32767;
    case Kind::uint16:
      return 65535;
    case Kind::int32:
      return -2147483647;
    case Kind::uint32:
      return 4294967295;
    case Kind::int64:
      return -9223372036854775806;
    case Kind::uint64:
      return 18446744073709551614U;
    case Kind::float32:
    case Kind::float64:
      return 0x1.ep+122;
    default:
      return {};
  }
}

/// Whether the dataset was made with this number for what nobody writes. Datasets that other libraries make have
/// none, or one of their own.
bool is_filled_with(hid_t dataset, long double number) {
  const H5Handle creation(H5Dget_create_plist(dataset), H5Pclose, "read how a dataset was made");
  H5D_fill_value_t defined = H5D_FILL_VALUE_UNDEFINED;
  long double fill = 0;
  return H5Pfill_value_defined(creation, &defined) >= 0 && defined == H5D_FILL_VALUE_USER_DEFINED &&
         H5Pget_fill_value(creation, H5T_NATIVE_LDOUBLE, &fill) >= 0 && fill == number;
}

template <class Visitor>
void visit_stored(Kind kind, const Visitor& visitor) {
  switch (kind) {
    case Kind::int8:
      return visitor(std::int8_t{});
    case Kind::int16:
      return visitor(std::int16_t{});
    case Kind::int32:
      return visitor(std::int32_t{});
    case Kind::int64:
      return visitor(std::int64_t{});
    case Kind::uint8:
      return visitor(std::uint8_t{});
    case Kind::uint16:
      return visitor(std::uint16_t{});
    case Kind::uint32:
      return visitor(std::uint32_t{});
    case Kind::uint64:
      return visitor(std::uint64_t{});
    case Kind::float32:
      return visitor(float{});
    case Kind::float64:
      return visitor(double{});
    default:
      throw Bug("decoding of values that are no real numbers");
  }
}

}  // namespace

Hdf5Decoding::Hdf5Decoding(hid_t dataset, const ElementType& stored) : Hdf5Decoding(stored) {
  if (!stored.is_real() || stored.kind == Kind::boolean) return;
  if (stored.size == 1 && h5_read_text_attribute(dataset, "dtype") == "bool") {
    type_ = &element_type(Kind::boolean);
    changes_ = true;
    return;
  }
  const auto is_unsigned = truth_of(dataset, "_Unsigned");
  if (is_unsigned && stored.is_integer() && (stored.kind >= Kind::uint8) != *is_unsigned) {
    stored_ = &with_other_sign(stored);
    type_ = stored_;
    changes_ = true;
  }
  find_missing(dataset);
  find_range(dataset);
  const auto scale = one_number(dataset, "scale_factor");
  const auto offset = one_number(dataset, "add_offset");
  scale_ = scale.value_or(1);
  offset_ = offset.value_or(0);
  if (scale || offset || (stored.is_integer() && !missing_.empty())) type_ = &element_type<double>();
  changes_ = changes_ || scale || offset || !missing_.empty() || unwritten_ || lowest_ || highest_;
}

void Hdf5Decoding::find_missing(hid_t dataset) {
  for (const char* const name : {"_FillValue", "missing_value"})
    for (const long double number : numbers_of(dataset, name, 0).numbers)
      if (!std::isnan(number)) missing_.push_back(as_stored(number));  // not-a-number stays what it is
  const auto unwritten = fill_of_netcdf(*stored_);
  if (H5Aexists(dataset, "_FillValue") > 0 || !unwritten || !is_filled_with(dataset, *unwritten)) return;
  if (stored_->is_integer())
    unwritten_ = unwritten;
  else
    missing_.push_back(*unwritten);
}

/// A range of floating point numbers beside stored integers is meant for what they stand for.
void Hdf5Decoding::find_range(hid_t dataset) {
  const auto take = [&](const char* name, std::size_t count) {
    NumberAttribute attribute = numbers_of(dataset, name, count);
    range_of_values_ = range_of_values_ || (attribute.floating && stored_->is_integer());
    for (long double& number : attribute.numbers)
      if (!range_of_values_) number = as_stored(number);
    return attribute.numbers;
  };
  std::vector<long double> lowest = take("valid_min", 1);
  std::vector<long double> highest = take("valid_max", 1);
  if (const auto range = take("valid_range", 2); !range.empty()) {
    lowest = {range.front()};
    highest = {range.back()};
  }
  if (!lowest.empty()) lowest_ = lowest.front();
  if (!highest.empty()) highest_ = highest.front();
}

/// Attributes have the sign that the dataset has in the file, and often another precision.
long double Hdf5Decoding::as_stored(long double number) const {
  if (stored_->kind == Kind::float32) return static_cast<float>(number);
  if (stored_->kind == Kind::float64) return static_cast<double>(number);
  if (!changes_) return number;
  const long double values = std::ldexp(1.0L, static_cast<int>(8 * stored_->size));
  if (stored_->kind >= Kind::uint8) return number < 0 ? number + values : number;
  return number >= values / 2 ? number - values : number;
}

bool Hdf5Decoding::may_refuse() const {
  const bool may_round = stored_->is_integer() && stored_->size == 8 && type_->kind == Kind::float64;
  return unwritten_ || lowest_ || highest_ || may_round || type_->kind == Kind::boolean;
}

/// `value` is what `stored` stands for.
template <class T>
void Hdf5Decoding::check(T stored, double value, Index element) const {
  const auto refuse = [&](const char* problem) {
    throw Error(
        Category::bad_input_file,
        fmt::format("the value {} in place {} (counted from 0 in C order), which {}, or ask for the numbers "
                    "as they are stored (raw: true).",
                    +stored, element, problem));
  };
  if (type_->kind == Kind::boolean && stored != 0 && stored != 1)
    refuse("is neither true (1) nor false (0). Correct the file");
  const long double compared = range_of_values_ ? static_cast<long double>(value) : stored;
  if ((lowest_ && compared < *lowest_) || (highest_ && compared > *highest_))
    refuse(
        "lies outside of the range that the file calls valid (some tools take such a value for missing, "
        "others "
        "do not). Correct the file");
  if (unwritten_ && stored == static_cast<T>(*unwritten_))
    refuse("is what netCDF has where nobody wrote (no integer means not-a-number). Write all values");
  const bool is_exact = is_packed() || static_cast<long double>(value) == static_cast<long double>(stored);
  if (std::is_integral_v<T> && type_->kind == Kind::float64 && !is_exact)
    refuse(
        "no double is equal to (where values may be missing, integers become such). Store them as text or "
        "without a fill value");
}

template <class T>
void Hdf5Decoding::decode_as(const std::byte* from, IndexRange elements, std::byte* to) const {
  std::vector<T> missing;
  for (const long double number : missing_)
    if (number >= std::numeric_limits<T>::lowest() && number <= std::numeric_limits<T>::max() &&
        static_cast<T>(number) == number)
      missing.push_back(static_cast<T>(number));
  for (Index k = elements.begin; k < elements.end; ++k, from += sizeof(T), to += type_->size) {
    T stored;
    std::memcpy(&stored, from, sizeof(T));
    auto value = static_cast<double>(stored);
    if (is_packed()) value = value * static_cast<double>(scale_) + static_cast<double>(offset_);
    const auto put = [&](auto decoded) { std::memcpy(to, &decoded, sizeof(decoded)); };
    const bool is_missing = std::find(missing.begin(), missing.end(), stored) != missing.end();
    if (is_missing)
      value = std::numeric_limits<double>::quiet_NaN();
    else
      check(stored, value, k);
    if (type_->kind == Kind::float64)
      put(value);
    else if (type_->kind == Kind::float32)
      put(static_cast<float>(value));
    else
      put(stored);  // a boolean, too: it was found to be 0 or 1
  }
}

void Hdf5Decoding::decode(const std::byte* from, IndexRange elements, std::byte* to) const {
  visit_stored(stored_->kind, [&](auto zero) { decode_as<decltype(zero)>(from, elements, to); });
}

}  // namespace mpipe::detail
