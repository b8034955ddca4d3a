// SPDX-License-Identifier: BSD-3-Clause
// What calls see of their resources, and that it is gone behind them.
#include "isolation/api/resource_scope.hpp"

#include "support/environment.hpp"
#include "unit/exec/local_run.hpp"

#include <dlfcn.h>

#include <stdexcept>
#include <thread>

namespace mpipe {
namespace {

using test::LocalRun;
using test::variable;
using test::WithVariable;
using Sets = ResourceScope::Sets;

constexpr const char* kVisible[] = {"CUDA_VISIBLE_DEVICES", "ROCR_VISIBLE_DEVICES", "HIP_VISIBLE_DEVICES"};

Resources some(int threads, std::vector<int> devices) {
  Resources has;
  has.threads = threads;
  has.gpus = static_cast<int>(devices.size());
  has.devices = std::move(devices);
  return has;
}

/// An OpenMP runtime, loaded as a plugin's: its names are not among those that all libraries share.
class OpenMp {
 public:
  OpenMp() : library_(dlopen("libgomp.so.1", RTLD_NOW | RTLD_LOCAL)) {
    if (library_ == nullptr)
      throw std::runtime_error("libgomp.so.1 is part of the compiler, but does not load");
  }
  int threads() const { return reinterpret_cast<int (*)()>(dlsym(library_, "omp_get_max_threads"))(); }
  void set_threads(int n) const {
    reinterpret_cast<void (*)(int)>(dlsym(library_, "omp_set_num_threads"))(n);
  }

 private:
  void* library_;
};

TEST(ResourceScope, SetsTheEnvironmentAndPutsItBack) {
  const WithVariable threads("OMP_NUM_THREADS", "13");
  const WithVariable cuda(kVisible[0], "4,5");
  const WithVariable rocr(kVisible[1], std::nullopt);
  const WithVariable hip(kVisible[2], std::nullopt);
  {
    const ResourceScope scope(some(3, {4, 5}), Sets::process);
    EXPECT_EQ(variable("OMP_NUM_THREADS"), "3");
    EXPECT_EQ(variable(kVisible[0]), "4,5");
    EXPECT_EQ(variable(kVisible[1]), "4,5");
    EXPECT_EQ(variable(kVisible[2]), "0,1") << "counted among those that ROCR shows";
  }
  EXPECT_EQ(variable("OMP_NUM_THREADS"), "13");
  EXPECT_EQ(variable(kVisible[0]), "4,5");
  EXPECT_EQ(variable(kVisible[1]), std::nullopt);
  EXPECT_EQ(variable(kVisible[2]), std::nullopt);
}

TEST(ResourceScope, LeavesAloneWhatIsNotAskedFor) {
  const WithVariable threads("OMP_NUM_THREADS", "13");
  const WithVariable cuda(kVisible[0], "7");
  EXPECT_FALSE(ResourceScope::changes_anything(some(0, {})));
  {
    const ResourceScope scope(some(0, {1}), Sets::process);
    EXPECT_EQ(variable("OMP_NUM_THREADS"), "13");
  }
  const ResourceScope scope(some(2, {}), Sets::process);
  EXPECT_EQ(variable(kVisible[0]), "7");
}

TEST(ResourceScope, SetsTheThreadsOfALoadedRuntime) {
  const OpenMp runtime;
  runtime.set_threads(5);
  {
    const ResourceScope scope(some(3, {}), Sets::process);
    EXPECT_EQ(runtime.threads(), 3);
    const ResourceScope inner(some(2, {}), Sets::process);
    EXPECT_EQ(runtime.threads(), 2);
  }
  EXPECT_EQ(runtime.threads(), 5);
}

TEST(ResourceScope, OfAThreadIsItsOwn) {
  const OpenMp runtime;
  const WithVariable threads("OMP_NUM_THREADS", "13");
  runtime.set_threads(5);
  const ResourceScope scope(some(3, {}), Sets::thread);
  std::thread([&] {
    runtime.set_threads(7);
    const ResourceScope other(some(2, {}), Sets::thread);
    EXPECT_EQ(runtime.threads(), 2);
  }).join();
  EXPECT_EQ(runtime.threads(), 3);
  EXPECT_EQ(variable("OMP_NUM_THREADS"), "13") << "the environment belongs to all threads";
}

// ---- calls

std::string seen(double, const Resources& has) {
  std::string devices;
  for (const int device : has.devices) devices += " " + std::to_string(device);
  return to_string(has) + "; OMP " + variable("OMP_NUM_THREADS").value_or("-") + "; CUDA " +
         variable(kVisible[0]).value_or("-") + "; devices" + devices;
}

Function asking(Resources needs) {
  needs.devices.clear();
  return function("y", seen).parameters("x").mapspec("x[i] -> y[i]").resources(needs);
}

std::string first_seen(Function function, BlockRunnerOptions options) {
  LocalRun run({std::move(function)}, {{"x", {1.0, 1.0}}}, nullptr, std::move(options));
  run.run(1);
  const auto all = run.value("y").as<std::vector<std::string>>();
  EXPECT_EQ(all[0], all[1]);
  return all[0];
}

TEST(ResourcesOfCalls, ThreadsAndTheFirstDevicesOfTheRank) {
  const WithVariable threads("OMP_NUM_THREADS", std::nullopt);
  const WithVariable cuda(kVisible[0], std::nullopt);
  BlockRunnerOptions devices;
  devices.devices = {4, 6, 7};
  EXPECT_EQ(first_seen(asking(some(3, {0, 0})), devices), "threads 3, gpus 2; OMP 3; CUDA 4,6; devices 4 6");
  EXPECT_EQ(first_seen(asking({}), devices), "; OMP -; CUDA -; devices");
  EXPECT_EQ(first_seen(asking(some(3, {})).cache(5), {}), "threads 3; OMP 3; CUDA -; devices");
  EXPECT_EQ(variable("OMP_NUM_THREADS"), std::nullopt);
  EXPECT_EQ(variable(kVisible[0]), std::nullopt);
}

TEST(ResourcesOfCalls, AreGoneBehindAFailure) {
  const WithVariable threads("OMP_NUM_THREADS", "13");
  LocalRun run(
      {function("y",
                [](double x) -> double {
                  throw std::runtime_error(variable("OMP_NUM_THREADS").value_or("-") + std::to_string(x));
                })
           .parameters("x")
           .mapspec("x[i] -> y[i]")
           .resources(some(3, {}))},
      {{"x", {1.0}}});
  run.runner.prepare_wave(0, {});
  const BlockReport report = run.compute("y", 0, 1);
  ASSERT_TRUE(report.failure.has_value());
  EXPECT_EQ(report.failure->message.substr(0, 2), "31");
  EXPECT_EQ(variable("OMP_NUM_THREADS"), "13");
}

}  // namespace
}  // namespace mpipe
