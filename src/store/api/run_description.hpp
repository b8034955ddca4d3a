// SPDX-License-Identifier: BSD-3-Clause
/// @file
/// What a run is, as `run.json` keeps it: what its files hold, and what later starts are compared with.
#pragma once

#include <mpipe/store/run_reader.hpp>

#include <cstdint>
#include <filesystem>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace mpipe {

struct RunDescription : RunLayout {
  /// A function of the pipeline, as far as it decides what is computed.
  struct Function {
    std::string name;  ///< its first output
    std::vector<std::string> outputs;
    std::vector<std::string> parameters;
    /// Key -> text: `expr`, `mapspec`, `types`, `bound x`. Equal texts mean equal values.
    std::map<std::string, std::string> meaning;
    std::map<std::string, std::string> code;  ///< module (program or library) -> build id, of compiled code
    /// Which function of that code it is, and what it has captured; empty where `meaning` says all. Runs that were begun
    /// before this was noted do not have it.
    std::string body = {};
    /// Its values depend on the places of elements, too. Of a run that begins; run.json does not have it.
    bool draws_random_numbers = false;
  };
  /// A value that goes in: an input, or the default in its place.
  struct Given {
    std::string name;
    std::string dtype;
    Shape shape;
    std::string text;    ///< of the first values, for messages
    std::string digest;  ///< of type, shape and bytes, hexadecimal
  };
  /// Elements that were not computed by this run but taken from another one.
  struct Reused {
    std::string folder;  ///< absolute
    std::string run_id;
    std::map<std::string, Index> outputs;  ///< how many elements, by output
  };
  std::vector<Function> functions;
  std::vector<Given> given;
  std::vector<Reused> reused = {};
  std::uint64_t seed = 0;
  std::string shard;     ///< `2/4`: the part of the sweep that the run computes; empty: all of it
  std::string document;  ///< text of the pipeline document, or empty
  std::string command_line;
  std::string created;                          ///< ISO 8601, UTC
  std::map<std::string, std::string> versions;  ///< of mpipe
  std::string document_file = {};               ///< absolute path of the document, or empty
};

/// An id that no other run has: random.
std::string new_run_id();

/// The text of run.json. Values of inputs and selections are not in it.
std::string to_json(const RunDescription& run);
/// The inverse. Everything is checked. Throws `Error` that names `path`: folder_refused for another version of
/// the format, storage_failed where a checksum is wrong, or something is missing or makes no sense.
RunDescription description_from_json(std::string_view text, const std::filesystem::path& path);
/// `json` (an object) with a checksum of all that follows as its first member.
std::string with_checksum(const std::string& json);

/// Puts run.json and its copy into the folder, each at once.
void write_description(const std::filesystem::path& run_folder, const RunDescription& run);
/// Reads run.json of any run folder, or its copy where run.json is damaged or missing; `damage` then says so.
/// Throws `Error`: folder_refused (there is no run, or one of another version), storage_failed (both are
/// damaged).
RunDescription read_description(const std::filesystem::path& run_folder, std::string* damage = nullptr);

/// The names of run.json and of its copy.
inline constexpr const char* kDescriptionName = "run.json";
inline constexpr const char* kDescriptionCopyName = "run-copy.json";

/// What is not the same of a function in two runs: both texts, shortened.
struct FunctionDifference {
  std::string key;
  std::string stored;
  std::string now;
};
/// The first difference that keeps values from being equal for equal arguments: of outputs, parameters, meaning, but for
/// the mapspec, which says which arguments it gets, and of code. Nothing where the two are the same function.
std::optional<FunctionDifference> difference_of(const RunDescription::Function& stored,
                                                const RunDescription::Function& now);

/// How a run goes on.
struct RunGrowth {
  /// All outputs that the run has by now: those of earlier starts keep their positions.
  RunDescription run;
  /// Positions of the outputs that are to be computed anew: what is stored of them counts no more.
  std::vector<std::size_t> dropped;
};

/// The description of the run `stored` that goes on as `now`, which may lack outputs, and have more of them.
/// Outputs in `redo`, and all that needs them, may differ. Throws `Error` (resume_mismatch) that names the
/// function or input and the key where the two differ otherwise, with both values.
RunGrowth grow(const RunDescription& stored, RunDescription now, const std::vector<std::string>& redo);

/// The description of the run that has all elements of `runs`, by their folders: parts of one sweep, or runs of the same
/// functions and inputs. It has all of their outputs, and the id of the last. Precondition: there is a run. Throws
/// `Error` (resume_mismatch) as `grow`, with the two folders.
RunDescription merge_descriptions(const std::vector<std::pair<std::filesystem::path, RunDescription>>& runs);

}  // namespace mpipe
