// SPDX-License-Identifier: BSD-3-Clause
// Headers that a user may include first, for a compiler that is set to an older language.
#include <mpipe/pipeline/function.hpp>
