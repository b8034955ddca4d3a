// SPDX-License-Identifier: BSD-3-Clause
// Keeps results of calls by the bytes of their arguments, and forgets the least recently used one first.
#include "exec/result_cache.hpp"

namespace mpipe {
namespace {

template <class T>
void append(std::string& key, const T& number) {
  key.append(reinterpret_cast<const char*>(&number), sizeof(number));
}

}  // namespace

void ResultCache::call(const FunctionBody& body, BlockCall& call, Index& evaluated) {
  call.completed = 0;
  for (Index element = call.range.begin; element < call.range.end; ++element) {
    std::string key = key_of(call, element);
    std::shared_ptr<const Result> result = find(key);
    if (!result) {
      // The function runs without the lock: two threads may evaluate the same arguments, but no thread
      // waits for the function of another.
      ++evaluated;
      result = std::make_shared<const Result>(call_element(body, call, element));
      insert(std::move(key), result);
    }
    put_element(*result, call, element - call.range.begin);
    ++call.completed;
  }
}

std::shared_ptr<const ResultCache::Result> ResultCache::find(const std::string& key) {
  const std::lock_guard lock(mutex_);
  const auto found = by_key_.find(key);
  if (found == by_key_.end()) return nullptr;
  // A node of the list never moves, so the keys in `by_key_`, which look into the nodes, stay valid.
  used_.splice(used_.begin(), used_, found->second);
  // The caller shares the result, which may leave the cache while it is still being copied.
  return found->second->result;
}

void ResultCache::insert(std::string key, std::shared_ptr<const Result> result) {
  const std::lock_guard lock(mutex_);
  if (by_key_.contains(key)) return;  // another thread was faster
  if (used_.size() == entries_) {
    // The map forgets the entry first, since its key looks into the text that `pop_back` frees.
    by_key_.erase(used_.back().key);
    used_.pop_back();
  }
  used_.push_front({std::move(key), std::move(result)});
  by_key_.emplace(used_.front().key, used_.begin());
}

/// Bytes of all arguments. Types need not be in it, as they are the same for all calls of a function.
std::string ResultCache::key_of(const BlockCall& call, Index element) {
  std::string key;
  const MultiIndex index = multi_index(element, *call.external);
  for (const ArgumentView& argument : call.arguments) {
    Index position = argument.origin;
    for (std::size_t axis = 0; axis < index.size(); ++axis) position += index[axis] * argument.strides[axis];
    // Extents and lengths are part of the key: without them ("ab", "c") and ("a", "bc") would be the same.
    for (const Index extent : argument.slice_shape) append(key, extent);
    argument.for_each_in_slice(position, [&](Index at) {
      const std::span<const std::byte> value = argument.value(at);
      if (argument.offsets != nullptr) append(key, value.size());
      key.append(reinterpret_cast<const char*>(value.data()), value.size());
    });
  }
  return key;
}

}  // namespace mpipe
