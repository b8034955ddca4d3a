// SPDX-License-Identifier: BSD-3-Clause
// Collects scalars into one typed array, whose type the first of them decides.
#include "document/value_builder.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <limits>

namespace mpipe::detail {
namespace {

/// `Stored` differs from `Item` for booleans only: a vector of bool has no memory of one byte for each.
template <class Stored, class Item>
Value array_of(const std::vector<Stored>& items, Shape shape) {
  if (shape.empty()) return static_cast<Item>(items.front());
  ArrayMaker<Item> maker(std::move(shape));
  std::copy(items.begin(), items.end(), maker.data());
  return std::move(maker).finish();
}

}  // namespace

double ValueBuilder::exact_double(std::int64_t item) {
  const auto number = static_cast<double>(item);
  constexpr double kBeyond = 9223372036854775808.0;  // 2^63, which int64 cannot hold
  // The integers next to 2^63 are rounded up to it, and to convert that back would be undefined: this is
  // asked first.
  if (number >= kBeyond || static_cast<std::int64_t>(number) != item)
    throw Error(Category::bad_document, fmt::format("the integer {} stands among floating point numbers, and "
                                                    "none of those is equal to it. Write it with "
                                                    "a decimal point if it may be rounded.",
                                                    item));
  return number;
}

void ValueBuilder::refuse_mixture(Kind kind) const {
  static constexpr const char* kNames[] = {"nothing",  "a number",      "a number",
                                           "a number", "true or false", "a text"};
  throw Error(Category::bad_document,
              fmt::format("{} stands among values of another kind (the first is {}). Give values of one "
                          "kind; texts that look "
                          "like something else need quotes, and not-a-number is written .nan, infinity .inf.",
                          kNames[static_cast<int>(kind)], kNames[static_cast<int>(kind_)]));
}

/// The first item decides the kind of all; only integers may become floating point numbers later, and they do
/// so before they come here.
void ValueBuilder::become(Kind kind) {
  if (kind_ == Kind::none) kind_ = kind;
  if (kind_ != kind) refuse_mixture(kind);
}

void ValueBuilder::add_integer(std::int64_t item) {
  if (kind_ == Kind::complex) return add_complex(std::complex(exact_double(item)));
  if (kind_ == Kind::number) {
    numbers_.push_back(exact_double(item));
    return;
  }
  become(Kind::integer);
  integers_.push_back(item);
}

void ValueBuilder::add_number(double item) {
  if (kind_ == Kind::complex) return add_complex(std::complex(item));
  // The first number with a decimal point makes floating point numbers of all integers before it, of each
  // exactly or not at all.
  if (kind_ == Kind::integer) {
    numbers_.reserve(integers_.size() + 1);
    for (const std::int64_t integer : integers_) numbers_.push_back(exact_double(integer));
    integers_ = {};
    kind_ = Kind::number;
  }
  become(Kind::number);
  numbers_.push_back(item);
}

void ValueBuilder::add_complex(std::complex<double> item) {
  for (const std::int64_t integer : integers_) complexes_.emplace_back(exact_double(integer));
  complexes_.insert(complexes_.end(), numbers_.begin(), numbers_.end());
  integers_ = {};
  numbers_ = {};
  if (kind_ == Kind::integer || kind_ == Kind::number) kind_ = Kind::complex;
  become(Kind::complex);
  complexes_.push_back(item);
}

void ValueBuilder::add(Scalar item) {
  constexpr Index kBetweenChecks = Index{1} << 20U;
  // Nobody knows beforehand how many items will come, so the memory is compared now and then. The factor is
  // there because a vector that grows has its old and its new memory at once.
  if (++count_ % kBetweenChecks == 0)
    check_fits({count_}, kind_ == Kind::text ? 2 * sizeof(std::string) : 2 * sizeof(double));
  if (const auto* integer = std::get_if<std::int64_t>(&item)) return add_integer(*integer);
  if (const auto* number = std::get_if<double>(&item)) return add_number(*number);
  if (const auto* boolean = std::get_if<bool>(&item)) {
    become(Kind::boolean);
    booleans_.push_back(*boolean ? 1 : 0);
  } else if (auto* text = std::get_if<std::string>(&item)) {
    become(Kind::text);
    texts_.push_back(std::move(*text));
  } else {
    throw Error(Category::bad_document,
                "a value is missing here (null is none). Give a number, a text, true or false.");
  }
}

Value ValueBuilder::finish(Shape shape) && {
  switch (kind_) {
    case Kind::none:
      return array_of<double, double>({}, std::move(shape));
    case Kind::integer:
      return array_of<std::int64_t, std::int64_t>(integers_, std::move(shape));
    case Kind::number:
      return array_of<double, double>(numbers_, std::move(shape));
    case Kind::complex:
      return array_of<std::complex<double>, std::complex<double>>(complexes_, std::move(shape));
    case Kind::boolean:
      return array_of<std::uint8_t, bool>(booleans_, std::move(shape));
    case Kind::text:
      break;
  }
  if (shape.empty()) return texts_.front();
  return Value(texts_).reshaped(std::move(shape));
}

}  // namespace mpipe::detail
