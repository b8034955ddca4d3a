// SPDX-License-Identifier: BSD-3-Clause
// How ranks tell each other that a local step of a collective call failed.
#include "comm/api/collective.hpp"

#include "base/api/failure_bytes.hpp"

#include <fmt/format.h>

#include <filesystem>
#include <new>

namespace mpipe {
namespace {

/// Sorts an exception of another type than `Error` by what the user can do about it.
void sort_by_cause(Failure& failure) {
  try {
    throw;
  } catch (const Error&) {
    // It has its category.
  } catch (const std::bad_alloc&) {
    failure.category = Category::too_large;
    failure.message = "the memory of a rank is used up. Use smaller axes, a selection, or more memory.";
  } catch (const std::filesystem::filesystem_error&) {
    failure.category = Category::storage_failed;
  } catch (...) {
    failure.category = Category::internal_error;
    failure.message = fmt::format("internal error: {}: {} (this should not happen; please report it).",
                                  failure.type, failure.message);
  }
}

/// Errors of machines say whose they are; those of input and options are the same wherever they are found.
bool names_rank(const Failure& failure, int rank) {
  const int code = exit_code(failure.category);
  return rank != 0 || code == exit_code(Category::storage_failed) ||
         code == exit_code(Category::internal_error);
}

}  // namespace

/// A group of one rank throws its own `Error` again, as the type that it is. What has to travel to other
/// ranks becomes a `Failure`.
void CollectiveSteps::note_current_exception() {
  if (comm_.size() == 1) {
    try {
      throw;
    } catch (const Error&) {
      alone_ = std::current_exception();
    } catch (...) {
      // It becomes an `Error` below.
    }
  }
  failure_ = failure_from_current_exception();
  sort_by_cause(*failure_);
  if (!failure_->host.empty()) return;  // it comes from another group's agreement, and says so
  failure_->rank = comm_.job_rank();
  failure_->host = host_name();
  if (comm_.size() > 1 && names_rank(*failure_, comm_.rank()))
    failure_->message = fmt::format("rank {} on {}: {}", failure_->rank, failure_->host, failure_->message);
}

/// Every rank makes the same calls, whether it failed or not. The lowest rank that failed speaks for all, so
/// all throw the same error and take the same way from here.
void CollectiveSteps::agree() {
  if (alone_) std::rethrow_exception(alone_);
  const std::int64_t nobody = comm_.size();
  const std::int64_t first = comm_.all_reduce(failed() ? comm_.rank() : nobody, ReduceOp::min);
  if (first == nobody) return;
  ByteWriter told;
  if (comm_.rank() == first) put_failure(told, *failure_);
  const Bytes bytes = comm_.broadcast(std::move(told.bytes()), static_cast<int>(first));
  ByteReader in(bytes, "the error of another rank");
  throw error_of(get_failure(in));
}

void together(const Communicator& comm, const std::function<void()>& step) {
  CollectiveSteps steps(comm);
  steps.attempt(step);
  steps.agree();
}

/// The agreement comes before the broadcast: without it the others would wait for bytes that a failed rank 0
/// never sends.
Bytes on_root(const Communicator& comm, const std::function<Bytes()>& step) {
  CollectiveSteps steps(comm);
  Bytes result;
  if (comm.is_root()) steps.attempt([&] { result = step(); });
  steps.agree();
  return comm.broadcast(std::move(result));
}

}  // namespace mpipe
