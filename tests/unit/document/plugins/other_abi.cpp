// SPDX-License-Identifier: BSD-3-Clause
// A plugin for another version of mpipe. Its functions must never be called.
#include <mpipe/document/plugin.hpp>

#include <cstdlib>

namespace {
void register_functions(mpipe::PluginRegistry& /*registry*/) { std::abort(); }
}  // namespace

extern "C" {
__attribute__((visibility("default"))) extern const mpipe::PluginEntry mpipe_plugin_entry;
const mpipe::PluginEntry mpipe_plugin_entry = {"mpipe-plugin-0 gxx-abi-1", &register_functions};
}
