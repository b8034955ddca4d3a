// SPDX-License-Identifier: BSD-3-Clause
// Steps that succeed on all ranks or fail on all, whatever is thrown.
#include "comm/api/collective.hpp"
#include "support/world.hpp"

#include <gtest/gtest.h>

#include <stdexcept>
#include <string>

namespace mpipe {
namespace {
using test::world;

/// What `call` throws, which must be an `Error` on every rank.
template <class Call>
Error error_of_call(const Call& call) {
  try {
    call();
  } catch (const Error& error) {
    return error;
  }
  return {Category::internal_error, "nothing was thrown"};
}

Bytes bytes_of(std::uint8_t number) { return Bytes(3, std::byte{number}); }

TEST(Together, all_ranks_throw_what_the_lowest_rank_threw) {
  const int last = world().size() - 1;
  const Error error = error_of_call([&] {
    together(world(), [&] {
      if (world().rank() == last)
        throw Error(Category::bad_option, "it is wrong", {Subject::Kind::option, "seed"});
    });
  });
  EXPECT_EQ(error.category(), Category::bad_option);
  EXPECT_EQ(error.subject(), (Subject{Subject::Kind::option, "seed"}));
  const std::string text = error.what();
  if (last == 0) {
    EXPECT_EQ(text, "it is wrong");
  } else {
    ASSERT_TRUE(error.place());
    EXPECT_EQ(error.place()->rank, last);
    EXPECT_EQ(error.place()->host, host_name());
    EXPECT_EQ(text, "rank " + std::to_string(last) + " on " + host_name() + ": it is wrong");
  }
  together(world(), [] {});  // the group is as usable as before
}

TEST(Together, what_is_no_exception_at_all_is_an_error_of_all) {
  const Error error = error_of_call([&] {
    together(world(), [&] {
      if (world().is_root()) throw 42;
    });
  });
  EXPECT_EQ(error.category(), Category::internal_error);
  EXPECT_NE(std::string(error.what()).find("int: 42"), std::string::npos) << error.what();
  const Error exhausted = error_of_call([&] { together(world(), [] { throw std::bad_alloc(); }); });
  EXPECT_EQ(exhausted.category(), Category::too_large);
}

TEST(Together, errors_of_a_machine_say_whose_it_is) {
  const auto fail = [] { throw Error(Category::storage_failed, "the disk is full."); };
  const std::string on_all = error_of_call([&] { together(world(), fail); }).what();
  const std::string of_root = error_of_call([&] {
                                on_root(world(), [&]() -> Bytes {
                                  fail();
                                  return {};
                                });
                              }).what();
  const std::string where = world().size() == 1 ? "" : "rank 0 on " + host_name() + ": ";
  EXPECT_EQ(on_all, where + "the disk is full.");
  EXPECT_EQ(of_root, where + "the disk is full.");
}

TEST(OnRoot, brings_the_bytes_of_rank_0_to_all) {
  int calls = 0;
  const Bytes bytes = on_root(world(), [&] {
    ++calls;
    return bytes_of(static_cast<std::uint8_t>(7 + world().rank()));
  });
  EXPECT_EQ(bytes, bytes_of(7));
  EXPECT_EQ(calls, world().is_root() ? 1 : 0);
}

TEST(CollectiveSteps, go_on_to_the_next_agreement) {
  CollectiveSteps first(world());
  int steps = 0;
  first.attempt([&] { ++steps; });
  first.attempt([&] {
    if (world().rank() == world().size() - 1) throw std::runtime_error("no");
  });
  first.attempt([&] { ++steps; });
  EXPECT_EQ(steps, first.failed() ? 1 : 2);
  CollectiveSteps second(world());
  second.take(first);
  EXPECT_EQ(second.failed(), first.failed());
  EXPECT_THROW(second.agree(), Error);
}

}  // namespace
}  // namespace mpipe
