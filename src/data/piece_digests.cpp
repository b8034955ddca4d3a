// SPDX-License-Identifier: BSD-3-Clause
// Keeps digests of what was read of a file, and compares them with what it has now.
#include "data/piece_digests.hpp"

#include <algorithm>
#include <cstring>
#include <vector>

namespace mpipe::detail {
namespace {

/// Eight bytes at a time, as every byte that a run reads of a file goes through it. Not kept anywhere.
std::uint64_t digest_of(std::span<const std::byte> bytes) {
  constexpr std::uint64_t kFactor = 0x9E3779B97F4A7C15U;
  std::uint64_t digest = bytes.size() * kFactor;
  for (std::size_t at = 0; at < bytes.size(); at += sizeof(std::uint64_t)) {
    std::uint64_t word = 0;
    std::memcpy(&word, &bytes[at], std::min(sizeof word, bytes.size() - at));
    digest = (digest ^ word) * kFactor;
    digest ^= digest >> 32U;
  }
  return digest;
}

}  // namespace

void PieceDigests::note(IndexRange elements, std::span<const std::byte> bytes) {
  for (Index begin = elements.begin; begin < elements.end; begin += piece_) {
    const Index end = std::min(begin + piece_, elements.end);
    const auto offset = static_cast<std::size_t>(begin - elements.begin) * element_bytes_;
    const Noted noted{
        end, digest_of(bytes.subspan(offset, static_cast<std::size_t>(end - begin) * element_bytes_))};
    const std::lock_guard lock(mutex_);
    noted_.insert_or_assign(begin, noted);
  }
}

bool PieceDigests::same(const std::function<void(IndexRange, std::byte*)>& read) const {
  std::map<Index, Noted> noted;
  {
    const std::lock_guard lock(mutex_);
    noted = noted_;
  }
  std::vector<std::byte> bytes;
  for (const auto& [begin, piece] : noted) {
    bytes.resize(static_cast<std::size_t>(piece.end - begin) * element_bytes_);
    read({begin, piece.end}, bytes.data());
    if (digest_of(bytes) != piece.digest) return false;
  }
  return true;
}

}  // namespace mpipe::detail
