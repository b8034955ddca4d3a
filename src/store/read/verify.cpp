// SPDX-License-Identifier: BSD-3-Clause
// Whether every promise about the stored results of a run holds.
#include <mpipe/core/error.hpp>
#include <mpipe/store/run_reader.hpp>

#include "store/format.hpp"
#include "store/output/input_variables.hpp"
#include "store/output/variable_values.hpp"
#include "store/read/stored_run.hpp"
#include "store/trusted_extents.hpp"

#include <fmt/format.h>

#include <algorithm>

namespace mpipe {
namespace {

class Verification {
 public:
  explicit Verification(const fs::path& folder) : folder_(folder) {}

  std::vector<std::string> run() {
    try {
      run_.emplace(folder_);
      check_bytes();
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
  static std::string first_of(const RangeSet& elements) {
    return fmt::format(
        "element {}{}", elements.ranges().front().begin,
        elements.count() == 1 ? std::string() : fmt::format(" (the first of {})", elements.count()));
  }

  /// Extents are read after the marks: what a running job marked had its checksum before.
  void check_bytes() {
    const std::vector<Extent> all = read_all_extents(folder_, run_key(run_->layout().run_id));
    std::vector<Extent> matching = matching_extents(all, run_->files(), run_->layout());
    const std::vector<Extent> variable = matching_variable_extents(all, folder_, run_->layout());
    matching.insert(matching.end(), variable.begin(), variable.end());
    trusted_ = progress_of(matching, run_->layout());
  }

  void check_output(std::size_t output) {
    const OutputProgress& marked = run_->marked()[output];
    const std::string& name = outputs()[output].name;
    const RangeSet unproven =
        marked.done.difference(trusted_[output].done).difference(run_->journals().values(output));
    if (!unproven.empty())
      fault(
          "{} of '{}' is marked as done, but its bytes match no checksum. Resume the run to compute it "
          "again.",
          first_of(unproven), name);
    if (run_->files().place(output) == nullptr) {
      check_elements(output);
      return check_unplaced(output);
    }
    check_marks(output);
    check_elements(output);
    if (!run_->complete()) return;  // values come before their marks
    const RangeSet unmarked = trusted_[output].done.difference(marked.done);
    if (!unmarked.empty()) fault("{} of '{}' is stored, but not marked as done.", first_of(unmarked), name);
    check_pending(output);
  }

  /// Every element that is done has a file that can be trusted by itself; a complete run has no others.
  void check_elements(std::size_t output) {
    if (!outputs()[output].in_own_files()) return;
    RangeSet wrong;
    for (const IndexRange& range : run_->progress()[output].done.ranges())
      for (Index element = range.begin; element < range.end; ++element)
        if (!run_->elements().read(output, element)) wrong.insert({element, element + 1});
    if (!wrong.empty())
      fault(
          "{} of '{}' is done, but its file is not there or was damaged. Resume the run to compute it again.",
          first_of(wrong), outputs()[output].name);
    if (!run_->complete()) return;
    for (const fs::path& path : run_->elements().leftovers(output, run_->marked()[output].done))
      fault("'{}' is the file of an element that is not done. Resume the run, or remove the file.",
            path.string());
  }

  void check_unplaced(std::size_t output) {
    if (run_->complete() && outputs()[output].shape_known() && !in_results(output))
      fault("the output '{}' is not in the results, which are complete otherwise.", outputs()[output].name);
  }

  bool in_results(std::size_t output) const {
    const H5Quiet quiet;
    return has_variable_output(h5_open_for_reading(results_path(folder_)).get(), outputs()[output]);
  }

  void check_marks(std::size_t output) {
    constexpr Index kAtATime = Index{1} << 20;
    const Index elements = run_->files().place(output)->order.elements();
    std::vector<std::uint8_t> marks;
    for (Index begin = 0; begin < elements; begin += kAtATime) {
      marks.resize(static_cast<std::size_t>(std::min(kAtATime, elements - begin)));
      run_->files().read_status(output, {begin, begin + static_cast<Index>(marks.size())}, marks.data());
      const auto bad = std::find_if(marks.begin(), marks.end(), [](std::uint8_t mark) { return mark > 3; });
      if (bad == marks.end()) continue;
      return fault("element {} of '{}' has the mark {}, which means nothing.", begin + (bad - marks.begin()),
                   outputs()[output].name, *bad);
    }
  }

  /// What is not done must not look like a result.
  void check_pending(std::size_t output) {
    const ElementType& type = *outputs()[output].type;
    const ElementOrder& order = run_->files().place(output)->order;
    const Index longest = run_->files().piece_values(output);
    std::vector<std::byte> bytes;
    const RangeSet rest = RangeSet{{0, order.elements()}}.difference(run_->marked()[output].done);
    std::vector<IndexRange> values;
    for (const IndexRange& range : rest.ranges()) {
      const RangeSet there =
          allocated_values(run_->files().place(output)->values, order, order.values_of(range));
      values.insert(values.end(), there.ranges().begin(), there.ranges().end());
    }
    for (const IndexRange& range : values) {
      for (Index begin = range.begin; begin < range.end; begin += longest) {
        const IndexRange part{begin, std::min(range.end, begin + longest)};
        bytes.resize(static_cast<std::size_t>(part.size()) * type.size);
        run_->files().read(output, part, bytes.data());
        if (all_pending(type, bytes) && run_->files().parts_match(output, part)) continue;
        return fault("'{}' has values from element {} on that look like results, and are not done.",
                     outputs()[output].name, part.begin / order.values_per_element());
      }
    }
  }

  void check_inputs() {
    for (const InputLayout& input : run_->layout().inputs)
      if (input.checksum && *input.checksum != checksum_of(input.value))
        fault(
            "the input '{}' in results.h5 is not what the run began with. Resume the run to write it again.",
            input.name);
  }

  /// What programs that know nothing of mpipe find their way by.
  void check_labels() {
    const H5Quiet quiet;
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
        fault("'{}' in results.h5 has another mapspec than in store.json.", output.name);
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
           name.starts_with(kManifestName)) &&
          name.ends_with(".tmp"))
        fault("'{}' was left behind by a process that died. Remove it.", name);
  }

  const fs::path& folder_;
  std::optional<StoredRun> run_;
  std::vector<OutputProgress> trusted_;
  std::vector<std::string> faults_;
};

}  // namespace

std::vector<std::string> verify_run_store(const std::filesystem::path& folder) {
  return Verification(folder).run();
}

}  // namespace mpipe
