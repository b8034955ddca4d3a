// SPDX-License-Identifier: BSD-3-Clause
/// @file
/// `Document`: a pipeline as a text in YAML (1.2, core schema) or JSON: functions, inputs and how to map
/// them. docs/document.md is its reference.
#pragma once

#include <mpipe/core/error.hpp>
#include <mpipe/pipeline/pipeline.hpp>

#include <filesystem>
#include <memory>
#include <optional>
#include <string>
#include <vector>

namespace mpipe {

class OptionValues;

/// Where something is written: `wing.yaml:12:5`. Lines and columns (characters) count from 1.
struct Place {
  std::string file;  ///< as the user named it; `--set` for the command line
  int line = 0;
  int column = 0;

  std::string to_string() const;
};

/// A text in two parts, of which the first one is shared.
struct DocumentRecord {
  std::shared_ptr<const std::string> beginning;
  std::string rest;
};

/// A checked document, with the plugins it names loaded. Nothing of it runs a function, and no input file is
/// read before `load_inputs`. Local: no MPI; every rank makes its own, from the file or from the text that
/// rank 0 has read. Movable; to be used by one thread at a time.
///
/// Every error tells its place, `file:line:column: problem (why). suggestion`, and has a category with exit
/// code 2.
class Document {
 public:
  /// Reads and checks a file. Throws `Error`: bad_document (not there, a directory, not text, over 16 MB, too
  /// deeply nested, syntax, unknown or doubled keys, wrong types), not_supported (what a later version will
  /// have), bad_plugin, and what `Function` says of mapspecs and names.
  static Document load(const std::filesystem::path& file);
  /// The same from a text; `file` is named in messages, and paths in the text are relative to its folder.
  static Document parse(std::string text, const std::filesystem::path& file);

  Document(Document&&) noexcept;
  Document& operator=(Document&&) noexcept;
  ~Document();

  const std::filesystem::path& file() const;
  /// The text itself, for the record of a run.
  const std::string& text() const;
  /// `name:`, else the file's name without its extension.
  const std::string& name() const;
  /// The options of the `map:` section, with their places.
  const OptionValues& map() const;
  /// The names of `runs:`, in their order; empty: the document is one run. Each can be the name of a folder.
  const std::vector<std::string>& runs() const;
  /// One of the runs as a document of its own, without runs: with its inputs over those of `inputs:` (what
  /// was set by `set_input` and `add_inputs` so far goes over both) and its axes behind those of `axes:`.
  /// Throws what `parse` says of inputs, and `std::out_of_range`.
  Document of_run(std::size_t run) const;
  /// What is to be kept of the document with the results of one of the runs: a document with this run alone, so that
  /// the folders of many runs do not hold all of them each. It is written anew, without comments. Throws
  /// `std::out_of_range`.
  DocumentRecord record_of_run(std::size_t run) const;
  const std::vector<Function>& functions() const;
  /// The functions as a pipeline. Throws what `Pipeline` does, with the place.
  Pipeline pipeline() const;

  /// One `--set name=JSON`: an input in the syntax of `inputs:`, over the one of the document. Files named in
  /// it are relative to the working directory. Throws `Error` (bad_document, bad_option).
  void set_input(const std::string& assignment);
  /// One `--inputs FILE`: a document of nothing but inputs (`name: value`), over those of the document; files
  /// named in it are relative to its folder. Throws `Error` (bad_document).
  void add_inputs(const std::filesystem::path& file);

  /// Names of all inputs that are there, sorted.
  std::vector<std::string> input_names() const;
  /// The values of those of `names` that are there; reads files, and computes ranges. Throws `Error`:
  /// bad_document, bad_input_file (missing, damaged, of another form), too_large (more than half of the
  /// machine's memory; found before anything is allocated).
  Inputs load_inputs(const std::vector<std::string>& names) const;
  /// What a `map` of these outputs (all when empty) needs. With a selection, inputs of the document that it
  /// does not need are left out. Throws as `load_inputs`, and `Error`: extra_input (an input that nothing
  /// needs; with a selection only where it was set by `--set`), missing_input.
  Inputs inputs_for_map(const Pipeline& pipeline, const std::vector<std::string>& outputs) const;
  /// What `Pipeline::run` of these outputs needs: where an intermediate result is given, what lies before it
  /// is left out. Throws as `load_inputs`, and `Error` (extra_input: one that was set by `--set` and is not
  /// needed). What is missing is left to `run` to find.
  Inputs inputs_for_run(const Pipeline& pipeline, const std::vector<std::string>& outputs) const;

  /// Where a name was given: an input, else the function with that output, else empty.
  std::optional<Place> place_of(const std::string& name) const;
  /// `error` (of planning this document's pipeline, say) with the place of its subject in this document;
  /// unchanged when it tells its place already, or its subject is not in the document.
  Error located(const Error& error) const;

 private:
  struct State;
  explicit Document(std::unique_ptr<State> state);
  std::unique_ptr<State> state_;
};

}  // namespace mpipe
