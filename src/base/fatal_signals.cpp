// SPDX-License-Identifier: BSD-3-Clause
// Calls the last words of a process that crashes, and then lets the signal do what it did before.
#include "base/api/fatal_signals.hpp"

#include <unistd.h>

#include <atomic>
#include <utility>

namespace mpipe {
namespace {

std::atomic<FatalSignals::Words> words = nullptr;  // taken by the first thread that crashes
std::atomic<FatalSignals*> last = nullptr;

}  // namespace

void FatalSignals::handle(int number) {
  if (const Words last_words = words.exchange(nullptr)) last_words(number);
  const FatalSignals* const self = last;
  // What was there before does the rest, as soon as this handler returns.
  for (std::size_t k = 0; k < std::size(kSignals); ++k)
    if (kSignals[k] == number && self != nullptr) ::sigaction(number, &self->before_[k], nullptr);
  ::raise(number);
}

FatalSignals::FatalSignals(Words own)
    : words_before_(words.exchange(own)), last_before_(last.exchange(this)) {
  constexpr std::size_t kStackBytes = 64 * 1024;
  stack_ = std::make_unique<std::byte[]>(kStackBytes);
  stack_t stack{};
  stack.ss_sp = stack_.get();
  stack.ss_size = kStackBytes;
  ::sigaltstack(&stack, &stack_before_);
  struct sigaction action {};
  action.sa_handler = handle;
  action.sa_flags = SA_ONSTACK;
  for (std::size_t k = 0; k < std::size(kSignals); ++k) ::sigaction(kSignals[k], &action, &before_[k]);
}

FatalSignals::~FatalSignals() {
  for (std::size_t k = 0; k < std::size(kSignals); ++k) ::sigaction(kSignals[k], &before_[k], nullptr);
  ::sigaltstack(&stack_before_, nullptr);
  last = last_before_;
  words = words_before_;
}

void SignalLine::add(const char* text) noexcept {
  for (; *text != 0 && size_ < sizeof text_ - 1; ++text) text_[size_++] = *text;
}

void SignalLine::add(Index number) noexcept {
  char digits[24];
  std::size_t at = sizeof digits;
  digits[--at] = 0;
  do {
    digits[--at] = static_cast<char>('0' + number % 10);
    number /= 10;
  } while (number > 0);
  add(digits + at);
}

void SignalLine::add(const SignalLine& other) noexcept {
  for (std::size_t k = 0; k < other.size_ && size_ < sizeof text_ - 1; ++k) text_[size_++] = other.text_[k];
}

void SignalLine::write(int descriptor) noexcept {
  text_[size_] = '\n';
  static_cast<void>(::write(descriptor, text_, size_ + 1) < 0);
}

}  // namespace mpipe
