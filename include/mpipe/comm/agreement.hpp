// SPDX-License-Identifier: BSD-3-Clause
/// @file
/// Steps that succeed on all ranks or fail on all ranks: nobody is left waiting in a collective call.
#pragma once

#include <mpipe/comm/communicator.hpp>
#include <mpipe/core/error.hpp>
#include <mpipe/data/codec.hpp>

#include <functional>

namespace mpipe {

/// Collective. Runs `step` on rank 0 and returns its bytes everywhere; what it throws there is thrown on
/// every rank, as an `Error` of the same category and text.
Bytes on_root(const Communicator& comm, const std::function<Bytes()>& step);

/// Collective. Runs `step` on every rank; when it throws on any, every rank throws an `Error` of the category
/// and text of the lowest of those. Where that is not rank 0, the text says which rank on which host.
void together(const Communicator& comm, const std::function<void()>& step);

}  // namespace mpipe
