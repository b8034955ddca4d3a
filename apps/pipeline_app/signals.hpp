// SPDX-License-Identifier: BSD-3-Clause
/// @file
/// What happens when the program is told to end.
#pragma once

#include <functional>
#include <thread>

namespace mpipe::app {

/// While it lives: on SIGTERM, SIGINT, SIGHUP, SIGUSR2, SIGXCPU or SIGXFSZ, unless that was ignored before,
/// `last_words(signal)` is called by a thread of its own, and then the process ends by that signal, as it would
/// have without. A second SIGINT ends it at once. One at a time per process.
class SignalWatch {
 public:
  explicit SignalWatch(std::function<void(int)> last_words);
  ~SignalWatch();
  SignalWatch(const SignalWatch&) = delete;
  SignalWatch& operator=(const SignalWatch&) = delete;

 private:
  void watch();

  std::function<void(int)> last_words_;
  int pipe_[2] = {-1, -1};
  std::thread thread_;
};

}  // namespace mpipe::app
