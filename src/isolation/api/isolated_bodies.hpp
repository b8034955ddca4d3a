// SPDX-License-Identifier: BSD-3-Clause
/// @file
/// Bodies of functions that are called in other processes, so that a crash there costs one element.
#pragma once

#include <mpipe/core/error.hpp>
#include <mpipe/pipeline/pipeline.hpp>

#include "isolation/api/zygote.hpp"

#include <memory>
#include <string>

namespace mpipe {

/// A process died, or was killed, while it computed an element: `killed by signal 11 (SIGSEGV)`,
/// `ended by exit(3)`, `timed out after 2 s`, `out of memory (limit 100 MB)`.
class ProcessDied : public Error {
 public:
  explicit ProcessDied(const std::string& message) : Error(Category::function_raised, message) {}
};

/// How long a child of a zygote lives.
enum class ChildLife : std::uint8_t {
  one_call,  ///< each block has a child of its own: nothing that one does to its memory reaches another
  many       ///< children go on to the next block; one that died is replaced
};

/// Makes bodies that are called in children of a zygote. Children come from `early` where that can: functions
/// that are pointers or have no captures, and those of pipelines that it was told to make. For all others
/// this process is forked itself, once, by the first `isolate` that needs it: make it, and call that, from
/// the main thread, when everything that the functions look at is there.
class IsolatedBodies {
 public:
  /// `early` may be null, or have ended.
  explicit IsolatedBodies(std::shared_ptr<Zygote> early);
  ~IsolatedBodies();

  /// A body that does what that of `function` does, with the limits of its resources: `time` of an element,
  /// and `memory` beyond what the process has when it begins. It may be called by several threads at once,
  /// whatever the function promises. `function` and this object must outlive it.
  ///
  /// Where a process dies (a signal, `exit`, a limit) while it computes a block, the elements of the block
  /// are computed again one by one, each in a process of its own, and the body throws `ProcessDied` at the
  /// one that does it again. With a limit of time elements are computed one by one from the start. Exceptions
  /// arrive as `ReportedError`.
  ///
  /// Throws `Error` (not_supported) when no process can be made.
  std::shared_ptr<const FunctionBody> isolate(const Function& function, ChildLife life);

  /// Whether this process had to be forked itself.
  bool forked_late() const;

 private:
  struct State;
  std::unique_ptr<State> state_;
};

/// Has `zygote` make `pipeline` as well, by `make(argument)`, so that the functions of this pipeline, and of
/// pipelines that were made from it, are called in its children. `make` must be code of the program itself.
/// Throws what `make` throws there, and `Error` (internal_error) when it makes another pipeline.
void make_in_zygote(Zygote& zygote, const Pipeline& pipeline, Pipeline (*make)(std::span<const std::byte>),
                    std::span<const std::byte> argument);

}  // namespace mpipe
