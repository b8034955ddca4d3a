// SPDX-License-Identifier: BSD-3-Clause
// A plugin as another version of mpipe would have made it: were one of its functions called, the program
// would end.
#include <mpipe/document/plugin.hpp>

#include <cstdlib>

extern "C" {
__attribute__((visibility("default"))) extern const mpipe::PluginEntry mpipe_plugin_entry;
const mpipe::PluginEntry mpipe_plugin_entry = {"mpipe-plugin-999 gxx-abi-1 cxx11-abi-1 containers-plain",
                                               [](mpipe::PluginRegistry&) { std::abort(); }};
}
