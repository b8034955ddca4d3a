// SPDX-License-Identifier: BSD-3-Clause
// Runs every golden case of a folder and tells which differ. Exit code: 0 all passed, 1 some failed, 2 usage.
#include <mpipe/comm/environment.hpp>
#include <mpipe/core/error.hpp>

#include "golden/run_case.hpp"

#include <CLI/CLI.hpp>
#include <fmt/format.h>

#include <stdlib.h>

#include <algorithm>
#include <fstream>
#include <iostream>
#include <set>

namespace {

namespace fs = std::filesystem;

struct Arguments {
  std::string folder;
  std::string known_failures;
  golden::Settings settings;
};

struct Counts {
  int passed = 0;
  int failed = 0;
  int skipped = 0;
  std::set<std::string> failures;  ///< ids
};

std::vector<fs::path> case_files(const fs::path& folder) {
  std::vector<fs::path> files;
  for (const auto& entry : fs::directory_iterator(folder))
    if (entry.path().extension() == ".json") files.push_back(entry.path());
  std::sort(files.begin(), files.end());
  return files;
}

/// A temporary folder of rank 0 that all ranks know; removed with the object.
class ScratchFolder {
 public:
  explicit ScratchFolder(const mpipe::Communicator& comm) : is_root_(comm.is_root()) {
    std::string path = (fs::temp_directory_path() / "mpipe-golden-XXXXXX").string();
    if (is_root_ && ::mkdtemp(path.data()) == nullptr) path.clear();
    path_ = comm.broadcast_text(path);
    if (path_.empty())
      throw std::runtime_error("cannot make a temporary folder in " + fs::temp_directory_path().string());
  }
  ~ScratchFolder() {
    std::error_code ignored;  // what cannot be removed stays behind in the temporary folder
    if (is_root_) fs::remove_all(path_, ignored);
  }
  ScratchFolder(const ScratchFolder&) = delete;
  ScratchFolder& operator=(const ScratchFolder&) = delete;
  const fs::path& path() const { return path_; }

 private:
  bool is_root_;
  fs::path path_;
};

golden::Json read_case(const fs::path& file) {
  std::ifstream stream(file);
  return golden::Json::parse(stream);
}

Counts run_all(const mpipe::Communicator& comm, const Arguments& arguments) {
  const ScratchFolder scratch(comm);
  Counts counts;
  for (const fs::path& file : case_files(arguments.folder)) {
    const golden::Json golden_case = read_case(file);
    if (!golden_case["quirk"].is_null()) {
      ++counts.skipped;
      continue;
    }
    const fs::path folder = scratch.path() / file.stem();
    if (comm.is_root()) fs::create_directory(folder);
    comm.barrier();
    const std::string difference = [&] {
      try {
        return golden::run_case(comm, golden_case, arguments.settings, folder);
      } catch (const std::exception& error) {
        throw std::runtime_error(file.stem().string() + ": " + error.what());
      }
    }();
    if (!comm.is_root()) continue;
    if (difference.empty()) {
      ++counts.passed;
      continue;
    }
    ++counts.failed;
    counts.failures.insert(golden_case["id"].get<std::string>());
    std::cout << "FAILED " << file.stem().string() << ": " << difference.substr(0, difference.find('\n'))
              << std::endl;
  }
  return counts;
}

/// The ids in a list of cases that cannot pass yet: one per line, `#` begins a comment.
std::set<std::string> read_ids(const std::string& file) {
  std::ifstream stream(file);
  if (!stream) throw std::runtime_error("cannot read " + file);
  std::set<std::string> ids;
  for (std::string line; std::getline(stream, line);) {
    line = line.substr(0, line.find_first_of(" #"));
    if (!line.empty()) ids.insert(line);
  }
  return ids;
}

int judge(const Counts& counts, const Arguments& arguments) {
  if (arguments.known_failures.empty()) return counts.failed == 0 ? 0 : 1;
  const std::set<std::string> known = read_ids(arguments.known_failures);
  if (counts.failures == known) return 0;
  for (const std::string& id : known)
    if (!counts.failures.contains(id))
      std::cout << "passes, though " << arguments.known_failures << " has it: " << id << '\n';
  for (const std::string& id : counts.failures)
    if (!known.contains(id)) std::cout << "fails, though it should pass: " << id << '\n';
  return 1;
}

}  // namespace

int main(int argc, char** argv) {
  mpipe::Environment environment(argc, argv);
  const mpipe::Communicator& comm = environment.world();
  Arguments arguments;
  CLI::App app("Runs the golden cases of a folder.");
  app.add_option("folder", arguments.folder, "cases, one *.json each")
      ->required()
      ->check(CLI::ExistingDirectory);
  app.add_option("--storage", arguments.settings.storage, "where a case names none: memory, hdf5 or file");
  app.add_option("--executor", arguments.settings.executor,
                 "where a case names none: sequential, threads, processes or mpi");
  app.add_option("--known-failures", arguments.known_failures,
                 "ids of cases that must fail, all others must pass")
      ->check(CLI::ExistingFile);
  try {
    app.parse(argc, argv);
  } catch (const CLI::ParseError& error) {
    return comm.is_root() ? (app.exit(error) == 0 ? 0 : 2) : 0;
  }
  int code = 0;
  try {
    const Counts counts = run_all(comm, arguments);
    if (comm.is_root()) {
      code = judge(counts, arguments);
      std::cout << counts.passed << " passed, " << counts.failed << " failed, " << counts.skipped
                << " skipped" << std::endl;
    }
  } catch (const std::exception& error) {
    std::cerr << "golden_runner: " << error.what() << std::endl;
    if (comm.size() > 1) comm.abort(2);
    return 2;
  }
  comm.barrier();
  return code;
}
