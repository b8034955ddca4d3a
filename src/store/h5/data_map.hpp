// SPDX-License-Identifier: BSD-3-Clause
/// @file
/// Where the values of a dataset lie in its file. The metadata of a run's files never changes while the run
/// goes on, so that these addresses, asked of HDF5 once, are all that is needed to read and write values
/// independently: no locks, no caches, no library state that a crash could leave half-way, and a full disk
/// shows in the call that hit it.
#pragma once

#include <mpipe/base/bytes.hpp>

#include "base/api/file.hpp"
#include "store/h5/h5.hpp"
#include "store/output/element_order.hpp"

namespace mpipe {

/// A dataset, contiguous or chunked (not compressed).
struct DataMap {
  struct Chunk {
    Index number = 0;  ///< C order over the grid of chunks
    std::uint64_t address = 0;
  };

  std::size_t value_bytes = 0;
  Shape shape;
  Shape chunk;                ///< extents of a chunk; `shape` when contiguous
  std::vector<Chunk> chunks;  ///< the allocated ones, ascending by number

  bool contiguous() const { return chunk == shape; }
  std::uint64_t chunk_bytes() const { return static_cast<std::uint64_t>(element_count(chunk)) * value_bytes; }
  /// Chunks along each axis.
  Shape grid() const;
  /// Where a chunk is, or nullopt when it is not allocated.
  std::optional<std::uint64_t> address(Index chunk_number) const;
};

/// Asks HDF5. Throws `Error` (storage_failed) when the dataset is laid out in another way, or when values
/// would lie beyond `file_size`.
DataMap read_data_map(hid_t dataset, std::size_t value_bytes, std::uint64_t file_size);

void pack(ByteWriter& packer, const DataMap& map);
DataMap unpack_data_map(ByteReader& unpacker);

/// Values that lie behind one another in the file.
struct FileSpan {
  std::uint64_t address = 0;
  Index memory = 0;  ///< number, in element order, of the first value
  Index stride = 1;  ///< distance in element order between neighbours
  Index count = 0;
  bool allocated = true;
};

/// Visits the runs that make up a range in element order; each value once.
void for_each_span(const DataMap& map, const ElementOrder& order, IndexRange values,
                   const std::function<void(const FileSpan&)>& visit);

/// The values of a range that may lie in the file: all of a contiguous dataset, those in allocated chunks of
/// others.
RangeSet allocated_values(const DataMap& map, const ElementOrder& order, IndexRange values);

/// Reads and writes values of one dataset; keeps its scratch memory, as fresh pages cost more than what is
/// done in them.
class ValueAccess {
 public:
  enum class Room {
    everywhere,      ///< a value without room is a `Bug`
    where_reserved,  ///< a value without room is left out
  };

  enum class Others {
    may_write,  ///< other values of the dataset, at the same time
    keep_away,  ///< nobody else writes to it: what lies between the values may be read and written again
  };

  /// Writes `values.size()` values in element order to where they belong.
  void write(File& file, const DataMap& map, const ElementOrder& order, IndexRange values,
             const std::byte* data, Room room = Room::everywhere, Others others = Others::may_write);
  /// Reads them. What is not allocated reads as `fill` (one value; zero bytes when null).
  void read(const File& file, const DataMap& map, const ElementOrder& order, IndexRange values,
            std::byte* data, const std::byte* fill);

 private:
  std::vector<std::byte> scratch_;
};

}  // namespace mpipe
