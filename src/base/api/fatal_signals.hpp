// SPDX-License-Identifier: BSD-3-Clause
/// @file
/// Last words of a process that is ended by a signal of its own making, written without any memory.
#pragma once

#include <mpipe/core/shape.hpp>

#include <csignal>
#include <cstddef>
#include <iterator>
#include <memory>

namespace mpipe {

/// While it lives, a signal that tells of a crash (SIGSEGV, SIGBUS, SIGFPE, SIGILL, SIGABRT) calls `words` once in
/// the thread that it came to, and then does what it did before. `words` does only what handlers of signals may. One
/// per process counts: the last that was made; made and ended in the manner of a stack, by one thread.
class FatalSignals {
 public:
  using Words = void (*)(int signal);
  explicit FatalSignals(Words words);
  ~FatalSignals();
  FatalSignals(const FatalSignals&) = delete;
  FatalSignals& operator=(const FatalSignals&) = delete;

 private:
  static constexpr int kSignals[] = {SIGSEGV, SIGBUS, SIGFPE, SIGILL, SIGABRT};
  static void handle(int number);

  /// A stack that has run over cannot be used for last words.
  std::unique_ptr<std::byte[]> stack_;
  stack_t stack_before_{};
  struct sigaction before_[std::size(kSignals)];
  Words words_before_;
  FatalSignals* last_before_;
};

/// A line of text that needs no memory; what does not fit is left out. For handlers of signals.
class SignalLine {
 public:
  void add(const char* text) noexcept;
  void add(Index number) noexcept;
  void add(const SignalLine& other) noexcept;
  /// With a line feed, by one call of the system. A file that cannot be written to is left alone.
  void write(int descriptor) noexcept;

 private:
  char text_[1024];
  std::size_t size_ = 0;
};

}  // namespace mpipe
