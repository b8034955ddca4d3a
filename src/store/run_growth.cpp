// SPDX-License-Identifier: BSD-3-Clause
// Compares two starts of a run, and joins what they compute into one description.
#include <mpipe/core/error.hpp>

#include "store/api/function_meaning.hpp"
#include "store/api/run_description.hpp"
#include "store/run_paths.hpp"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <set>
#include <string_view>
#include <unordered_map>

namespace mpipe {
namespace {

using Names = std::set<std::string>;
/// Functions by each of their outputs.
using Makers = std::unordered_map<std::string_view, const RunDescription::Function*>;
/// A function when the run began, and now.
using Pair = std::pair<const RunDescription::Function*, const RunDescription::Function*>;

std::string shortened(const std::string& text) {
  constexpr std::size_t kLongest = 300;
  if (text.empty()) return "nothing";
  return text.size() <= kLongest ? text : text.substr(0, kLongest) + " ..";
}

/// The list must outlive this.
Makers makers_of(const std::vector<RunDescription::Function>& functions) {
  Makers makers;
  for (const RunDescription::Function& function : functions)
    for (const std::string& output : function.outputs) makers.emplace(output, &function);
  return makers;
}

/// Two descriptions that are joined into one, and how it is told that this cannot be. Both must outlive this.
class Comparison {
 public:
  /// A later start of a run.
  Comparison(const RunDescription& stored, const RunDescription& now) : stored_(stored), now_(now) {}
  /// Two runs in folders that are merged.
  Comparison(const RunDescription& stored, const RunDescription& now, const fs::path& stored_folder,
             const fs::path& folder)
      : stored_(stored),
        now_(now),
        where_stored_(fmt::format("in '{}'", stored_folder.string())),
        where_now_(fmt::format("in '{}'", folder.string())),
        merges_(true) {}

  void compare_seed() const;
  void compare_shard() const;
  void compare_given() const;
  /// But for functions of outputs in `anew`, which may differ.
  void compare_functions(const Names& anew) const;
  /// Outputs keep the positions that they have in files; new ones follow.
  std::vector<OutputLayout> join_outputs(const Names& anew) const;

 private:
  [[noreturn]] void refuse(const std::string& difference, const std::string& also = {}) const;
  [[noreturn]] void differs(const std::string& what, const std::string& stored, const std::string& now,
                            const std::string& also = {}) const;
  std::string both(const std::string& stored, const std::string& now) const;
  void compare_meaning(const RunDescription::Function& stored, const RunDescription::Function& now) const;
  const RunDescription::Function* earlier_maker(const RunDescription::Function& now,
                                                const Makers& makers) const;
  void compare_code(const std::vector<Pair>& pairs) const;
  void join_output(const OutputLayout& stored, OutputLayout& now) const;

  const RunDescription& stored_;
  const RunDescription& now_;
  std::string where_stored_ = "in the run folder";
  std::string where_now_ = "now";
  bool merges_ = false;
};

/// `also`: what else one can do about it where a run goes on.
void Comparison::refuse(const std::string& difference, const std::string& also) const {
  if (merges_)
    throw Error(
        Category::resume_mismatch,
        fmt::format("cannot merge: {} (their results would not belong together). Merge runs that were made "
                    "from one document, with the same inputs and the same code.",
                    difference));
  throw Error(
      Category::resume_mismatch,
      fmt::format("cannot resume: {} (old and new results would not belong together). Start with what "
                  "the run began with, {}begin a new run in another folder, or replace this one by "
                  "--overwrite.",
                  difference, also));
}

std::string Comparison::both(const std::string& stored, const std::string& now) const {
  return fmt::format("{} {}, and {} {}", shortened(stored), where_stored_, where_now_, shortened(now));
}

/// `what` is one thing in the one run, and another one in the other.
void Comparison::differs(const std::string& what, const std::string& stored, const std::string& now,
                         const std::string& also) const {
  refuse(fmt::format("{} is {}", what, both(stored, now)), also);
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

std::string text_of(const RunDescription::Function& function, const std::string& key) {
  const auto found = function.meaning.find(key);
  return found == function.meaning.end() ? std::string() : found->second;
}

/// The first key whose texts differ, but for those in `except`.
std::optional<FunctionDifference> difference_of_meaning(const RunDescription::Function& stored,
                                                        const RunDescription::Function& now,
                                                        const Names& except) {
  Names keys;
  for (const auto* function : {&stored, &now})
    for (const auto& [key, text] : function->meaning)
      if (!except.contains(key)) keys.insert(key);
  const bool has_all_keys = std::any_of(stored.meaning.begin(), stored.meaning.end(), [](const auto& entry) {
    return !is_key_of_all_versions(entry.first);
  });
  for (const std::string& key : keys) {
    const std::string before = text_of(stored, key);
    const std::string text = text_of(now, key);
    if (before == text || key == kPlaceKey || (!has_all_keys && !is_key_of_all_versions(key))) continue;
    // The words are the same: a file that is there by now is one that the program made.
    if (key.starts_with(kFileKey) && (before.empty() || text.empty())) continue;
    return FunctionDifference{key, before, text};
  }
  return std::nullopt;
}

void Comparison::compare_meaning(const RunDescription::Function& stored,
                                 const RunDescription::Function& now) const {
  if (const auto difference = difference_of_meaning(stored, now, {}))
    differs(fmt::format("the {} of function '{}' in the pipeline", difference->key, stored.name),
            difference->stored, difference->now, redo_advice(stored.name));
}

/// Modules are known by their build ids, or the digests of their texts, as they may have been moved or
/// renamed.
std::set<std::string> build_ids(const RunDescription::Function& function) {
  std::set<std::string> ids;
  for (const auto& [module, id] : function.code) ids.insert(id);
  return ids;
}

/// A program that was not built anew may take another function of it.
bool is_other_place(const RunDescription::Function& stored, const RunDescription::Function& now) {
  const std::string before = text_of(stored, kPlaceKey);
  const std::string place = text_of(now, kPlaceKey);
  return !before.empty() && !place.empty() && before != place;
}

/// `libdrag.so (build id)`, or where that is the same, at which place in it.
std::string code_text(const RunDescription::Function& function, bool show_place) {
  std::vector<std::string> texts;
  for (const auto& [module, id] : function.code) texts.push_back(fmt::format("{} ({})", module, id));
  std::string text = fmt::format("{}", fmt::join(texts, ", "));
  if (show_place) text += ", at " + text_of(function, kPlaceKey);
  return text;
}

/// Tells of all functions from code that was built anew at once: they have to be computed anew together.
void Comparison::compare_code(const std::vector<Pair>& pairs) const {
  std::vector<std::string> changed;
  std::string modules;
  for (const auto& [stored, now] : pairs) {
    const bool same_build = build_ids(*stored) == build_ids(*now);
    if (same_build && !is_other_place(*stored, *now)) continue;
    if (changed.empty()) modules = both(code_text(*stored, same_build), code_text(*now, same_build));
    changed.push_back(now->name);
  }
  if (changed.empty()) return;
  refuse(fmt::format("the code of {} '{}' is another one: {}", changed.size() == 1 ? "function" : "functions",
                     fmt::join(changed, "', '"), modules),
         fmt::format("compute them anew, with all that needs them, by --redo {}, ",
                     fmt::join(changed, " --redo ")));
}

/// A function is found by each of its outputs: the first one, which names it, may have become another one.
const RunDescription::Function* Comparison::earlier_maker(const RunDescription::Function& now,
                                                          const Makers& makers) const {
  const RunDescription::Function* earlier = nullptr;
  for (const std::string& output : now.outputs) {
    const auto maker = makers.find(output);
    if (maker == makers.end()) continue;
    earlier = maker->second;
    if (earlier->outputs != now.outputs)
      differs(fmt::format("the list of outputs of the function that makes '{}'", output),
              fmt::format("[{}]", fmt::join(earlier->outputs, ", ")),
              fmt::format("[{}]", fmt::join(now.outputs, ", ")), redo_advice(output));
  }
  return earlier;
}

void Comparison::compare_functions(const Names& anew) const {
  const Makers makers = makers_of(stored_.functions);
  std::vector<Pair> both;
  for (const RunDescription::Function& function : now_.functions) {
    if (anew.contains(function.name)) continue;
    if (const auto* earlier = earlier_maker(function, makers)) both.emplace_back(earlier, &function);
  }
  for (const auto& [earlier, function] : both) compare_meaning(*earlier, *function);
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

void Comparison::compare_given() const {
  const ByName outputs(stored_.outputs);
  const ByName earlier_ones(stored_.given);
  for (const OutputLayout& output : now_.outputs)
    if (earlier_ones.find(output.name) != nullptr)
      refuse(fmt::format("'{}' is an input of the run {}, and {} it is computed", output.name, where_stored_,
                         where_now_));
  for (const RunDescription::Given& given : now_.given) {
    if (outputs.find(given.name) != nullptr)
      refuse(fmt::format("'{}' is an output of the run {}, and {} it is given", given.name, where_stored_,
                         where_now_));
    const auto* earlier = earlier_ones.find(given.name);
    if (earlier == nullptr) continue;
    const bool same =
        earlier->dtype == given.dtype && earlier->shape == given.shape && earlier->digest == given.digest;
    if (same) continue;
    const std::string of = " of " + described(given, now_);
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
void Comparison::join_output(const OutputLayout& stored, OutputLayout& now) const {
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

std::vector<OutputLayout> Comparison::join_outputs(const Names& anew) const {
  std::vector<OutputLayout> outputs;
  const ByName wanted_ones(now_.outputs);
  for (const OutputLayout& earlier : stored_.outputs) {
    const OutputLayout* wanted = wanted_ones.find(earlier.name);
    const bool is_dropped = anew.contains(earlier.name);
    OutputLayout& output = outputs.emplace_back(wanted != nullptr ? *wanted : earlier);
    if (wanted != nullptr && !is_dropped) join_output(earlier, output);
    if (wanted != nullptr) continue;
    output.selected = RangeSet{};  // nothing of it is computed by this start
    if (is_dropped) static_cast<ArrayLayout&>(output) = {output.type, {}, {}, {}, false};
  }
  add_missing(now_.outputs, outputs);
  return outputs;
}

void Comparison::compare_seed() const {
  if (stored_.seed != now_.seed) differs("the seed", std::to_string(stored_.seed), std::to_string(now_.seed));
}

/// A run of a part of a sweep may go on as that part, or as all of the sweep.
void Comparison::compare_shard() const {
  if (!now_.shard.empty() && now_.shard != stored_.shard)
    differs("the shard (the part of the sweep)", stored_.shard.empty() ? "all of it" : stored_.shard,
            now_.shard, "give each shard a folder of its own, ");
}

/// The functions of both. Of earlier ones those that have lost an output to another function are none any more: all that they
/// made is computed anew, or by nobody.
std::vector<RunDescription::Function> joined_functions(const RunDescription& stored,
                                                       const RunDescription& now) {
  const Makers makers = makers_of(now.functions);
  std::vector<RunDescription::Function> functions = now.functions;
  for (const RunDescription::Function& function : stored.functions)
    if (std::none_of(function.outputs.begin(), function.outputs.end(),
                     [&](const std::string& output) { return makers.contains(output); }))
      functions.push_back(function);
  return functions;
}

/// What users can understand best is compared first: a shape that differs because an input does is told of as
/// the input.
RunDescription join(const Comparison& comparison, const RunDescription& stored, RunDescription now,
                    const Names& anew) {
  comparison.compare_seed();
  comparison.compare_given();
  comparison.compare_functions(anew);
  std::vector<OutputLayout> outputs = comparison.join_outputs(anew);
  now.outputs = std::move(outputs);
  now.functions = joined_functions(stored, now);
  add_missing(stored.given, now.given);
  add_missing(stored.inputs, now.inputs);
  return now;
}

}  // namespace

std::optional<FunctionDifference> difference_of(const RunDescription::Function& stored,
                                                const RunDescription::Function& now) {
  std::optional<FunctionDifference> found;
  const auto compare = [&](const char* key, const std::string& before, const std::string& after) {
    if (!found && before != after) found = FunctionDifference{key, before, after};
  };
  compare("output list", fmt::format("{}", fmt::join(stored.outputs, ", ")),
          fmt::format("{}", fmt::join(now.outputs, ", ")));
  compare("parameter list", fmt::format("{}", fmt::join(stored.parameters, ", ")),
          fmt::format("{}", fmt::join(now.parameters, ", ")));
  if (!found) found = difference_of_meaning(stored, now, {"mapspec"});
  if (!found && build_ids(stored) != build_ids(now))
    found = FunctionDifference{"code", code_text(stored, false), code_text(now, false)};
  compare("function in that code", stored.body, now.body);
  if (found) found->stored = shortened(found->stored), found->now = shortened(found->now);
  return found;
}

RunGrowth grow(const RunDescription& stored, RunDescription now, const std::vector<std::string>& redo) {
  // Where a function of now has the name of an earlier one, it alone decides what needs what.
  std::vector<RunDescription::Function> all = now.functions;
  add_missing(stored.functions, all);
  const Names anew = all_to_redo(all, redo);
  RunGrowth growth;
  for (std::size_t k = 0; k < stored.outputs.size(); ++k)
    if (anew.contains(stored.outputs[k].name)) growth.dropped.push_back(k);
  const Comparison comparison(stored, now);
  comparison.compare_shard();
  growth.run = join(comparison, stored, now, anew);
  growth.run.run_id = stored.run_id;
  growth.run.created = stored.created;
  growth.run.reused.insert(growth.run.reused.begin(), stored.reused.begin(), stored.reused.end());
  return growth;
}

RunDescription merge_descriptions(const std::vector<std::pair<fs::path, RunDescription>>& runs) {
  const auto& [first_folder, first] = runs.front();
  RunDescription merged = first;
  for (const auto& [folder, run] : runs) {
    // Later runs may have outputs that the first one lacks, which the next ones are compared with as well.
    const Comparison comparison(merged, run, first_folder, folder);
    merged = join(comparison, merged, run, {});
  }
  merged.document = first.document;
  merged.document_file = first.document_file;
  merged.versions = first.versions;
  merged.shard.clear();
  for (OutputLayout& output : merged.outputs) output.selected.reset();
  return merged;
}

}  // namespace mpipe
