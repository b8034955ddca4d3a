// SPDX-License-Identifier: BSD-3-Clause
/// @file
/// What a run would do.
#pragma once

#include <mpipe/plan/plan.hpp>

#include "pilot/pilot.hpp"
#include "store/api/reuse_runs.hpp"

#include <nlohmann/json_fwd.hpp>

#include <string>
#include <vector>

namespace mpipe::app {

/// Stages and outputs as tables.
std::string plan_text(const Plan& plan);
/// What is taken from earlier runs, a sentence for each output, behind an empty line; empty where nothing was to be taken.
std::string reused_text(const std::vector<ReusedOutput>& reused);
/// All of it as a JSON object, and a line break. `pilot`: what was predicted, or null. `name`: of one of several runs.
std::string plan_json(const Plan& plan, const std::vector<ReusedOutput>& reused, const PilotReport* pilot,
                      const std::string& name);

/// `[{"stage": 0, "wave": 0, "axes": [..], "shape": [..], "elements": n, "functions": [..]}, ..]`; null is
/// not known yet.
nlohmann::json stages_json(const Plan& plan);
std::string stages_text(const Plan& plan);

/// `{"ranks": n, "threads": n, "gpus": n, "memory": bytes, "time": seconds, "isolation": "none"}`; 0 where
/// nothing is asked for; ranks are a text where a rule gives each call its own number.
nlohmann::json resources_json(const Function& function);
/// A table of the functions that ask for something; empty when none does.
std::string resources_text(const Pipeline& pipeline);

}  // namespace mpipe::app
