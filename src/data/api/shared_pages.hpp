// SPDX-License-Identifier: BSD-3-Clause
/// @file
/// `SharedPages`: memory in which the processes of one machine see each other's arrays.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>

namespace mpipe {

/// A file in memory that has no name, divided into *slots* of equal size, one for each array. It is sparse: the
/// slots together are larger than any machine, and a page costs memory when somebody first writes to it. It
/// counts as memory of the processes that use it and needs no room in /dev/shm. It is gone with the last
/// process that has it open or mapped, however that process ends.
///
/// Thread rule: all members may be called by several threads at once.
class SharedPages {
 public:
  /// Where other processes of the machine find it.
  struct Address {
    std::int64_t process = 0;
    std::int64_t descriptor = 0;
    std::uint64_t nonce = 0;  ///< kept in the memory itself: process numbers are used again
  };

  /// Throws `Error` (not_supported), saying what the system refused.
  static std::shared_ptr<SharedPages> create(std::size_t slots);
  /// That of another process, which must have it open meanwhile, or of this one. Null where it cannot be
  /// reached: on another machine, in another container, of another user.
  static std::shared_ptr<SharedPages> open(const Address& address, std::size_t slots);

  ~SharedPages();
  SharedPages(const SharedPages&) = delete;
  SharedPages& operator=(const SharedPages&) = delete;

  const Address& address() const { return address_; }

  /// The first `size` bytes of a slot, which read as zero where no process has written. They stay mapped for as
  /// long as the result lives, also beyond this object. Throws `Error` (too_large) when a slot, or the address
  /// space of this process, is smaller. For a `size` of 0 the result is a null pointer.
  std::shared_ptr<void> map(std::size_t slot, std::size_t size) const;
  /// Gives memory of a slot back to the machine, `size` bytes from `begin` on, or all of it: it reads as zero
  /// afterwards, in all processes. Where the system does not take it, it stays in use until the end.
  void clear(std::size_t slot, std::size_t begin, std::size_t size) const;
  void clear(std::size_t slot) const { clear(slot, 0, slot_bytes_); }
  /// The memory that all slots together take, in bytes.
  std::uint64_t bytes_in_use() const;

 private:
  SharedPages(int descriptor, std::size_t slots);
  std::uint64_t offset(std::size_t slot) const;

  int descriptor_;
  std::uint64_t slot_bytes_;
  Address address_;
};

}  // namespace mpipe
