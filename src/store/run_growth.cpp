// SPDX-License-Identifier: BSD-3-Clause
// Compares two starts of a run, and joins what they compute into one description.
#include <mpipe/core/error.hpp>

#include "store/api/run_description.hpp"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <set>
#include <string_view>
#include <unordered_map>

namespace mpipe {
namespace {

using Names = std::set<std::string>;
/// A function when the run began, and now.
using Pair = std::pair<const RunDescription::Function*, const RunDescription::Function*>;

[[noreturn]] void refuse(const std::string& difference, const std::string& also = {}) {
  throw Error(
      Category::resume_mismatch,
      fmt::format("cannot resume: {} (old and new results would not belong together). Start with what "
                  "the run began with, {}begin a new run in another folder, or replace this one by "
                  "--overwrite.",
                  difference, also));
}

std::string shortened(const std::string& text) {
  constexpr std::size_t kLongest = 300;
  if (text.empty()) return "nothing";
  return text.size() <= kLongest ? text : text.substr(0, kLongest) + " ..";
}

/// `what` was one thing when the run began, and is another one now.
[[noreturn]] void differs(const std::string& what, const std::string& stored, const std::string& now,
                          const std::string& also = {}) {
  refuse(fmt::format("{} is {} in the run folder, and now {}", what, shortened(stored), shortened(now)),
         also);
}

std::string redo_advice(const std::string& outputs) {
  return fmt::format("compute it anew, with all that needs it, by --redo {}, ", outputs);
}

/// Items by their names; the list must outlive this.
template <class T>
class ByName {
 public:
  explicit ByName(const std::vector<T>& items) {
    for (const T& item : items) items_.emplace(item.name, &item);
  }
  const T* find(const std::string& name) const {
    const auto found = items_.find(name);
    return found == items_.end() ? nullptr : found->second;
  }

 private:
  std::unordered_map<std::string_view, const T*> items_;
};

/// Those of `stored` that are not in `now` follow those of `now`.
template <class T>
void add_missing(const std::vector<T>& stored, std::vector<T>& now) {
  std::vector<T> missing;
  const ByName<T> there(now);
  std::copy_if(stored.begin(), stored.end(), std::back_inserter(missing),
               [&](const T& item) { return there.find(item.name) == nullptr; });
  now.insert(now.end(), missing.begin(), missing.end());
}

/// `redo`, the other outputs of those functions, and all outputs that need one of them.
Names all_to_redo(const std::vector<RunDescription::Function>& functions,
                  const std::vector<std::string>& redo) {
  std::unordered_multimap<std::string_view, const RunDescription::Function*> concerned;
  for (const RunDescription::Function& function : functions)
    for (const auto* names : {&function.outputs, &function.parameters})
      for (const std::string& name : *names) concerned.emplace(name, &function);
  Names anew(redo.begin(), redo.end());
  for (std::vector<std::string> todo = redo; !todo.empty();) {
    const std::string name = std::move(todo.back());
    todo.pop_back();
    const auto [begin, end] = concerned.equal_range(name);
    for (auto each = begin; each != end; ++each)
      for (const std::string& output : each->second->outputs)
        if (anew.insert(output).second) todo.push_back(output);
  }
  return anew;
}

void compare_meaning(const RunDescription::Function& stored, const RunDescription::Function& now) {
  Names keys;
  for (const auto* function : {&stored, &now})
    for (const auto& [key, text] : function->meaning) keys.insert(key);
  const auto text_of = [](const RunDescription::Function& function, const std::string& key) {
    const auto found = function.meaning.find(key);
    return found == function.meaning.end() ? std::string() : found->second;
  };
  for (const std::string& key : keys)
    if (text_of(stored, key) != text_of(now, key))
      differs(fmt::format("the {} of function '{}' in the pipeline", key, stored.name), text_of(stored, key),
              text_of(now, key), redo_advice(stored.name));
}

/// Modules are known by their build ids, or the digests of their texts, as they may have been moved or
/// renamed.
std::set<std::string> build_ids(const RunDescription::Function& function) {
  std::set<std::string> ids;
  for (const auto& [module, id] : function.code) ids.insert(id);
  return ids;
}

/// Tells of all functions from code that was built anew at once: they have to be computed anew together.
void compare_code(const std::vector<Pair>& pairs) {
  std::vector<std::string> changed;
  std::string modules;
  for (const auto& [stored, now] : pairs) {
    if (build_ids(*stored) == build_ids(*now)) continue;
    const auto shown = [](const RunDescription::Function& function) {
      std::vector<std::string> texts;
      for (const auto& [module, id] : function.code) texts.push_back(fmt::format("{} ({})", module, id));
      return shortened(fmt::format("{}", fmt::join(texts, ", ")));
    };
    if (changed.empty())
      modules = fmt::format("{} in the run folder, and now {}", shown(*stored), shown(*now));
    changed.push_back(now->name);
  }
  if (changed.empty()) return;
  refuse(fmt::format("the code of {} '{}' is another one: {}", changed.size() == 1 ? "function" : "functions",
                     fmt::join(changed, "', '"), modules),
         fmt::format("compute them anew, with all that needs them, by --redo {}, ",
                     fmt::join(changed, " --redo ")));
}

void compare_functions(const RunDescription& stored, const RunDescription& now, const Names& anew) {
  std::vector<Pair> both;
  const ByName earlier_ones(stored.functions);
  for (const RunDescription::Function& function : now.functions)
    if (const auto* earlier = earlier_ones.find(function.name); earlier && !anew.contains(function.name))
      both.emplace_back(earlier, &function);
  for (const auto& [earlier, function] : both) {
    if (earlier->outputs != function->outputs)
      differs(fmt::format("the output list of function '{}' in the pipeline", function->name),
              fmt::format("{}", fmt::join(earlier->outputs, ", ")),
              fmt::format("{}", fmt::join(function->outputs, ", ")), redo_advice(function->name));
    compare_meaning(*earlier, *function);
  }
  compare_code(both);
}

/// `input 'x' (taken by 'y', 'z')`
std::string described(const RunDescription::Given& given, const RunDescription& run) {
  constexpr std::size_t kMostShown = 5;
  std::vector<std::string> takers;
  for (const RunDescription::Function& function : run.functions)
    if (std::find(function.parameters.begin(), function.parameters.end(), given.name) !=
        function.parameters.end())
      takers.push_back("'" + function.name + "'");
  if (takers.size() > kMostShown) {
    takers.resize(kMostShown);
    takers.emplace_back("..");
  }
  return fmt::format("input '{}' (taken by {})", given.name, fmt::join(takers, ", "));
}

void compare_given(const RunDescription& stored, const RunDescription& now) {
  const ByName outputs(stored.outputs);
  const ByName earlier_ones(stored.given);
  for (const RunDescription::Given& given : now.given) {
    if (outputs.find(given.name) != nullptr)
      refuse(fmt::format("'{}' is an output of the run in the folder, and now it is given", given.name));
    const auto* earlier = earlier_ones.find(given.name);
    if (earlier == nullptr) continue;
    const bool same =
        earlier->dtype == given.dtype && earlier->shape == given.shape && earlier->digest == given.digest;
    if (same) continue;
    const std::string of = " of " + described(given, now);
    // A type or a shape alone would not tell which of the values is meant.
    const auto shown = [](const RunDescription::Given& value) {
      return fmt::format("{} ({}, shape {})", value.text, value.dtype, to_string(value.shape));
    };
    if (earlier->dtype != given.dtype) differs("the type" + of, shown(*earlier), shown(given));
    if (earlier->shape != given.shape) differs("the shape" + of, shown(*earlier), shown(given));
    if (earlier->text != given.text) differs("the value" + of, earlier->text, given.text);
    differs("the value" + of, fmt::format("{} with digest {}", earlier->text, earlier->digest),
            fmt::format("{} with digest {}", given.text, given.digest));
  }
}

bool compatible(const PartialShape& a, const PartialShape& b) {
  return a.size() == b.size() && std::equal(a.begin(), a.end(), b.begin(), [](const auto& x, const auto& y) {
           return !x || !y || *x == *y;
         });
}

/// Axes and extents that only one of the two knows are no difference: `now` takes over what was found.
void join_output(const OutputLayout& stored, OutputLayout& now) {
  const std::string of = fmt::format(" of output '{}'", now.name);
  const std::string also = redo_advice(now.name);
  if (*stored.type != *now.type) differs("the type" + of, stored.type->name, now.type->name, also);
  // Where its values lie is found by their kind of storage: they stay there.
  if (stored.in_own_files() != now.in_own_files()) now.storage = stored.storage;
  if (!stored.rank_known) return;
  if (!now.rank_known) {
    static_cast<ArrayLayout&>(now) = stored;
    return;
  }
  if (stored.axes != now.axes || stored.external != now.external)
    differs("the list of axes" + of, fmt::format("[{}]", fmt::join(stored.axes, ", ")),
            fmt::format("[{}]", fmt::join(now.axes, ", ")), also);
  if (!compatible(stored.shape, now.shape))
    differs("the shape" + of, to_string(stored.shape), to_string(now.shape), also);
  for (std::size_t axis = 0; axis < now.shape.size(); ++axis)
    if (!now.shape[axis]) now.shape[axis] = stored.shape[axis];
}

/// Outputs keep the positions that they have in files; new ones follow.
std::vector<OutputLayout> join_outputs(const RunDescription& stored, const RunDescription& now,
                                       const Names& anew) {
  std::vector<OutputLayout> outputs;
  const ByName wanted_ones(now.outputs);
  for (const OutputLayout& earlier : stored.outputs) {
    const OutputLayout* wanted = wanted_ones.find(earlier.name);
    const bool is_dropped = anew.contains(earlier.name);
    OutputLayout& output = outputs.emplace_back(wanted != nullptr ? *wanted : earlier);
    if (wanted != nullptr && !is_dropped) join_output(earlier, output);
    if (wanted != nullptr) continue;
    output.selected = RangeSet{};  // nothing of it is computed by this start
    if (is_dropped) static_cast<ArrayLayout&>(output) = {output.type, {}, {}, {}, false};
  }
  add_missing(now.outputs, outputs);
  return outputs;
}

}  // namespace

/// What users can understand best is compared first: a shape that differs because an input does is told of as
/// the input.
RunGrowth grow(const RunDescription& stored, RunDescription now, const std::vector<std::string>& redo) {
  if (stored.seed != now.seed) differs("the seed", std::to_string(stored.seed), std::to_string(now.seed));
  compare_given(stored, now);
  std::vector<RunDescription::Function> functions = now.functions;
  add_missing(stored.functions, functions);
  const Names anew = all_to_redo(functions, redo);
  compare_functions(stored, now, anew);

  RunGrowth growth;
  for (std::size_t k = 0; k < stored.outputs.size(); ++k)
    if (anew.contains(stored.outputs[k].name)) growth.dropped.push_back(k);
  now.outputs = join_outputs(stored, now, anew);
  now.functions = std::move(functions);
  add_missing(stored.given, now.given);
  add_missing(stored.inputs, now.inputs);
  now.run_id = stored.run_id;
  now.created = stored.created;
  growth.run = std::move(now);
  return growth;
}

}  // namespace mpipe
