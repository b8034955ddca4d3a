// SPDX-License-Identifier: BSD-3-Clause
/// @file
/// Functions of pipelines that are pointers to functions of C.
#pragma once

#include <mpipe/mpipe.h>
#include <mpipe/pipeline/function.hpp>

#include <string>

namespace mpipe {

/// What `mpipe_add_function` describes. Throws `Error`: bad_option (types that there are not), and what `Function` says
/// of names and mapspecs.
Function c_function(const std::string& outputs, const std::string& parameters, const char* mapspec,
                    mpipe_callable call, void* context, bool thread_safe);

}  // namespace mpipe
