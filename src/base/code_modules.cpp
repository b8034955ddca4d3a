// SPDX-License-Identifier: BSD-3-Clause
// Finds the modules that are loaded, and tells addresses in a form that means the same in other processes.
#include "base/api/code_modules.hpp"

#include "core/api/hash.hpp"

#include <fmt/format.h>

#include <link.h>
#include <sys/mman.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>

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

/// Code and constants: what is loaded as it is in the file.
std::string hash_of(const std::vector<CodeModule::Segment>& segments) {
  std::uint64_t hash = 0;
  for (const CodeModule::Segment& segment : segments) {
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
  std::vector<CodeModule::Segment> constant;
  bool readable = true;
  for (const ElfW(Phdr) & header : std::span(info.dlpi_phdr, info.dlpi_phnum)) {
    const std::uintptr_t begin = info.dlpi_addr + header.p_vaddr;
    const CodeModule::Segment segment{begin, begin + header.p_memsz};
    if (header.p_type == PT_LOAD && (header.p_flags & PF_X) != 0) {
      module.code.push_back(segment);
      readable = readable && (header.p_flags & PF_R) != 0;
    }
    if (header.p_type == PT_LOAD && (header.p_flags & (PF_R | PF_W)) == PF_R) constant.push_back(segment);
    if (header.p_type == PT_NOTE && module.identity.empty())
      module.identity = build_id(reinterpret_cast<const std::byte*>(begin), header.p_memsz);
  }
  if (module.identity.empty() && readable) module.identity = hash_of(constant);
  return module;
}

int add_module(dl_phdr_info* info, std::size_t, void* modules) {
  CodeModule module = read_module(*info);
  if (!module.code.empty()) static_cast<std::vector<CodeModule>*>(modules)->push_back(std::move(module));
  return 0;
}

/// Whether there is memory at an address. Numbers are hardly ever such: a double of usual size is no address
/// at all, and a small integer is below all of them.
bool is_mapped(std::uintptr_t address) {
  const auto page = static_cast<std::uintptr_t>(sysconf(_SC_PAGESIZE));
  unsigned char resident = 0;
  const std::uintptr_t begin = address / page * page;
  return begin != 0 && mincore(reinterpret_cast<void*>(begin), 1, &resident) == 0;
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

const CodeModule* module_of(const std::vector<CodeModule>& modules, const void* code) {
  const auto address = reinterpret_cast<std::uintptr_t>(code);
  const auto found = std::find_if(modules.begin(), modules.end(),
                                  [&](const CodeModule& module) { return module.contains(address); });
  return found == modules.end() ? nullptr : &*found;
}

std::string place_of_code(const std::vector<CodeModule>& modules, const void* code) {
  const CodeModule* module = module_of(modules, code);
  if (module == nullptr) return "unknown code";
  return fmt::format("{} + {:#x}", module->identity, reinterpret_cast<std::uintptr_t>(code) - module->base);
}

std::string portable_bytes(const std::vector<CodeModule>& modules, std::span<const std::byte> bytes) {
  std::string text;
  for (; !bytes.empty(); bytes = bytes.subspan(std::min(bytes.size(), sizeof(std::uintptr_t)))) {
    std::uintptr_t word = 0;
    std::memcpy(&word, bytes.data(), std::min(bytes.size(), sizeof word));
    const auto* const code = reinterpret_cast<const void*>(word);
    if (module_of(modules, code) != nullptr)
      text += fmt::format("({})", place_of_code(modules, code));
    else
      text += is_mapped(word) ? "*" : fmt::format("{:x}", word);
    text += ' ';
  }
  return text;
}

}  // namespace mpipe::detail
