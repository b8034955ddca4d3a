// SPDX-License-Identifier: BSD-3-Clause
// A program that simulates crashes from seed to seed, until its time is over or a promise is broken.
#include "simulation/crash_simulation.hpp"

#include <spdlog/spdlog.h>

#include <algorithm>
#include <chrono>
#include <cstdint>
#include <cstdio>
#include <stdexcept>
#include <string>
#include <vector>

namespace {

using namespace mpipe::test;

struct Arguments {
  double seconds = 1e9;
  std::uint64_t seed = 1;
  std::uint64_t seeds = UINT64_MAX;
  bool tells = false;  ///< of each seed, not only of one that breaks a promise
  bool twice = false;  ///< makes each seed again, and compares
  DiskLie lie = DiskLie::none;
};

/// Throws `std::invalid_argument` for what is no option, or no number.
Arguments read(std::vector<std::string> words) {
  Arguments arguments;
  const auto take = [&](const char* name) {
    const auto found = std::find(words.begin(), words.end(), name);
    if (found == words.end()) return false;
    words.erase(found);
    return true;
  };
  arguments.tells = take("--tell");
  arguments.twice = take("--twice");
  if (take("--lie-about-sync")) arguments.lie = DiskLie::sync;
  if (take("--lie-about-writes")) arguments.lie = DiskLie::short_write;
  for (std::size_t k = 0; k < words.size(); k += 2) {
    if (k + 1 == words.size()) throw std::invalid_argument(words[k] + " without a number");
    if (words[k] == "--seconds")
      arguments.seconds = std::stod(words[k + 1]);
    else if (words[k] == "--seed")
      arguments.seed = std::stoull(words[k + 1]);
    else if (words[k] == "--seeds")
      arguments.seeds = std::stoull(words[k + 1]);
    else
      throw std::invalid_argument("no option: " + words[k]);
  }
  return arguments;
}

void print(std::uint64_t seed, const SimulatedStory& story) {
  std::printf("seed %llu (digest %016llx)\n", static_cast<unsigned long long>(seed),
              static_cast<unsigned long long>(story.digest));
  for (const std::string& line : story.lines) std::printf("  %s\n", line.c_str());
  for (const std::string& what : story.broken) std::printf("  BROKEN: %s\n", what.c_str());
}

/// Goes from seed to seed; returns the exit code.
int run(const Arguments& arguments) {
  const auto begin = std::chrono::steady_clock::now();
  const auto elapsed = [&] {
    return std::chrono::duration<double>(std::chrono::steady_clock::now() - begin).count();
  };
  std::uint64_t done = 0;
  std::uint64_t stops = 0;
  for (; done < arguments.seeds && elapsed() < arguments.seconds; ++done) {
    SimulatedStory story = simulate_crashes(arguments.seed + done, arguments.lie);
    if (arguments.twice && simulate_crashes(arguments.seed + done).digest != story.digest)
      story.broken.emplace_back("made again, the seed is another run");
    stops += static_cast<std::uint64_t>(story.stops);
    if (arguments.tells || !story.broken.empty()) print(arguments.seed + done, story);
    if (!story.broken.empty()) {
      std::printf("found after %llu seeds; again: --seed %llu --seeds 1\n",
                  static_cast<unsigned long long>(done + 1),
                  static_cast<unsigned long long>(arguments.seed + done));
      return 1;
    }
  }
  std::printf("%llu seeds from %llu on, %llu stops, %.1f seeds/s: every promise held\n",
              static_cast<unsigned long long>(done), static_cast<unsigned long long>(arguments.seed),
              static_cast<unsigned long long>(stops), static_cast<double>(done) / elapsed());
  return 0;
}

}  // namespace

int main(int count, char** words) {
  spdlog::set_level(spdlog::level::off);
  try {
    return run(read({words + 1, words + count}));
  } catch (const std::invalid_argument& error) {
    std::fprintf(stderr,
                 "simulate: %s. Give --seconds, --seed, --seeds, each with a number; --tell; --twice; "
                 "--lie-about-sync; --lie-about-writes.\n",
                 error.what());
    return 2;
  }
}
