// SPDX-License-Identifier: BSD-3-Clause
// Reads amounts of memory and of time in a document.
#include "document/sections/quantity.hpp"

#include "core/api/quantity.hpp"

namespace mpipe::detail {
namespace {

/// What is no such amount is an error of the document, at the place of the value.
template <class Parse>
auto read_scalar(const Yaml& value, std::string_view expected, Parse parse) {
  if (!value.is_scalar()) value.refuse_type(expected);
  try {
    return parse(value.text());
  } catch (const Error& error) {
    value.refuse(error.what(),
                 error.category() == Category::too_large ? Category::too_large : Category::bad_document);
  }
}

}  // namespace

std::uint64_t read_memory(const Yaml& value) {
  return read_scalar(value, "an amount of memory such as 2GB, 512MiB or a number of bytes", parse_memory);
}

Duration read_time(const Yaml& value) {
  return read_scalar(value, "a time such as 10min, 1.5h, 01:30:00 or a number of seconds", parse_time);
}

}  // namespace mpipe::detail
