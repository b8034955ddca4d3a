// SPDX-License-Identifier: BSD-3-Clause
// Prime numbers counted by other ranks, without a pipeline: `mpirun -n 4 futures`.
#include <mpipe/mpipe.hpp>

#include <iostream>
#include <numeric>
#include <stdexcept>
#include <vector>

namespace {

bool is_prime(std::int64_t n) {
  for (std::int64_t d = 2; d * d <= n; ++d) {
    if (n % d == 0) return false;
  }
  return n > 1;
}

std::int64_t count_primes(std::int64_t begin, std::int64_t end) {
  if (begin < 0) throw std::invalid_argument("negative numbers are not prime");
  std::int64_t count = 0;
  for (std::int64_t n = begin; n < end; ++n) count += is_prime(n);
  return count;
}

void compute(mpipe::MPICommExecutor& ranks) {
  mpipe::MPIPoolExecutor pool(ranks);

  // One call, and what comes after it.
  const mpipe::Future<std::int64_t> some = pool.submit(count_primes, 0, 1000);
  const auto text = some.then([](std::int64_t n) { return std::to_string(n) + " primes below 1000"; });
  std::cout << text.result() << '\n';

  // Many calls, which are taken as they come.
  std::vector<mpipe::Future<std::int64_t>> parts;
  for (std::int64_t begin = 0; begin < 100'000; begin += 5000)
    parts.push_back(pool.submit(count_primes, begin, begin + 5000));
  std::int64_t total = 0;
  for (const auto& part : mpipe::as_completed(parts)) total += part.result();
  std::cout << total << " primes below 100000\n";

  // A range, in chunks, in order.
  std::vector<int> numbers(10);
  std::iota(numbers.begin(), numbers.end(), 90);
  for (const bool prime : pool.map({.chunksize = 5}, is_prime, numbers)) std::cout << prime;
  std::cout << '\n';

  // An exception, with where it was thrown.
  try {
    pool.submit(count_primes, -5, 5).result();
  } catch (const mpipe::TaskError& error) {
    std::cout << error.failure().type << ": " << error.failure().message << '\n';
  }
}

}  // namespace

int main(int argc, char** argv) {
  const mpipe::Environment mpi(argc, argv);
  mpipe::MPICommExecutor ranks(mpi.world());  // all ranks but 0 serve in here
  // The other ranks only come here when rank 0 is done with them, and have nothing left to do.
  if (ranks.is_root()) compute(ranks);
}
