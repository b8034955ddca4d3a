// SPDX-License-Identifier: BSD-3-Clause
/// @file
/// Mapspecs made from others: more axes, other names of axes, one for several functions.
#pragma once

#include <mpipe/mapspec/mapspec.hpp>

namespace mpipe {

/// The mapspec of a function after one of its arrays has got `axis`: `input` takes the place of the input of
/// that name, or is the last one where there was none; outputs without the axis get it as their last one.
/// `spec`: what it was, empty for a function without mapspec, whose `outputs` become arrays over `axis`
/// alone.
MapSpec with_axis(const std::optional<MapSpec>& spec, std::span<const std::string> outputs,
                  const ArraySpec& input, const std::string& axis);

/// With axes renamed (`names`: old -> new, all at once; others stay). Throws `Error`: bad_identifier,
/// rename_collision (an array would have two axes of one name).
MapSpec with_renamed_axes(const MapSpec& spec, const std::map<std::string, std::string>& names);

/// The mapspec of one function that does what several do, element by element. `specs`: theirs, each empty or
/// not; `inputs`: the names that come from outside; `outputs`: those to keep, in order. Empty when none of
/// them has one. Throws `Error` (nest_mapspec): some have one and some have none, their axes differ, one
/// makes an axis itself, or an array is not taken in the same way by all who take it.
std::optional<MapSpec> nested_mapspec(std::span<const std::optional<MapSpec>> specs,
                                      std::span<const std::string> inputs,
                                      std::span<const std::string> outputs);

}  // namespace mpipe
