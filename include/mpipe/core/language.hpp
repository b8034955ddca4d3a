// SPDX-License-Identifier: BSD-3-Clause
/// @file
/// Refuses compilers that are set to an older language, before they come to what they cannot read.
#pragma once

#if __cplusplus < 202002L
#error \
    "mpipe: these headers need C++20 (they use concepts and defaulted comparisons). Compile with -std=c++20."
#endif
