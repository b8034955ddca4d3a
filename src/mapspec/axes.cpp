// SPDX-License-Identifier: BSD-3-Clause
// Compares how the mapspecs of a pipeline index each array, and generates those that are missing.
#include <mpipe/core/error.hpp>
#include <mpipe/mapspec/mapspec.hpp>

#include <algorithm>
#include <set>
#include <utility>

namespace mpipe {
namespace {

using AxisNames = std::vector<std::optional<std::string>>;

/// One occurrence of an array in a mapspec.
struct Use {
  const ArraySpec* array = nullptr;
  const MapSpec* spec = nullptr;

  std::string to_string() const { return "'" + array->to_string() + "' in '" + spec->to_string() + "'"; }
};

/// What is known of one array: who used it first, and who named each axis first.
struct ArrayUses {
  Use first;
  std::vector<std::optional<Use>> named_by;
  AxisNames names;
  std::map<std::string, std::size_t> positions;  // of the names
};

[[noreturn]] void refuse_uses(const Use& one, const Use& other, const std::string& why) {
  throw Error(Category::axes_inconsistent,
              "the axes of the array '" + one.array->name + "' are inconsistent: " + one.to_string() +
                  ", but " + other.to_string() + " " + why,
              {Subject::Kind::parameter, one.array->name});
}

/// Merges one use into what is known. Every complaint names two uses that contradict each other, and not the
/// last one alone, as a user can mend either of them.
void add_use(ArrayUses& uses, const Use& use) {
  if (uses.first.array == nullptr) {
    uses.first = use;
    uses.named_by.resize(use.array->rank());
    uses.names.resize(use.array->rank());
  }
  if (use.array->rank() != uses.names.size())
    refuse_uses(
        uses.first, use,
        "(an array has the same number of axes everywhere). Write ':' for axes that are handed over whole.");
  for (std::size_t k = 0; k < use.array->rank(); ++k) {
    if (!use.array->axes[k]) continue;
    if (uses.names[k] && uses.names[k] != use.array->axes[k])
      refuse_uses(
          *uses.named_by[k], use,
          "(each axis of an array has one name everywhere). Use the same name at the same position, or ':'.");
    // This looks from the name to its position, where the check above looked from the position to its name:
    // 'x[i, :]' and 'x[:, i]' contradict each other only here.
    const std::size_t position = uses.positions.try_emplace(*use.array->axes[k], k).first->second;
    if (position != k)
      refuse_uses(*uses.named_by[position], use,
                  "(the axis '" + *use.array->axes[k] +
                      "' would have two positions in one array). Use a name of its own for each axis.");
    if (uses.names[k]) continue;
    uses.names[k] = use.array->axes[k];
    uses.named_by[k] = use;
  }
}

/// The merged uses of all arrays; throws `Error` (axes_inconsistent).
std::map<std::string, ArrayUses> collect_uses(std::span<const MapSpec> specs) {
  std::map<std::string, ArrayUses> uses;
  for (const MapSpec& spec : specs) {
    for (const ArraySpec& input : spec.inputs()) add_use(uses[input.name], {&input, &spec});
    for (const ArraySpec& output : spec.outputs()) add_use(uses[output.name], {&output, &spec});
  }
  return uses;
}

/// Adds the names in `from` to `into`; false when they contradict each other.
bool merge_names(AxisNames& into, const AxisNames& from) {
  if (into.size() != from.size()) return false;
  for (std::size_t k = 0; k < from.size(); ++k) {
    if (into[k] && from[k] && into[k] != from[k]) return false;
    if (!into[k]) into[k] = from[k];
  }
  return true;
}

bool repeats_a_name(const AxisNames& names) {
  std::set<std::string> seen;
  return std::any_of(names.begin(), names.end(),
                     [&](const auto& name) { return name && !seen.insert(*name).second; });
}

/// What the axes of those `outputs` that occur in `axes` say together, by the name of the first of them.
std::optional<ArraySpec> merged_outputs(std::span<const std::string> outputs,
                                        const std::map<std::string, AxisNames>& axes) {
  std::optional<ArraySpec> merged;
  for (const std::string& output : outputs) {
    const auto at = axes.find(output);
    if (at == axes.end()) continue;
    if (!merged) merged = ArraySpec{output, at->second};
    AxisNames names = merged->axes;
    // The merging is done on a copy, as the message has to show the axes as they were before.
    if (!merge_names(names, at->second) || repeats_a_name(names))
      throw Error(Category::axes_inconsistent,
                  "the outputs of one function are indexed as '" + merged->to_string() + "' and '" +
                      ArraySpec{output, at->second}.to_string() +
                      "' by others (all outputs of a function have the same axes). Use the same axis names "
                      "for both, or split the function.",
                  {Subject::Kind::output, output});
    merged->axes = std::move(names);
  }
  return merged;
}

/// Axes that everybody takes whole get names as well, since a generated mapspec has outputs and these have no
/// ':'. A name that some array has already would tie the two axes together.
void name_unnamed(AxisNames& names, const std::map<std::string, AxisNames>& axes) {
  std::set<std::string> taken;
  for (const auto& [array, array_axes] : axes)
    for (const auto& axis : array_axes)
      if (axis) taken.insert(*axis);
  std::size_t number = 0;
  for (auto& name : names)
    while (!name)
      if (std::string candidate = "unnamed_" + std::to_string(number++); taken.count(candidate) == 0)
        name = std::move(candidate);
}

}  // namespace

void check_consistent_axes(std::span<const MapSpec> specs) { collect_uses(specs); }

std::map<std::string, AxisNames> axes_of_arrays(std::span<const MapSpec> specs) {
  std::map<std::string, AxisNames> axes;
  for (auto& [name, uses] : collect_uses(specs)) axes.emplace(name, std::move(uses.names));
  return axes;
}

std::optional<MapSpec> generated_mapspec(std::span<const std::string> outputs,
                                         const std::map<std::string, AxisNames>& axes) {
  std::optional<ArraySpec> merged = merged_outputs(outputs, axes);
  if (!merged) return std::nullopt;
  name_unnamed(merged->axes, axes);
  std::vector<ArraySpec> arrays;
  for (const std::string& output : outputs) arrays.push_back({output, merged->axes});
  return MapSpec({}, std::move(arrays));
}

}  // namespace mpipe
