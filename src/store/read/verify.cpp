// SPDX-License-Identifier: BSD-3-Clause
// Whether every promise about the stored results of a run holds.
#include <mpipe/core/error.hpp>
#include <mpipe/store/run_reader.hpp>

#include "store/output/input_variables.hpp"
#include "store/output/variable_values.hpp"
#include "store/read/opened_run.hpp"
#include "store/run_paths.hpp"
#include "store/verify_extents.hpp"

#include <fmt/format.h>

#include <algorithm>

namespace mpipe {
namespace {

class Verification {
 public:
  explicit Verification(const fs::path& folder) : folder_(folder) {}

  std::vector<std::string> run() {
    try {
      // Whatever cannot even be read ends the checks and is a fault itself; those found before are still
      // reported.
      run_.emplace(folder_);
      if (!run_->description_damage().empty())
        fault("{} Resume the run to make it from the copy.", run_->description_damage());
      check_bytes();
      for (const LogDamage& damage : run_->journals().damage()) report(damage);
      for (std::size_t k = 0; k < outputs().size(); ++k) check_output(k);
      check_inputs();
      check_labels();
      if (run_->complete()) check_leftovers();
    } catch (const Error& error) {
      faults_.emplace_back(error.what());
    }
    return std::move(faults_);
  }

 private:
  const std::vector<OutputLayout>& outputs() const { return run_->layout().outputs; }
  template <class... Args>
  void fault(fmt::format_string<Args...> text, Args&&... args) {
    faults_.push_back(fmt::format(text, std::forward<Args>(args)...));
  }
  /// What was lost is computed again by a resume, which finds everything behind it.
  void report(const LogDamage& damage) {
    const bool known = damage.output && *damage.output < outputs().size();
    fault(
        "'{}' is damaged: {} bytes from byte {} on were left out{} (the disk or somebody changed the file). "
        "Resume the run to compute again what is missing.",
        damage.file.string(), damage.bytes, damage.position,
        known ? fmt::format(", from elements {} to {} of '{}' on", damage.elements.begin,
                            damage.elements.end - 1, outputs()[*damage.output].name)
              : std::string());
  }
  /// Extents are read after the marks: what a running job marked had its checksum before.
  void check_bytes() {
    std::vector<LogDamage> damaged;
    const std::vector<Extent> all = read_all_extents(folder_, run_key(run_->layout().run_id), &damaged);
    for (const LogDamage& damage : damaged) report(damage);
    trusted_ = states_of(matching_extents(all, run_->outputs()), run_->layout());
    check_places(states_of(all, run_->layout()));
  }
  /// Values have a place before their checksums are written: without it, a file was removed.
  void check_places(const std::vector<ElementStates>& written) {
    for (std::size_t k = 0; k < outputs().size(); ++k) {
      if (!has_location(outputs()[k]) || run_->outputs()[k].location() != nullptr) continue;
      const RangeSet lost = written[k].done().difference(run_->journals().values(k));
      if (!lost.empty())
        fault(
            "{} of '{}' was stored in '{}', which is not there. Put the file back, or resume the run to "
            "compute it "
            "again.",
            first_of(lost), outputs()[k].name, segment_path(folder_, k).string());
    }
  }

  void check_output(std::size_t output) {
    const ElementStates& marked = run_->marked()[output];
    const std::string& name = outputs()[output].name;
    const RangeSet unproven =
        marked.done().difference(trusted_[output].done()).difference(run_->journals().values(output));
    if (!unproven.empty())
      fault(
          "{} of '{}' is marked as done, but its bytes match no checksum. Resume the run to compute it "
          "again.",
          first_of(unproven), name);
    run_->outputs()[output].verify({marked, run_->progress()[output], trusted_[output], run_->complete()},
                                   [&](std::string text) { faults_.push_back(std::move(text)); });
  }

  void check_inputs() {
    for (const InputLayout& input : run_->layout().inputs)
      if (input.digest != fmt::format("{:016x}", input.value.digest()))
        fault(
            "the input '{}' in results.h5 is not what the run began with. Resume the run to write it again.",
            input.name);
  }

  /// Checks the labels by which programs that do not know mpipe find their way in the file.
  void check_labels() {
    const H5Turn turn;
    const H5Handle file = h5_open_for_reading(results_path(folder_));
    std::int32_t version = 0;
    const H5Handle attribute{H5Aopen(file.get(), kFormatAttribute, H5P_DEFAULT), &H5Aclose,
                             "read the version of the format"};
    h5_check(H5Aread(attribute.get(), H5T_NATIVE_INT32, &version), "read the version of the format");
    if (version != kFormatVersion)
      fault("results.h5 is of version {} of the format, and not {}.", version, kFormatVersion);
    for (std::size_t k = 0; k < outputs().size(); ++k) {
      const OutputLayout& output = outputs()[k];
      if (output.in_own_files()) check_pointer(file.get(), output);
      if (!h5_has_link(file.get(), output.name)) continue;
      const H5Handle dataset = h5_open_dataset(file.get(), output.name);
      if (h5_read_text_attribute(dataset.get(), "mapspec") != output.mapspec)
        fault("'{}' in results.h5 has another mapspec than in run.json.", output.name);
      const Shape shape = h5_shape_of(dataset.get());
      if (!shape.empty() && h5_check(H5Aexists(dataset.get(), "DIMENSION_LIST"), "look for the axes") == 0)
        fault("the axes of '{}' in results.h5 have no names.", output.name);
    }
  }

  /// Who opens the file is told where the values are.
  void check_pointer(hid_t file, const OutputLayout& output) {
    const std::string status = output.name + "__status";
    if (!h5_has_link(file, status)) return;
    const std::string expected = std::string(kElementFolder) + "/" + output.name;
    if (h5_read_text_attribute(h5_open_dataset(file, status).get(), kElementsAttribute) != expected)
      fault("'{}' in results.h5 does not tell that the values are in '{}'.", status, expected);
  }

  void check_leftovers() {
    for (const std::string& name : list_folder(folder_))
      if ((name.starts_with(kResultsName) || name.starts_with(kExtentsName) ||
           name.starts_with(kDescriptionName) || name.starts_with(kDescriptionCopyName)) &&
          name.ends_with(".tmp"))
        fault("'{}' was left behind by a process that died. Remove it.", name);
  }

  const fs::path& folder_;
  std::optional<OpenedRun> run_;
  std::vector<ElementStates> trusted_;
  std::vector<std::string> faults_;
};

}  // namespace

std::vector<std::string> verify_run_store(const std::filesystem::path& folder) {
  return Verification(folder).run();
}

}  // namespace mpipe
