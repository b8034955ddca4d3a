// SPDX-License-Identifier: BSD-3-Clause
/// @file
/// Why the workers of a run were idle for much of its time, as far as its results tell.
#pragma once

#include <mpipe/run/map.hpp>

#include <string>

namespace mpipe::app {

/// A sentence with the likely cause and what to change, of a run in which workers were busy for less than 70 % of the
/// time; empty where they were not, and of runs of less than ten seconds, most of which is the start of the program.
std::string utilisation_advice(const Results& results);

}  // namespace mpipe::app
