// SPDX-License-Identifier: BSD-3-Clause
/// @file
/// Results of calls, by the arguments.
#pragma once

#include "pipeline/api/element_call.hpp"

#include <list>
#include <mutex>
#include <string>
#include <string_view>
#include <unordered_map>

namespace mpipe {

/// The results of the last calls of one function, on one rank. Takes a bounded number of them; the one that
/// was not used for longest goes first. May be used by several threads: two of them may evaluate the same
/// arguments when they begin at the same time.
class ResultCache {
 public:
  /// Precondition: entries > 0.
  explicit ResultCache(Index entries) : entries_(static_cast<std::size_t>(entries)) {}

  /// As `body.call(call)`, element by element: elements whose arguments are in the cache are not evaluated.
  /// `evaluated` counts those that are, also one that throws.
  void call(const FunctionBody& body, BlockCall& call, Index& evaluated);

 private:
  using Result = std::vector<ElementOutput>;
  struct Entry {
    std::string key;
    std::shared_ptr<const Result> result;
  };

  std::shared_ptr<const Result> find(const std::string& key);
  void insert(std::string key, std::shared_ptr<const Result> result);
  static std::string key_of(const BlockCall& call, Index element);

  std::size_t entries_;
  std::mutex mutex_;
  std::list<Entry> used_;                                                    ///< the last one first
  std::unordered_map<std::string_view, std::list<Entry>::iterator> by_key_;  ///< keys lie in `used_`
};

}  // namespace mpipe
