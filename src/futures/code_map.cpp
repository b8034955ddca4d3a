// SPDX-License-Identifier: BSD-3-Clause
// Finds the modules that are loaded, and names functions by their place in one, as other ranks can, too.
#include "futures/code_map.hpp"

#include <mpipe/core/error.hpp>
#include <mpipe/data/codec.hpp>

#include "comm/api/collective.hpp"
#include "core/api/hash.hpp"

#include <fmt/format.h>

#include <link.h>

#include <algorithm>
#include <cstring>
#include <string_view>

namespace mpipe::detail {

namespace {

std::size_t aligned(std::size_t size) { return (size + 3) & ~std::size_t{3}; }

/// The build id among the notes of a segment, as hexadecimal digits; empty when there is none.
std::string build_id(const std::byte* notes, std::size_t size) {
  std::size_t at = 0;
  while (at + sizeof(ElfW(Nhdr)) <= size) {
    ElfW(Nhdr) note;
    std::memcpy(&note, notes + at, sizeof note);
    const std::size_t name = at + sizeof note;
    const std::size_t content = name + aligned(note.n_namesz);
    if (content + note.n_descsz > size) break;
    if (note.n_type == NT_GNU_BUILD_ID && note.n_namesz == 4 && std::memcmp(notes + name, "GNU", 4) == 0) {
      std::string text;
      for (std::size_t k = 0; k < note.n_descsz; ++k)
        text += fmt::format("{:02x}", std::to_integer<unsigned>(notes[content + k]));
      return text;
    }
    at = content + aligned(note.n_descsz);
  }
  return {};
}

std::string hash_of_code(const CodeModule& module) {
  std::uint64_t hash = 0;
  for (const CodeModule::Segment& segment : module.code) {
    const auto* begin = reinterpret_cast<const std::byte*>(segment.begin);
    hash = hash * 31 + fnv1a(std::span(begin, segment.end - segment.begin));
  }
  return fmt::format("hash {:016x}", hash);
}

/// What the loader tells about one module.
CodeModule read_module(const dl_phdr_info& info) {
  CodeModule module;
  module.name = info.dlpi_name != nullptr ? info.dlpi_name : "";
  module.base = info.dlpi_addr;
  bool readable = true;
  for (const ElfW(Phdr) & header : std::span(info.dlpi_phdr, info.dlpi_phnum)) {
    const std::uintptr_t begin = info.dlpi_addr + header.p_vaddr;
    if (header.p_type == PT_LOAD && (header.p_flags & PF_X) != 0) {
      module.code.push_back({begin, begin + header.p_memsz});
      readable = readable && (header.p_flags & PF_R) != 0;
    }
    if (header.p_type == PT_NOTE && module.identity.empty())
      module.identity = build_id(reinterpret_cast<const std::byte*>(begin), header.p_memsz);
  }
  if (module.identity.empty() && readable) module.identity = hash_of_code(module);
  return module;
}

int add_module(dl_phdr_info* info, std::size_t, void* modules) {
  CodeModule module = read_module(*info);
  if (!module.code.empty()) static_cast<std::vector<CodeModule>*>(modules)->push_back(std::move(module));
  return 0;
}

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

bool CodeModule::contains(std::uintptr_t address) const {
  return std::any_of(code.begin(), code.end(), [&](const Segment& segment) {
    return segment.begin <= address && address < segment.end;
  });
}

std::vector<CodeModule> loaded_modules() {
  std::vector<CodeModule> modules;
  dl_iterate_phdr(&add_module, &modules);
  return modules;
}

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
