// SPDX-License-Identifier: BSD-3-Clause
#pragma once

#include <mpipe/pipeline/function_body.hpp>

#include <atomic>
#include <memory>

namespace golden {

/// Number of elements that a body computed in this process, and in those that were forked from it since.
using Counter = std::atomic<mpipe::Index>;

std::shared_ptr<Counter> make_counter();

/// `body`, which also counts the elements it computes (those at which it fails as well).
std::shared_ptr<const mpipe::FunctionBody> counted(std::shared_ptr<const mpipe::FunctionBody> body,
                                                   std::shared_ptr<Counter> counter);

}  // namespace golden
