// SPDX-License-Identifier: BSD-3-Clause
// Watches the connections of a process, and says who is lost.
#include "comm/lifeline.hpp"

#include <mpipe/core/error.hpp>

#include <fmt/format.h>

#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <csignal>
#include <cstdio>
#include <cstring>
#include <limits>

namespace mpipe {
namespace {

// All that is said are words of 32 bits: the number that was given up, again and again, or this one.
constexpr std::uint32_t kParting = std::numeric_limits<std::uint32_t>::max();
/// A thread that comes to its turn so late has stood still itself, with all of its node perhaps: it has heard nobody.
constexpr Duration kStoodStill = std::chrono::seconds(5);
constexpr int kTurnMs = 100;

std::span<const std::byte> bytes_of(const std::uint32_t& word) { return std::as_bytes(std::span(&word, 1)); }

std::string silence_text(Duration limit) {
  return fmt::format("nothing was heard of it for {:.0f} s", seconds(limit));
}

/// Signals are for the threads of the program.
std::thread start_without_signals(std::function<void()> run) {
  sigset_t all;
  sigset_t before;
  sigfillset(&all);
  pthread_sigmask(SIG_SETMASK, &all, &before);
  std::thread thread(std::move(run));
  pthread_sigmask(SIG_SETMASK, &before, nullptr);
  return thread;
}

}  // namespace

Lifeline::Lifeline(const Communicator& group, const std::vector<std::string>& hosts)
    : rank_(group.rank()), host_(host_name()) {
  const TimePoint now = SteadyClock().now();
  for (Socket& socket : connect_with_root(group, hosts))
    peers_.push_back({std::move(socket), now, {}, false});
  thread_ = start_without_signals([this] { watch(); });
}

Lifeline::~Lifeline() { stop(); }

void Lifeline::stop() {
  stopping_ = true;
  if (thread_.joinable()) thread_.join();
}

void Lifeline::part() {
  tell_all(kParting);
  stop();
  const std::lock_guard lock(mutex_);
  for (Peer& peer : peers_) peer.socket.close();
}

std::vector<Lifeline::Loss> Lifeline::lost() const {
  const std::lock_guard lock(mutex_);
  return losses_;
}

bool Lifeline::is_lost(int rank) const {
  if (lost_count() == 0) return false;
  const std::lock_guard lock(mutex_);
  return static_cast<std::size_t>(rank) < peers_.size() && peers_[static_cast<std::size_t>(rank)].lost;
}

void Lifeline::give_up(std::uint32_t epoch) {
  if (epoch <= given_up()) return;
  given_up_.store(epoch, std::memory_order_release);
  tell_all(epoch);
}

/// What does not arrive is said again with the next beat.
void Lifeline::tell_all(std::uint32_t word) {
  const std::lock_guard lock(mutex_);
  for (const Peer& peer : peers_)
    if (peer.socket.open()) peer.socket.send(bytes_of(word));
}

void Lifeline::watch() {
  const SteadyClock clock;
  TimePoint beat = clock.now();
  TimePoint turned = beat;
  const Duration limit = rank_ == 0 ? kSilence : kLease;
  std::vector<pollfd> entries;
  while (!stopping_) {
    entries.clear();
    for (const Peer& peer : peers_)
      entries.push_back({peer.socket.get(), POLLIN, 0});  // negative ones are skipped
    if (::poll(entries.data(), entries.size(), kTurnMs) < 0 && errno != EINTR)
      leave(std::string("it cannot watch the other ranks: ") + std::strerror(errno));
    const TimePoint now = clock.now();
    if (now - turned > kStoodStill)
      for (Peer& peer : peers_) peer.heard = now;
    turned = now;
    for (std::size_t at = 0; at < peers_.size(); ++at) {
      if (!peers_[at].socket.open()) continue;
      if (entries[at].revents != 0) read_from(at, now);
      if (peers_[at].socket.open() && now - peers_[at].heard > limit) lose(at, silence_text(limit));
    }
    if (now - beat < kBeat) continue;
    beat = now;
    tell_all(given_up());
  }
}

void Lifeline::read_from(std::size_t at, TimePoint now) {
  Peer& peer = peers_[at];
  std::byte bytes[256];
  const ssize_t got = ::recv(peer.socket.get(), bytes, sizeof(bytes), MSG_DONTWAIT);
  if (got < 0 && (errno == EINTR || errno == EAGAIN)) return;
  if (got <= 0) return lose(at, "its process ended");
  peer.heard = now;
  peer.received.insert(peer.received.end(), bytes, bytes + got);
  std::size_t used = 0;
  for (std::uint32_t word = 0; used + sizeof(word) <= peer.received.size(); used += sizeof(word)) {
    std::memcpy(&word, peer.received.data() + used, sizeof(word));
    take_word(at, word);
  }
  peer.received.erase(peer.received.begin(), peer.received.begin() + static_cast<std::ptrdiff_t>(used));
}

/// Who parts has done all that others wait for, and its connection ends next.
void Lifeline::take_word(std::size_t at, std::uint32_t word) {
  if (word == kParting) {
    const std::lock_guard lock(mutex_);
    peers_[at].socket.close();
  } else if (rank_ != 0 && word > given_up()) {
    given_up_.store(word, std::memory_order_release);
  }
}

/// The connection is closed for good: a process that was taken for lost, and is not, leaves when it sees that.
void Lifeline::lose(std::size_t at, const std::string& why) {
  if (rank_ != 0) leave("rank 0 is lost (" + why + ")");
  const std::lock_guard lock(mutex_);
  peers_[at].socket.close();
  peers_[at].lost = true;
  losses_.push_back({static_cast<int>(at), why});
  lost_count_.store(losses_.size(), std::memory_order_release);
}

/// The other threads may be in a function of the user for hours, or wait for rank 0 for ever. What they have stored
/// stays, as after any sudden end.
void Lifeline::leave(const std::string& why) const {
  std::fprintf(stderr,
               "mpipe: rank %d on %s ends: %s, and nobody else hands out work. What was done before is kept "
               "in the run "
               "folder: go on by resume.\n",
               rank_, host_.c_str(), why.c_str());
  std::_Exit(exit_code(Category::rank_lost));
}

}  // namespace mpipe
