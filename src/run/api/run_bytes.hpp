// SPDX-License-Identifier: BSD-3-Clause
/// @file
/// Parts of what ranks tell each other about a run, as bytes. Readers throw as `ByteReader` does.
#pragma once

#include <mpipe/base/bytes.hpp>
#include <mpipe/core/failure.hpp>
#include <mpipe/plan/plan.hpp>

#include <vector>

namespace mpipe {

void put_failures(ByteWriter& out, const std::vector<Failure>& failures);
std::vector<Failure> get_failures(ByteReader& in);

/// The internal shapes of outputs, as far as each is known.
void put_shapes(ByteWriter& out, const std::vector<ArrayLayout>& layouts);
void put_shapes(ByteWriter& out, const Plan& plan);
/// Tells `plan` those that it does not know yet.
void get_shapes(ByteReader& in, Plan& plan);

}  // namespace mpipe
