// SPDX-License-Identifier: BSD-3-Clause
// Memory that several processes share: they see each other's values, and take nothing else for it.
#include "data/api/shared_pages.hpp"

#include "support/expect_error.hpp"

#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include <fstream>
#include <string>

namespace mpipe {
namespace {

using test::error_message;

std::byte* bytes_of(const std::shared_ptr<void>& memory) { return static_cast<std::byte*>(memory.get()); }

/// Runs `child` in a process of its own, which must end with 0.
template <class Child>
void in_another_process(const Child& child) {
  const pid_t pid = ::fork();
  if (pid == 0) ::_exit(child() ? 0 : 1);
  int status = 0;
  ASSERT_EQ(::waitpid(pid, &status, 0), pid);
  EXPECT_EQ(status, 0);
}

/// Shared memory that this process has in use, in kB.
long shared_memory_in_use() {
  std::ifstream in("/proc/self/status");
  std::string word;
  long value = -1;
  while (in >> word)
    if (word == "RssShmem:") in >> value;
  return value;
}

TEST(SharedPages, processes_see_what_others_write) {
  const auto pages = SharedPages::create(3);
  const auto memory = pages->map(2, 10'000);
  in_another_process([&] {
    const auto theirs = SharedPages::open(pages->address(), 3);
    if (!theirs) return false;
    bytes_of(theirs->map(2, 10'000))[9'999] = std::byte{7};
    return true;
  });
  EXPECT_EQ(bytes_of(memory)[9'999], std::byte{7});
  EXPECT_EQ(bytes_of(memory)[0], std::byte{0});
}

TEST(SharedPages, slots_are_apart) {
  const auto pages = SharedPages::create(3);
  const auto first = pages->map(0, 4'096);
  const auto second = pages->map(1, 4'096);
  std::fill_n(bytes_of(first), 4'096, std::byte{1});
  EXPECT_EQ(bytes_of(second)[0], std::byte{0});
}

TEST(SharedPages, mappings_outlive_them) {
  std::shared_ptr<void> memory;
  {
    const auto pages = SharedPages::create(1);
    memory = pages->map(0, 100);
  }
  bytes_of(memory)[99] = std::byte{1};
  EXPECT_EQ(bytes_of(memory)[99], std::byte{1});
}

TEST(SharedPages, memory_that_is_given_back_is_free_and_reads_as_zero) {
  constexpr std::size_t size = std::size_t{64} << 20;
  const auto pages = SharedPages::create(1);
  const auto memory = pages->map(0, size);
  const long before = shared_memory_in_use();
  std::fill_n(bytes_of(memory), size, std::byte{1});
  EXPECT_GE(shared_memory_in_use(), before + 65'000);
  pages->clear(0);
  EXPECT_LE(shared_memory_in_use(), before + 1'000);
  EXPECT_EQ(bytes_of(memory)[size - 1], std::byte{0});
}

TEST(SharedPages, nothing_else_is_taken_for_them) {
  const auto pages = SharedPages::create(1);
  SharedPages::Address address = pages->address();
  address.nonce += 1;  // the process and its descriptor are others by now
  EXPECT_EQ(SharedPages::open(address, 1), nullptr);
  address = pages->address();
  address.descriptor = 0;
  EXPECT_EQ(SharedPages::open(address, 1), nullptr);
  address.process = 0x7fffffff;
  EXPECT_EQ(SharedPages::open(address, 1), nullptr);
}

TEST(SharedPages, more_than_a_slot_is_refused) {
  const auto pages = SharedPages::create(1'000'000);
  const std::string said = error_message(Category::too_large, [&] { pages->map(0, std::size_t{1} << 45); });
  EXPECT_NE(said.find("so many outputs"), std::string::npos) << said;
}

TEST(SharedPages, a_limit_on_files_is_told) {
  in_another_process([] {
    const rlimit limit{1'000'000, 1'000'000};
    if (::setrlimit(RLIMIT_FSIZE, &limit) != 0) return false;
    try {
      SharedPages::create(1);
    } catch (const Error& error) {
      return std::string(error.what()).find("ulimit -f") != std::string::npos;
    }
    return false;
  });
}

}  // namespace
}  // namespace mpipe
