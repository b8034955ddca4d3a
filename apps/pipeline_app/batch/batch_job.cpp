// SPDX-License-Identifier: BSD-3-Clause
// Asks Slurm when the job ends.
#include "batch/batch_job.hpp"

#include <mpipe/core/clock.hpp>
#include <mpipe/core/error.hpp>

#include "core/api/quantity.hpp"
#include "document/api/program.hpp"

#include <spdlog/spdlog.h>

#include <cstdlib>
#include <string>

namespace mpipe::app {
namespace {

std::string variable(const char* name) {
  const char* const text = std::getenv(name);
  return text == nullptr ? "" : text;
}

/// What `squeue` prints for the end of a job: a moment, or `N/A` where it has none. A queue that does not answer
/// must not hold up the run.
std::string ask_queue(const std::string& job) {
  constexpr Duration kPatience = std::chrono::seconds(10);
  detail::ProgramCall call{
      {detail::find_program("squeue", "."), "-h", "-j", job, "-o", "%e"}, {}, "/", {}, kPatience};
  for (const char* name : {"PATH", "HOME", "SLURM_CONF"})
    if (!variable(name).empty()) call.environment.push_back(name + ("=" + variable(name)));
  const detail::ProgramEnd end = detail::run_program(call, SteadyClock());
  return end.output.substr(0, end.output.find_first_of(" \n"));
}

}  // namespace

std::optional<std::chrono::system_clock::time_point> end_of_job() {
  const std::string job = variable("SLURM_JOB_ID");
  if (job.empty()) return std::nullopt;
  const WallTime now = std::chrono::system_clock::now();
  std::string moment = variable("SLURM_JOB_END_TIME");
  try {
    moment = moment.empty() ? ask_queue(job) : "@" + moment;
    if (moment.empty() || moment == "N/A") return std::nullopt;
    const WallTime end = parse_moment(moment, now);
    // Variables of a job that is over are inherited by a shell that outlives it.
    return end > now ? std::optional(end) : std::nullopt;
  } catch (const Error& error) {
    spdlog::warn(
        "when the Slurm job {} ends is not known, so the run may be cut off by it ({}). Say it by "
        "--deadline.",
        job, error.what());
    return std::nullopt;
  }
}

}  // namespace mpipe::app
