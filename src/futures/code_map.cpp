// SPDX-License-Identifier: BSD-3-Clause
// Names functions by their place in one of the modules that are loaded, as other ranks can, too.
#include "futures/code_map.hpp"

#include <mpipe/core/error.hpp>
#include <mpipe/data/codec.hpp>

#include "comm/api/collective.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <string_view>

namespace mpipe::detail {

namespace {

/// The part of a path behind the last slash: a library may lie elsewhere on another node.
std::string_view file_name(std::string_view path) { return path.substr(path.rfind('/') + 1); }

/// What rank 0 tells the others.
Bytes encode_modules(const std::vector<CodeModule>& modules) {
  std::vector<std::string> texts;
  for (const CodeModule& module : modules) {
    texts.push_back(module.name);
    texts.push_back(module.identity);
  }
  Bytes bytes;
  encode(texts, bytes);
  return bytes;
}

std::vector<CodeModule> decode_modules(const Bytes& bytes) {
  const auto texts = decode<std::vector<std::string>>(bytes);
  std::vector<CodeModule> modules(texts.size() / 2);
  for (std::size_t k = 0; k < modules.size(); ++k) {
    modules[k].name = texts[2 * k];
    modules[k].identity = texts[2 * k + 1];
  }
  if (modules.empty()) throw Bug("rank 0 told of no module");
  return modules;
}

void check_same_program(const Communicator& comm, const CodeModule& here, const CodeModule& at_root) {
  if (here.identity == at_root.identity) return;
  throw Error(
      Category::bad_option,
      fmt::format("it does not run the same program as rank 0: its build id is {}, that of rank 0 is {} "
                  "(functions are sent as places in the program, so all {} ranks need the same one). Start "
                  "one executable on all ranks, and copy it to all hosts after it was built again.",
                  here.identity, at_root.identity, comm.size()));
}

}  // namespace

CodeMap::CodeMap() {
  for (CodeModule& module : loaded_modules()) entries_.push_back({std::move(module), true});
}

CodeMap::CodeMap(const Communicator& comm) {
  const std::vector<CodeModule> here = loaded_modules();
  const std::vector<CodeModule> at_root = decode_modules(comm.broadcast(encode_modules(here)));
  // All ranks learn what one of them finds out: if only that one threw, the others would wait for it in the
  // next collective step.
  together(comm, [&] { check_same_program(comm, here.front(), at_root.front()); });

  std::vector<std::int64_t> has(at_root.size(), 0);
  for (std::size_t k = 0; k < at_root.size(); ++k) {
    const auto same = std::find_if(here.begin(), here.end(), [&](const CodeModule& module) {
      return module.identity == at_root[k].identity && file_name(module.name) == file_name(at_root[k].name);
    });
    Entry& entry = entries_.emplace_back();
    // Entries are numbered as on rank 0 even if the module is missing here, or numbers would differ.
    entry.module = same != here.end() ? *same : at_root[k];
    // Without an identity nobody can tell whether two ranks have the same code, so it is not shared.
    has[k] = same != here.end() && !same->identity.empty() ? 1 : 0;
  }
  comm.all_reduce(std::span<std::int64_t>(has), ReduceOp::min);
  for (std::size_t k = 0; k < has.size(); ++k) entries_[k].shared = has[k] == 1;
}

CodeAddress CodeMap::locate(const void* code) const {
  const auto address = reinterpret_cast<std::uintptr_t>(code);
  for (std::size_t k = 0; k < entries_.size(); ++k) {
    const auto& [module, shared] = entries_[k];
    if (!module.contains(address)) continue;
    if (shared) return {static_cast<std::uint32_t>(k), address - module.base};
    throw Error(
        Category::bad_option,
        fmt::format("The submitted function is in {}, which not all ranks have loaded in the same version "
                    "when the workers began to serve (they find functions by their place). Load it on all "
                    "ranks before, or submit a captureless lambda of the program that calls it.",
                    module.name));
  }
  throw Error(
      Category::bad_option,
      "The submitted function is in no file that was loaded when the workers began to serve (they find "
      "functions by their place). Load its library on all ranks before, or use a function of the program.");
}

const void* CodeMap::resolve(CodeAddress address) const {
  if (address.module < entries_.size()) {
    const CodeModule& module = entries_[address.module].module;
    const std::uintptr_t at = module.base + address.offset;
    // The address will be called, and it comes from a message: it must at least be that of code.
    if (module.contains(at)) return reinterpret_cast<const void*>(at);
  }
  throw Bug(fmt::format("a task names no code: module {}, offset {:#x}", address.module, address.offset));
}

}  // namespace mpipe::detail
