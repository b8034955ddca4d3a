// SPDX-License-Identifier: BSD-3-Clause
// Compares two runs function by function, in the order in which they need one another, and their elements by keys.
#include "store/reuse/match_runs.hpp"

#include <mpipe/core/error.hpp>

#include "store/reuse/element_keys.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <deque>
#include <map>
#include <set>
#include <unordered_map>

namespace mpipe {
namespace {

using Function = RunDescription::Function;

/// One of the two runs, by names.
struct Side {
  explicit Side(const RunDescription& description) : run(description), layouts(description.outputs) {
    for (std::size_t k = 0; k < run.outputs.size(); ++k) outputs[run.outputs[k].name] = k;
    for (const Function& function : run.functions) {
      functions[function.name] = &function;
      for (std::size_t k = 0; k < function.outputs.size(); ++k) makers[function.outputs[k]] = {&function, k};
    }
    for (const RunDescription::Given& each : run.given) given[each.name] = &each;
    for (const InputLayout& input : run.inputs)
      if (input.value.has_value()) values[input.name] = &input.value;
  }
  const OutputLayout* output(const std::string& name) const {
    const auto found = outputs.find(name);
    return found == outputs.end() ? nullptr : &layouts[found->second];
  }

  const RunDescription& run;
  std::vector<OutputLayout> layouts;  ///< of the outputs, with the extents that became known meanwhile
  std::map<std::string, std::size_t> outputs;
  std::map<std::string, const Function*> functions;
  std::map<std::string, std::pair<const Function*, std::size_t>>
      makers;  ///< of an output, and which one it is
  std::map<std::string, const RunDescription::Given*> given;
  std::map<std::string, const Value*> values;           ///< of inputs
  std::map<std::string, std::vector<ElementKey>> keys;  ///< by function
};

/// A function does not match, and why.
struct NoMatch {
  std::string why;
};

std::optional<MapSpec> mapspec_of(const Function& function) {
  const auto text = function.meaning.find("mapspec");
  if (text == function.meaning.end()) return std::nullopt;
  return MapSpec::parse(text->second);
}

std::string shown(const RunDescription::Given& given) {
  return fmt::format("{} ({}, shape {})", given.text, given.dtype, to_string(given.shape));
}

/// Functions in an order in which those that make arguments come first.
std::vector<const Function*> in_order(const Side& side) {
  std::map<const Function*, std::size_t> waits;
  std::multimap<const Function*, const Function*> readers;
  std::deque<const Function*> ready;
  for (const Function& function : side.run.functions) {
    for (const std::string& parameter : function.parameters) {
      const auto maker = side.makers.find(parameter);
      if (maker == side.makers.end()) continue;
      ++waits[&function];
      readers.emplace(maker->second.first, &function);
    }
    if (!waits.contains(&function)) ready.push_back(&function);
  }
  std::vector<const Function*> order;
  for (; !ready.empty(); ready.pop_front()) {
    order.push_back(ready.front());
    const auto [begin, end] = readers.equal_range(ready.front());
    for (auto each = begin; each != end; ++each)
      if (--waits[each->second] == 0) ready.push_back(each->second);
  }
  return order;
}

class RunMatch {
 public:
  RunMatch(const RunDescription& old, const std::vector<RangeSet>& done, RunDescription& now)
      : done_(done), changing_(now), old_(old), now_(now), matches_(now.outputs.size()) {}

  std::vector<OutputMatch> run() {
    for (const Function* function : in_order(now_)) {
      try {
        match(*function);
      } catch (const NoMatch& no) {
        for (const std::string& output : function->outputs) of(output).why_not = no.why;
      }
    }
    return std::move(matches_);
  }

 private:
  OutputMatch& of(const std::string& output) { return matches_[now_.outputs.at(output)]; }

  void match(const Function& now) {
    const Function& old = require_same(now);
    for (const std::string& parameter : now.parameters) require_comparable(parameter);
    std::vector<ElementKey> keys_now = keys(now_, now);
    std::vector<ElementKey> keys_old = keys(old_, old);
    compare(now, keys_old, keys_now);
    for (const std::string& output : now.outputs) learn(output);
    now_.keys[now.name] = std::move(keys_now);
    old_.keys[old.name] = std::move(keys_old);
  }

  /// All that is written down of a function but its mapspec: how that takes arguments is a matter of their keys.
  const Function& require_same(const Function& now) const {
    const auto found = old_.functions.find(now.name);
    if (found == old_.functions.end()) throw NoMatch{"that run has no such function"};
    const Function& old = *found->second;
    if (const auto difference = difference_of(old, now))
      throw NoMatch{fmt::format("the {} is {} there, and {} here", difference->key, difference->stored,
                                difference->now)};
    if (now.draws_random_numbers && old_.run.seed != now_.run.seed)
      throw NoMatch{fmt::format("it draws random numbers, and the seed is {} there, and {} here",
                                old_.run.seed, now_.run.seed)};
    for (const std::string& name : now.outputs) require_same_type(name);
    return old;
  }

  void require_same_type(const std::string& name) const {
    const OutputLayout* old = old_.output(name);
    const OutputLayout& now = *now_.output(name);
    if (old == nullptr) throw NoMatch{fmt::format("that run has no output '{}'", name)};
    if (*old->type != *now.type)
      throw NoMatch{
          fmt::format("the type of '{}' is {} there, and {} here", name, old->type->name, now.type->name)};
    if (!old->rank_known || !now.rank_known) return;
    const PartialShape inner_old = old->internal_shape();
    const PartialShape inner_now = now.internal_shape();
    const auto fits = [](const auto& a, const auto& b) { return !a || !b || *a == *b; };
    if (inner_old.size() != inner_now.size() ||
        !std::equal(inner_old.begin(), inner_old.end(), inner_now.begin(), fits))
      throw NoMatch{fmt::format("the shape of an element of '{}' is {} there, and {} here", name,
                                to_string(inner_old), to_string(inner_now))};
  }

  void require_comparable(const std::string& parameter) const {
    if (const auto maker = now_.makers.find(parameter); maker != now_.makers.end()) {
      if (!now_.keys.contains(maker->second.first->name))
        throw NoMatch{fmt::format("it takes '{}', of which that run has nothing equal", parameter)};
      return;
    }
    if (!old_.given.contains(parameter))
      throw NoMatch{fmt::format("the input '{}' is none there", parameter)};
  }

  /// How the array goes into keys. Inputs that are the same in both runs are told by places in them; of others with one
  /// axis, the values are compared one by one, where both runs have them.
  KeyedArray array(const Side& side, const std::string& name, bool is_looped) const {
    KeyedArray array;
    if (const auto maker = side.makers.find(name); maker != side.makers.end()) {
      const OutputLayout& layout = *side.output(name);
      array.external = layout.external;
      array.shape = layout.shape;
      array.keys = &side.keys.at(maker->second.first->name);
      array.pattern = fmt::format("output {}", maker->second.second);
      return array;
    }
    const RunDescription::Given& here = *side.given.at(name);
    array.external.assign(here.shape.size(), true);
    array.shape = partial(here.shape);
    const RunDescription::Given& old = *old_.given.at(name);
    const RunDescription::Given& now = *now_.given.at(name);
    const bool by_values = is_looped && here.shape.size() == 1 && !same(old, now) && old.dtype == now.dtype &&
                           old.shape.size() == now.shape.size() && old_.values.contains(name) &&
                           now_.values.contains(name);
    if (by_values) {
      array.values = side.values.at(name);
      array.values->fetch({0, array.values->count()});
      array.pattern = "values of " + here.dtype;
    } else {
      // Lengths stand for themselves where the digest is the same.
      array.pattern = fmt::format("input {} {} {}", here.dtype, to_string(here.shape), here.digest);
    }
    return array;
  }

  static bool same(const RunDescription::Given& a, const RunDescription::Given& b) {
    return a.dtype == b.dtype && a.shape == b.shape && a.digest == b.digest;
  }

  static void set_external_shape(const Shape& external, ArrayLayout& layout) {
    std::size_t next = 0;
    for (std::size_t axis = 0; axis < layout.axes.size() && next < external.size(); ++axis)
      if (layout.external[axis]) layout.shape[axis] = external[next++];
  }

  std::vector<ElementKey> keys(Side& side, const Function& function) {
    const std::optional<MapSpec> spec = mapspec_of(function);
    KeyedCall call;
    KeyBytes meaning;
    meaning.put_text(function.name);
    call.function = meaning.key();
    call.counts_places = now_.functions.at(function.name)->draws_random_numbers;
    if (spec) call.axes = spec->external_axes();
    std::vector<std::pair<KeyedArray, const ArraySpec*>> arguments;
    std::map<std::string, PartialShape> shapes;
    for (const std::string& parameter : function.parameters) {
      const ArraySpec* taken = spec ? spec->find_input(parameter) : nullptr;
      const bool is_looped = taken != nullptr && taken->axes.front().has_value();
      arguments.emplace_back(array(side, parameter, is_looped), taken);
      if (taken != nullptr) shapes[parameter] = arguments.back().first.shape;
    }
    const PartialShape external = spec ? external_shape(*spec, shapes) : PartialShape{};
    if (!is_known(external)) throw NoMatch{"how many elements it has shows only while the run goes on"};
    call.shape = known_shape(external);
    for (const std::string& output : function.outputs)
      set_external_shape(call.shape, side.layouts[side.outputs.at(output)]);
    if (element_count(call.shape) > kMostKeys || has_many_values(arguments))
      throw NoMatch{fmt::format("it has more than {} elements, whose comparison would take too much memory",
                                kMostKeys)};
    if (std::optional<std::vector<ElementKey>> keys = keys_of(call, arguments)) return std::move(*keys);
    throw NoMatch{"the shape of what it takes shows only while the run goes on"};
  }

  static bool has_many_values(const std::vector<std::pair<KeyedArray, const ArraySpec*>>& arguments) {
    return std::any_of(arguments.begin(), arguments.end(), [](const auto& argument) {
      const KeyedArray& array = argument.first;
      return array.values != nullptr && array.values->count() > kMostKeys;
    });
  }

  void compare(const Function& function, const std::vector<ElementKey>& keys_old,
               const std::vector<ElementKey>& keys_now) {
    std::unordered_map<ElementKey, Index, ElementKeyHash> places;
    places.reserve(keys_old.size());
    for (std::size_t k = 0; k < keys_old.size(); ++k) places.emplace(keys_old[k], static_cast<Index>(k));
    std::vector<Index> origins(keys_now.size(), -1);
    bool any = false;
    for (std::size_t k = 0; k < keys_now.size(); ++k)
      if (const auto found = places.find(keys_now[k]); found != places.end()) {
        origins[k] = found->second;
        any = true;
      }
    for (const std::string& name : function.outputs) {
      OutputMatch& match = of(name);
      match.old = old_.outputs.at(name);
      if (any) add_ranges(name, origins, static_cast<Index>(keys_old.size()), match);
      if (match.count == 0)
        match.why_not = any ? "none of the elements with equal arguments is done there, and whole"
                            : why_unequal(function);
    }
  }

  void add_ranges(const std::string& name, const std::vector<Index>& origins, Index old_count,
                  OutputMatch& match) {
    std::vector<bool> is_done(static_cast<std::size_t>(old_count), false);
    for (const IndexRange& range : done_[match.old].intersection(IndexRange{0, old_count}).ranges())
      std::fill(is_done.begin() + range.begin, is_done.begin() + range.end, true);
    const auto all = static_cast<Index>(origins.size());
    const RangeSet selected = now_.output(name)->selected.value_or(RangeSet{{0, all}});
    for (const IndexRange& range : selected.ranges())
      for (Index k = range.begin; k < std::min(range.end, all); ++k) {
        const Index origin = origins[static_cast<std::size_t>(k)];
        if (origin < 0 || !is_done[static_cast<std::size_t>(origin)]) continue;
        ++match.count;
        MatchedRange* last = match.ranges.empty() ? nullptr : &match.ranges.back();
        if (last != nullptr && last->now + last->count == k && last->old + last->count == origin)
          ++last->count;
        else
          match.ranges.push_back({k, origin, 1});
      }
  }

  /// Elements of the other run become some of this one, so that all others are of their shape. What is known of the
  /// outer axes by then is noted as well: stores make room by it.
  void learn(const std::string& name) {
    OutputLayout& now = now_.layouts[now_.outputs.at(name)];
    const OutputLayout& old = *old_.output(name);
    if (of(name).count > 0 && !now.rank_known)
      static_cast<ArrayLayout&>(now) = old;
    else if (of(name).count > 0)
      now.set_internal_shape(old.internal_shape());
    static_cast<ArrayLayout&>(changing_.outputs[now_.outputs.at(name)]) = now;
  }

  /// Inputs are what users can understand best.
  std::string why_unequal(const Function& function) const {
    for (const std::string& parameter : function.parameters) {
      const auto now = now_.given.find(parameter);
      if (now == now_.given.end() || now_.makers.contains(parameter)) continue;
      const RunDescription::Given& old = *old_.given.at(parameter);
      if (!same(old, *now->second))
        return fmt::format("no element has equal arguments: the input '{}' is {} there, and {} here",
                           parameter, shown(old), shown(*now->second));
    }
    return function.draws_random_numbers ? "it draws random numbers, which belong to places of elements, and "
                                           "no element with equal arguments "
                                           "is at the same place"
                                         : "no element has equal arguments";
  }

  const std::vector<RangeSet>& done_;
  RunDescription& changing_;
  Side old_;
  Side now_;  ///< of `changing_`
  std::vector<OutputMatch> matches_;
};

}  // namespace

std::vector<OutputMatch> match_runs(const RunDescription& old, const std::vector<RangeSet>& done,
                                    RunDescription& now) {
  return RunMatch(old, done, now).run();
}

}  // namespace mpipe
