// SPDX-License-Identifier: BSD-3-Clause
// Any text as a document: refused with an `Error` that tells its place, or a pipeline that can be planned.
#include <mpipe/document/document.hpp>
#include <mpipe/plan/plan.hpp>

#include "fuzz/fuzz_target.hpp"

namespace {

using namespace mpipe;

/// What would look at files of this machine, or load programs, is left out.
bool names_files(std::string_view text) {
  for (const char* word : {"csv", "hdf5", "npy", "json", "plugin", "run_folder"})
    if (text.find(word) != std::string_view::npos) return true;
  return false;
}

void plan(const Document& document) {
  const Pipeline pipeline = document.pipeline();
  fuzz::require(!pipeline.digest_text().empty(), "a pipeline has a text");
  PlanRequest request;
  request.inputs = document.inputs_for_map(pipeline, {});
  const Plan plan(pipeline, std::move(request));
  (void)plan.known_bytes();
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string text(fuzz::text(data, size));
  if (names_files(text)) return 0;
  std::optional<Document> document;
  try {
    document = Document::parse(text, "fuzz.yaml");
  } catch (const Error& error) {
    fuzz::require(std::string_view(error.what()).starts_with("fuzz.yaml"), "a refusal tells its place");
    return 0;
  }
  if (fuzz::has_large_number(text)) return 0;
  try {
    plan(*document);
  } catch (const Error& error) {
    (void)document->located(error);
  }
  return 0;
}
