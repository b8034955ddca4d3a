// SPDX-License-Identifier: BSD-3-Clause
// The HDF5 store, 10^7 doubles that ranks computed in blocks of many sizes, against one contiguous collective
// write.
#include <mpipe/comm/native_comm.hpp>
#include <mpipe/mpipe.hpp>

#include "bench/report.hpp"
#include "bench/temporary_folder.hpp"
#include "data/api/partial_array.hpp"
#include "store/api/run_description.hpp"
#include "store/api/run_store.hpp"

#include <fmt/format.h>
#include <hdf5.h>

#include <optional>
#include <stdexcept>

namespace {

using namespace mpipe::bench;

constexpr mpipe::Index kRows = 10'000;
constexpr mpipe::Index kColumns = 1'000;
constexpr mpipe::Index kElements = kRows * kColumns;

hid_t checked(hid_t id) {
  if (id < 0) throw std::runtime_error("an HDF5 call failed");
  return id;
}

/// Seconds of the write alone, on the slowest rank.
double plain_write(const mpipe::Communicator& comm, const std::filesystem::path& file,
                   const std::vector<double>& slab) {
  const hid_t access = checked(H5Pcreate(H5P_FILE_ACCESS));
  checked(H5Pset_fapl_mpio(access, mpipe::native_comm(comm), MPI_INFO_NULL));
  const hid_t handle = checked(H5Fcreate(file.c_str(), H5F_ACC_TRUNC, H5P_DEFAULT, access));
  const hsize_t shape[] = {kRows, kColumns};
  const hid_t space = checked(H5Screate_simple(2, shape, nullptr));
  const hid_t creation = checked(H5Pcreate(H5P_DATASET_CREATE));
  checked(H5Pset_alloc_time(creation, H5D_ALLOC_TIME_EARLY));
  const hid_t dataset =
      checked(H5Dcreate2(handle, "z", H5T_NATIVE_DOUBLE, space, H5P_DEFAULT, creation, H5P_DEFAULT));
  const auto rows = static_cast<hsize_t>(kRows / comm.size());
  const hsize_t start[] = {rows * static_cast<hsize_t>(comm.rank()), 0};
  const hsize_t count[] = {rows, kColumns};
  checked(H5Sselect_hyperslab(space, H5S_SELECT_SET, start, nullptr, count, nullptr));
  const hid_t memory = checked(H5Screate_simple(2, count, nullptr));
  const hid_t transfer = checked(H5Pcreate(H5P_DATASET_XFER));
  checked(H5Pset_dxpl_mpio(transfer, H5FD_MPIO_COLLECTIVE));
  comm.barrier();
  const double seconds = seconds_of(
      [&] { checked(H5Dwrite(dataset, H5T_NATIVE_DOUBLE, memory, space, transfer, slab.data())); });
  for (const hid_t id : {transfer, memory, creation, space}) H5Idec_ref(id);
  checked(H5Dclose(dataset));
  checked(H5Fclose(handle));
  checked(H5Pclose(access));
  return comm.all_reduce(seconds, mpipe::ReduceOp::max);
}

/// The blocks that this rank would have computed: guided sizes, dealt out in turns.
std::vector<mpipe::IndexRange> blocks_of(int rank, int ranks) {
  std::vector<mpipe::IndexRange> mine;
  int turn = 0;
  for (mpipe::Index next = 0; next < kElements; ++turn) {
    const mpipe::Index size =
        std::max<mpipe::Index>(1, std::min<mpipe::Index>((kElements - next) / (2 * ranks), 100'000));
    if (turn % ranks == rank) mine.push_back({next, next + size});
    next += size;
  }
  return mine;
}

mpipe::RunDescription layout() {
  mpipe::OutputLayout z;
  z.name = "z";
  z.type = &mpipe::element_type<double>();
  z.mapspec = "x[i], y[j] -> z[i, j]";
  z.axes = {"i", "j"};
  z.external = {true, true};
  z.shape = {kRows, kColumns};
  mpipe::RunDescription run;
  run.run_id = "0123456789abcdef";
  run.outputs = {z};
  return run;
}

/// Seconds of append, commit and finish; creation excluded.
double store_write(const mpipe::Communicator& comm, const std::filesystem::path& folder,
                   mpipe::PartialArray& array, bool read_back) {
  mpipe::StoreOptions options;
  options.read_back = read_back;
  options.sync = false;
  options.sync_interval = std::chrono::milliseconds(0);
  if (comm.is_root()) std::filesystem::create_directory(folder);
  comm.barrier();
  const auto store = mpipe::create_run_store(comm, folder, layout(), options);
  const auto blocks = blocks_of(comm.rank(), comm.size());
  const mpipe::PartialArray* const arrays[] = {&array};
  comm.barrier();
  const double seconds = seconds_of([&] {
    for (const mpipe::IndexRange& block : blocks) store->append(0, block, array);
    store->commit(arrays);
    store->finish(arrays, true);
  });
  return comm.all_reduce(seconds, mpipe::ReduceOp::max);
}

}  // namespace

int main(int argc, char** argv) {
  mpipe::Environment environment(argc, argv);
  const mpipe::Communicator& comm = environment.world();
  std::optional<TemporaryFolder> own;
  if (comm.is_root()) own.emplace();
  const std::filesystem::path folder = comm.broadcast_text(own ? own->path().string() : "");
  const std::vector<double> slab(static_cast<std::size_t>(kElements / comm.size()), 1.5);
  mpipe::PartialArray array(mpipe::element_type<double>(), {kRows, kColumns}, mpipe::Shape{});
  for (const mpipe::IndexRange& block : blocks_of(comm.rank(), comm.size())) {
    std::fill_n(reinterpret_cast<double*>(array.destination(block.begin)), block.size(), 1.5);
    array.mark(block);
  }
  int run = 0;
  for (const bool read_back : {false, true}) {
    const Pair pair = measure(
        5, [&] { return store_write(comm, folder / fmt::format("run-{}", ++run), array, read_back); },
        [&] { return plain_write(comm, folder / "plain.h5", slab); });
    if (comm.is_root())
      print_row(fmt::format("HDF5 store, 10^7 doubles, {}", read_back ? "read back" : "not read back"),
                pair.ratio, read_back ? 3 : 2, "x one collective write",
                fmt::format("{:.3g} ms, H5Dwrite {:.3g} ms", pair.ours * 1e3, pair.baseline * 1e3));
  }
  comm.barrier();
  return 0;
}
