// SPDX-License-Identifier: BSD-3-Clause
/// @file
/// Texts as other programs take them.
#pragma once

#include <mpipe/data/value.hpp>

#include <string_view>

namespace mpipe::app {

/// The k-th of some texts. Throws `Error` (bad_option) where it has zero bytes or is not UTF-8, which files of `form`
/// ("a table of comma-separated values") cannot hold.
std::string_view plain_text(const Value& texts, Index k, std::string_view form);

}  // namespace mpipe::app
