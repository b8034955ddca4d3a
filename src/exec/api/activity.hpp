// SPDX-License-Identifier: BSD-3-Clause
/// @file
/// What the threads of this process compute at the moment, where last words and watches may look.
#pragma once

#include <mpipe/core/shape.hpp>

#include <atomic>
#include <string>
#include <vector>

namespace mpipe {

/// What one thread computes. Written by that thread alone; a handler of signals in any thread may read it.
struct Activity {
  std::atomic<int> thread = 0;                   ///< its number for the system; 0: nobody's
  std::atomic<const char*> function = nullptr;   ///< name of the function that it is in; null: in none
  std::atomic<const Shape*> external = nullptr;  ///< over which the function is mapped
  std::atomic<bool> can_be_isolated = false;     ///< see `Isolation`
  std::atomic<Index> begin = 0;                  ///< of the elements that the function was called for
  std::atomic<Index> end = 0;
  std::atomic<Index> at = -1;  ///< the element among them; -1: the body does not tell
};

/// While it lives, this thread is in a function. `function` and `external` must outlive it. Of more threads than
/// there is room for, some tell nothing.
class ActivityNote {
 public:
  ActivityNote(const std::string& function, const Shape& external, IndexRange range, bool can_be_isolated);
  ~ActivityNote();
  ActivityNote(const ActivityNote&) = delete;
  ActivityNote& operator=(const ActivityNote&) = delete;

  /// Where the body notes the element that it computes; may be null.
  std::atomic<Index>* at() { return mine_ == nullptr ? nullptr : &mine_->at; }

 private:
  Activity* mine_;
};

/// `words(activity)` for each thread that is in a function. Safe in handlers of signals where `words` is.
template <class Words>
void for_each_activity(Words&& words);

/// The element in words, as in `drag[3]`, or `one of drag[3] to drag[9]`; needs no memory. `Line`: as `SignalLine`.
template <class Line>
void add_activity(Line& line, const Activity& activity);

// ---------------------------------------------------------------------------------------------------------------

namespace detail {

inline constexpr int kMostActivities = 128;
extern Activity activities[kMostActivities];

template <class Line>
void add_element(Line& line, const char* function, const Shape& external, Index element) {
  line.add(function);
  for (std::size_t axis = 0; axis < external.size(); ++axis) {
    Index below = 1;
    for (std::size_t k = axis + 1; k < external.size(); ++k) below *= external[k];
    line.add(axis == 0 ? "[" : ", ");
    line.add(below == 0 || external[axis] == 0 ? Index{0} : element / below % external[axis]);
  }
  if (!external.empty()) line.add("]");
}

}  // namespace detail

template <class Words>
void for_each_activity(Words&& words) {
  for (const Activity& activity : detail::activities)
    if (activity.thread != 0 && activity.function != nullptr) words(activity);
}

template <class Line>
void add_activity(Line& line, const Activity& activity) {
  const char* const function = activity.function;
  const Shape* const external = activity.external;
  if (function == nullptr || external == nullptr) return;
  const Index begin = activity.begin;
  const Index end = activity.end;
  const Index at = activity.at;
  if (at >= 0 || end - begin == 1)
    return detail::add_element(line, function, *external, at >= 0 ? at : begin);
  line.add("one of ");
  detail::add_element(line, function, *external, begin);
  line.add(" to ");
  detail::add_element(line, function, *external, end - 1);
}

}  // namespace mpipe
