// SPDX-License-Identifier: BSD-3-Clause
// What functions need against what nodes have: refusals, and who gets which devices.
#include "run/api/check_resources.hpp"

#include "support/expect_error.hpp"

namespace mpipe {
namespace {

using test::contains;
using test::error_message;
using Devices = std::vector<int>;

NodeResources node(const std::string& host, std::vector<int> ranks, Devices devices = {}) {
  return {host, std::move(ranks), 4, 1'000'000, std::move(devices)};
}

/// A run of independent functions a, b, .. with these needs.
class Asking {
 public:
  explicit Asking(const std::vector<Resources>& needs,
                  std::map<std::string, ExecutorChoice> executor = {{"", "mpi"}})
      : pipeline_(functions(needs)) {
    options_.executor = std::move(executor);
  }
  void check(const NodeInventory& inventory, Rank0 rank0 = Rank0::automatic) const {
    check_resources(plan(), settings(), inventory, rank0);
  }
  DeviceShares share(const NodeInventory& inventory, Rank0 rank0 = Rank0::automatic) const {
    return share_devices(plan(), settings(), inventory, rank0);
  }
  std::string refusal(const NodeInventory& inventory) const {
    return error_message(Category::bad_option, [&] { check(inventory); });
  }

 private:
  static std::vector<Function> functions(const std::vector<Resources>& needs) {
    std::vector<Function> functions;
    for (std::size_t k = 0; k < needs.size(); ++k) {
      const std::string name(1, static_cast<char>('a' + k));
      Function made = needs[k].ranks > 1 ? function(name, [](double x, Comm) { return x; })
                                         : function(name, [](double x) { return x; }).thread_safe();
      functions.push_back(made.parameters("x").mapspec("x[i] -> " + name + "[i]").resources(needs[k]));
    }
    return functions;
  }
  Plan plan() const {
    return Plan(pipeline_,
                {.inputs = {{"x", {1.0, 2.0}}}, .placement = executor_names(pipeline_, options_, 2)});
  }
  Settings settings() const { return make_settings(plan(), options_, 2); }

  Pipeline pipeline_;
  MapOptions options_;
};

Resources threads(int n) {
  Resources needs;
  needs.threads = n;
  return needs;
}
Resources memory(std::uint64_t bytes) {
  Resources needs;
  needs.memory = bytes;
  return needs;
}
Resources gpus(int n) {
  Resources needs;
  needs.gpus = n;
  return needs;
}

TEST(CheckNeeds, ThreadsMemoryAndGpusOfANode) {
  const NodeInventory inventory{{node("n1", {0}, {0, 1})}};
  EXPECT_NO_THROW(Asking({threads(4), memory(1'000'000), gpus(2)}).check(inventory));
  EXPECT_TRUE(contains(Asking({threads(5)}).refusal(inventory),
                       "function 'a' needs 5 threads, but the node n1 has 4 cores"));
  EXPECT_TRUE(contains(Asking({{}, memory(1'000'001)}).refusal(inventory),
                       "function 'b' needs 1000001 bytes of memory, but the node n1 has 1000000."));
  EXPECT_TRUE(
      contains(Asking({gpus(3)}).refusal(inventory), "function 'a' needs 3 gpus, but the node n1 has 2."));
}

TEST(CheckNeeds, OfEveryNodeWhereTheFunctionMayRun) {
  NodeInventory inventory{{node("large", {0}), node("small", {1})}};
  inventory.nodes[1].cores = 2;
  EXPECT_TRUE(contains(Asking({threads(3)}).refusal(inventory), "the node small has 2 cores"));
  EXPECT_NO_THROW(Asking({threads(3)}, {{"", "sequential"}}).check(inventory)) << "it runs on rank 0";
}

TEST(CheckNeeds, MemoryThatIsNotKnownIsNoLimit) {
  NodeInventory inventory{{node("n1", {0})}};
  inventory.nodes[0].memory = 0;
  EXPECT_NO_THROW(Asking({memory(1'000'001)}).check(inventory));
}

TEST(CheckNeeds, ThreadsOfOneProcessCannotHaveGpus) {
  const NodeInventory inventory{{node("n1", {0}, {0, 1})}};
  EXPECT_TRUE(contains(Asking({gpus(1)}, {{"", "threads:2"}}).refusal(inventory),
                       "the executor threads:2 cannot give"));
}

TEST(ShareDevices, EvenlyAmongTheRanksOfANode) {
  const NodeInventory inventory{{node("n1", {0, 2}, {0, 1, 2, 3, 4}), node("n2", {1, 3, 4}, {3, 5, 7})}};
  const DeviceShares shares = Asking({gpus(1)}).share(inventory);
  EXPECT_TRUE(shares.rank0_computes);
  EXPECT_EQ(shares.of_rank, (std::vector<Devices>{{0, 1}, {3}, {2, 3}, {5}, {7}}));
}

TEST(ShareDevices, NothingIsSharedWhereNobodyAsks) {
  const DeviceShares shares = Asking({threads(2)}).share({{node("n1", {0, 1}, {0})}});
  EXPECT_EQ(shares.of_rank, (std::vector<Devices>{{}, {}}));
  EXPECT_TRUE(shares.rank0_computes);
}

TEST(ShareDevices, RankZeroLeavesItsPartWhereTheOthersNeedIt) {
  const NodeInventory inventory{{node("n1", {0, 1, 2}, {0, 1})}};
  const DeviceShares shares = Asking({gpus(1)}).share(inventory);
  EXPECT_FALSE(shares.rank0_computes);
  EXPECT_EQ(shares.of_rank, (std::vector<Devices>{{}, {0}, {1}}));
  EXPECT_EQ(Asking({gpus(1)}).share({{node("n1", {0, 1, 2}, {0, 1, 2})}}, Rank0::schedule).of_rank,
            (std::vector<Devices>{{}, {0}, {1}}));
  const auto message =
      error_message(Category::bad_option, [&] { Asking({gpus(1)}).check(inventory, Rank0::work); });
  EXPECT_TRUE(contains(
      message, "a call needs 1 gpus, and the 3 ranks that compute on the node n1 have 0 each, of the 2"));
  EXPECT_TRUE(contains(message, "Start at most 2 ranks on it."));
}

TEST(ShareDevices, SubgroupsHaveTheirPartsOfANode) {
  const NodeInventory whole{{node("n1", {0, 1, 2, 4}, {0, 1, 2, 5, 6, 7}), node("n2", {3, 5}, {3, 4})}};
  const NodeInventory part = inventory_of(whole, std::vector<int>{3, 4, 1});
  ASSERT_EQ(part.nodes.size(), 2U);
  EXPECT_EQ(part.nodes[0].host, "n2");
  EXPECT_EQ(part.nodes[0].ranks, (Devices{0}));
  EXPECT_EQ(part.nodes[0].devices, (Devices{3}));
  EXPECT_EQ(part.nodes[1].ranks, (Devices{1, 2}));
  EXPECT_EQ(part.nodes[1].devices, (Devices{0, 1, 6, 7}));
  EXPECT_EQ(inventory_of(whole, std::vector<int>{2, 5}).nodes[0].devices, (Devices{2, 5}));
}

TEST(ShareDevices, RankZeroIsInNoTeam) {
  Resources needs = gpus(1);
  needs.ranks = 2;
  const DeviceShares shares = Asking({needs}).share({{node("n1", {0, 1, 2}, {0, 1})}});
  EXPECT_EQ(shares.of_rank, (std::vector<Devices>{{}, {0}, {1}}));
  EXPECT_TRUE(shares.rank0_computes) << "what is not made by teams";
}

TEST(ShareDevices, OnRankZeroAloneItHasAllOfThem) {
  const NodeInventory inventory{{node("n1", {0, 1, 2}, {0, 1})}};
  EXPECT_EQ(Asking({gpus(2)}, {{"", "sequential"}}).share(inventory).of_rank,
            (std::vector<Devices>{{0, 1}, {}, {}}));
  EXPECT_TRUE(contains(Asking({gpus(1), gpus(1)}, {{"a", "sequential"}, {"b", "mpi"}}).refusal(inventory),
                       "the 3 ranks that compute on the node n1 have 0 each"));
}

}  // namespace
}  // namespace mpipe
