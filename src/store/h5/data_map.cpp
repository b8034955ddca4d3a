// SPDX-License-Identifier: BSD-3-Clause
// Asks HDF5 where values lie in a file, and reads and writes them there by plain file calls.
#include "store/h5/data_map.hpp"

#include <mpipe/core/error.hpp>

#include <fmt/format.h>

#include <algorithm>
#include <cstring>

namespace mpipe {
namespace {

constexpr std::size_t kScratchBytes = std::size_t{1} << 20;
/// To pass over so many bytes costs less than another call.
constexpr std::uint64_t kMostGap = 2048;

[[noreturn]] void throw_bad_map(const char* what) {
  throw Error(
      Category::storage_failed,
      fmt::format("a dataset of the results {} (the file is damaged, or was not made by mpipe).", what));
}

/// A range in element order that also is contiguous in the file.
bool is_linear(const DataMap& map, const ElementOrder& order) {
  return map.contiguous() && order.in_file_order();
}

FileSpan linear_run(const DataMap& map, IndexRange values) {
  FileSpan run{0, values.begin, 1, values.size(), !map.chunks.empty()};
  if (run.allocated)
    run.address = map.chunks[0].address + static_cast<std::uint64_t>(values.begin) * map.value_bytes;
  return run;
}

/// Steps through the indices of a box in C order, all axes but the last; false after the last one.
bool next_row(MultiIndex& index, const MultiIndex& begin, const MultiIndex& end) {
  for (std::size_t axis = index.size() - 1; axis-- > 0;) {
    if (++index[axis] < end[axis]) return true;
    index[axis] = begin[axis];
  }
  return false;
}

/// The part of a box that lies in one chunk, row by row.
void visit_rows(const DataMap& map, const ElementOrder& order, const MultiIndex& origin,
                const MultiIndex& begin, const MultiIndex& end, std::optional<std::uint64_t> address,
                const std::function<void(const FileSpan&)>& visit) {
  const std::size_t rank = begin.size();
  const Strides in_chunk = c_strides(map.chunk);
  const Strides& in_memory = order.element_strides();
  MultiIndex index = begin;
  do {
    Index offset = 0;
    Index memory = 0;
    for (std::size_t axis = 0; axis < rank; ++axis) {
      offset += (index[axis] - origin[axis]) * in_chunk[axis];
      memory += index[axis] * in_memory[axis];
    }
    visit({address.value_or(0) + static_cast<std::uint64_t>(offset) * map.value_bytes, memory,
           in_memory[rank - 1], end[rank - 1] - begin[rank - 1], address.has_value()});
  } while (next_row(index, begin, end));
}

void visit_box(const DataMap& map, const ElementOrder& order, const OrderedBox& box,
               const std::function<void(const FileSpan&)>& visit) {
  const std::size_t rank = map.shape.size();
  const Shape grid = map.grid();
  MultiIndex first(rank);
  MultiIndex last(rank);  // one past the last chunk
  for (std::size_t axis = 0; axis < rank; ++axis) {
    first[axis] = box.begin[axis] / map.chunk[axis];
    last[axis] = (box.begin[axis] + box.extent[axis] - 1) / map.chunk[axis] + 1;
  }
  MultiIndex at = first;
  bool more = true;
  while (more) {
    MultiIndex origin(rank);
    MultiIndex begin(rank);
    MultiIndex end(rank);
    for (std::size_t axis = 0; axis < rank; ++axis) {
      origin[axis] = at[axis] * map.chunk[axis];
      begin[axis] = std::max(box.begin[axis], origin[axis]);
      end[axis] = std::min(box.begin[axis] + box.extent[axis], origin[axis] + map.chunk[axis]);
    }
    visit_rows(map, order, origin, begin, end, map.address(linear_index(at, grid)), visit);
    more = ++at[rank - 1] < last[rank - 1];
    if (!more) {
      at[rank - 1] = first[rank - 1];
      more = next_row(at, first, last);
    }
  }
}

/// Copies between a run's values in element order and their order in the file.
template <std::size_t Size, bool ToFile>
void copy_strided(std::byte* file, std::byte* memory, Index stride, Index count) {
  for (Index k = 0; k < count; ++k) {
    std::byte* value = memory + static_cast<std::size_t>(k * stride) * Size;
    if constexpr (ToFile)
      std::memcpy(file + static_cast<std::size_t>(k) * Size, value, Size);
    else
      std::memcpy(value, file + static_cast<std::size_t>(k) * Size, Size);
  }
}

template <bool ToFile>
void copy_run(std::size_t value_bytes, std::byte* file, std::byte* memory, Index stride, Index count) {
  const std::size_t bytes = static_cast<std::size_t>(count) * value_bytes;
  if (stride == 1)
    return ToFile ? void(std::memcpy(file, memory, bytes)) : void(std::memcpy(memory, file, bytes));
  switch (value_bytes) {
    case 1:
      return copy_strided<1, ToFile>(file, memory, stride, count);
    case 2:
      return copy_strided<2, ToFile>(file, memory, stride, count);
    case 4:
      return copy_strided<4, ToFile>(file, memory, stride, count);
    case 8:
      return copy_strided<8, ToFile>(file, memory, stride, count);
    case 16:
      return copy_strided<16, ToFile>(file, memory, stride, count);
    default:
      throw Bug("values have 1, 2, 4, 8 or 16 bytes");
  }
}

/// Gathers runs that are neighbours in the file, or near ones, so that each stretch of the file costs one call.
class Stretch {
 public:
  /// `most_gap`: bytes that may lie between two runs.
  Stretch(std::vector<std::byte>& scratch, std::size_t value_bytes, std::uint64_t most_gap)
      : scratch_(scratch), value_bytes_(value_bytes), most_gap_(most_gap) {
    scratch_.resize(std::max(scratch_.size(), kScratchBytes));
  }

  bool takes(const FileSpan& run) const {
    if (runs_.empty()) return size_of(run) <= scratch_.size();
    const std::uint64_t end = address_ + bytes_;
    return run.address >= end && run.address - end <= most_gap_ &&
           run.address + size_of(run) - address_ <= scratch_.size();
  }
  void add(const FileSpan& run) {
    if (runs_.empty()) address_ = run.address;
    has_gaps_ = has_gaps_ || run.address != address_ + bytes_;
    runs_.push_back(run);
    bytes_ = static_cast<std::size_t>(run.address - address_) + size_of(run);
  }
  void clear() {
    runs_.clear();
    bytes_ = 0;
    has_gaps_ = false;
  }
  bool empty() const { return runs_.empty(); }
  bool has_gaps() const { return has_gaps_; }
  std::uint64_t address() const { return address_; }
  std::span<std::byte> bytes() { return std::span(scratch_).first(bytes_); }

  template <bool ToFile>
  void copy(std::byte* memory, Index first) {
    for (const FileSpan& run : runs_)
      copy_run<ToFile>(value_bytes_, scratch_.data() + (run.address - address_),
                       memory + static_cast<std::size_t>(run.memory - first) * value_bytes_, run.stride,
                       run.count);
  }

 private:
  std::size_t size_of(const FileSpan& run) const {
    return static_cast<std::size_t>(run.count) * value_bytes_;
  }

  std::vector<std::byte>& scratch_;
  std::size_t value_bytes_;
  std::uint64_t most_gap_;
  std::vector<FileSpan> runs_;
  std::uint64_t address_ = 0;
  std::size_t bytes_ = 0;
  bool has_gaps_ = false;
};

/// Whether a run is transferred from or to where it is, instead of being gathered with its neighbours.
bool is_worth_a_call(const FileSpan& run, IndexRange values, std::size_t bytes) {
  return run.stride == 1 && (bytes >= kScratchBytes / 16 || run.count == values.size());
}

/// Cuts runs that are longer than the scratch memory, where they cannot be transferred directly.
template <class Visit>
void in_pieces(const FileSpan& run, std::size_t value_bytes, const Visit& visit) {
  const auto limit = static_cast<Index>(kScratchBytes / value_bytes);
  for (Index done = 0; done < run.count; done += limit)
    visit(FileSpan{run.address + static_cast<std::uint64_t>(done) * value_bytes,
                   run.memory + done * run.stride, run.stride, std::min(limit, run.count - done),
                   run.allocated});
}

}  // namespace

Shape DataMap::grid() const {
  Shape counts(shape.size());
  for (std::size_t axis = 0; axis < shape.size(); ++axis)
    counts[axis] = shape[axis] == 0 ? 0 : (shape[axis] - 1) / chunk[axis] + 1;
  return counts;
}

std::optional<std::uint64_t> DataMap::address(Index chunk_number) const {
  const auto at =
      std::lower_bound(chunks.begin(), chunks.end(), chunk_number,
                       [](const Chunk& chunk_at, Index number) { return chunk_at.number < number; });
  if (at == chunks.end() || at->number != chunk_number) return std::nullopt;
  return at->address;
}

namespace {

void add_chunk(DataMap& map, const Shape& grid, const std::vector<hsize_t>& offset, haddr_t address,
               hsize_t size) {
  MultiIndex at(map.shape.size());
  for (std::size_t axis = 0; axis < at.size(); ++axis) {
    at[axis] = static_cast<Index>(offset[axis]) / map.chunk[axis];
    if (offset[axis] >= static_cast<hsize_t>(map.shape[axis])) throw_bad_map("has a chunk outside of it");
  }
  if (size != map.chunk_bytes()) throw_bad_map("has chunks of unequal size");
  map.chunks.push_back({linear_index(at, grid), address});
}

/// Asks for each place of the grid whether there is a chunk.
void look_up_chunks(hid_t dataset, DataMap& map, const Shape& grid) {
  std::vector<hsize_t> offset(grid.size());
  const Index places = element_count(grid);
  for (Index k = 0; k < places; ++k) {
    const MultiIndex at = multi_index(k, grid);
    for (std::size_t axis = 0; axis < at.size(); ++axis)
      offset[axis] = static_cast<hsize_t>(at[axis] * map.chunk[axis]);
    unsigned filters = 0;
    haddr_t address = HADDR_UNDEF;
    hsize_t size = 0;
    h5_check(H5Dget_chunk_info_by_coord(dataset, offset.data(), &filters, &address, &size), "find a chunk");
    if (address != HADDR_UNDEF) add_chunk(map, grid, offset, address, size);
  }
}

/// Asks for the first, second, .. chunk; HDF5 counts from the first each time.
void enumerate_chunks(hid_t dataset, hid_t space, hsize_t count, DataMap& map, const Shape& grid) {
  std::vector<hsize_t> offset(grid.size());
  for (hsize_t k = 0; k < count; ++k) {
    unsigned filters = 0;
    haddr_t address = HADDR_UNDEF;
    hsize_t size = 0;
    h5_check(H5Dget_chunk_info(dataset, space, k, offset.data(), &filters, &address, &size), "find a chunk");
    add_chunk(map, grid, offset, address, size);
  }
}

void read_chunk_addresses(hid_t dataset, DataMap& map) {
  constexpr hsize_t kMaxEnumerated = 100'000;
  const H5Handle space{H5Dget_space(dataset), &H5Sclose, "read the shape of a dataset"};
  hsize_t count = 0;
  h5_check(H5Dget_num_chunks(dataset, space.get(), &count), "count the chunks of a dataset");
  const Shape grid = map.grid();
  const auto places = static_cast<hsize_t>(element_count(grid));
  if (count > places) throw_bad_map("has more chunks than fit into it");
  // Asking by place costs a look-up for each place of the grid, and counting costs the square of the number
  // of chunks. So a dataset that is filled for an eighth or more is asked by place.
  if (places / 8 <= count)
    look_up_chunks(dataset, map, grid);
  else if (count <= kMaxEnumerated)
    enumerate_chunks(dataset, space.get(), count, map, grid);
  else
    throw_bad_map("has more chunks than mpipe makes");
  std::sort(map.chunks.begin(), map.chunks.end(),
            [](const DataMap::Chunk& a, const DataMap::Chunk& b) { return a.number < b.number; });
}

void read_layout(hid_t dataset, DataMap& map) {
  const H5Handle list{H5Dget_create_plist(dataset), &H5Pclose, "read how a dataset is laid out"};
  const H5D_layout_t layout = H5Pget_layout(list.get());
  if (H5Pget_nfilters(list.get()) != 0 || (layout != H5D_CONTIGUOUS && layout != H5D_CHUNKED))
    throw_bad_map("is compressed, compact or virtual");
  if (layout == H5D_CONTIGUOUS) {
    if (H5Pget_external_count(list.get()) != 0) throw_bad_map("lies in another file");
    map.chunk = map.shape;
    const haddr_t address = H5Dget_offset(dataset);
    if (address != HADDR_UNDEF && element_count(map.shape) != 0) map.chunks.push_back({0, address});
    return;
  }
  std::vector<hsize_t> extents(map.shape.size());
  h5_check(H5Pget_chunk(list.get(), static_cast<int>(extents.size()), extents.data()),
           "read the shape of chunks");
  map.chunk.assign(extents.begin(), extents.end());
  if (std::find(map.chunk.begin(), map.chunk.end(), 0) != map.chunk.end()) throw_bad_map("has empty chunks");
  read_chunk_addresses(dataset, map);
}

}  // namespace

DataMap read_data_map(hid_t dataset, std::size_t value_bytes, std::uint64_t file_size) {
  DataMap map;
  map.value_bytes = value_bytes;
  map.shape = h5_shape_of(dataset);
  read_layout(dataset, map);
  if (element_count(map.chunk) > static_cast<Index>(file_size / value_bytes) && !map.chunks.empty())
    throw_bad_map("is longer than its file");
  // Addresses are checked against the length of the file once, here: later writes go there without asking
  // HDF5, and would destroy other parts of the file or lengthen it.
  for (const DataMap::Chunk& chunk : map.chunks)
    if (chunk.address > file_size || map.chunk_bytes() > file_size - chunk.address)
      throw_bad_map("ends beyond its file");
  return map;
}

void pack(ByteWriter& packer, const DataMap& map) {
  packer.put<std::uint64_t>(map.value_bytes);
  packer.put_list(map.shape);
  packer.put_list(map.chunk);
  packer.put_list(map.chunks);
}

DataMap unpack_data_map(ByteReader& unpacker) {
  DataMap map;
  map.value_bytes = static_cast<std::size_t>(unpacker.get<std::uint64_t>());
  map.shape = unpacker.get_list<Index>();
  map.chunk = unpacker.get_list<Index>();
  map.chunks = unpacker.get_list<DataMap::Chunk>();
  return map;
}

void for_each_span(const DataMap& map, const ElementOrder& order, IndexRange values,
                   const std::function<void(const FileSpan&)>& visit) {
  if (values.empty()) return;
  if (is_linear(map, order)) return visit(linear_run(map, values));
  order.for_each_box(values, [&](const OrderedBox& box) { visit_box(map, order, box, visit); });
}

RangeSet allocated_values(const DataMap& map, const ElementOrder& order, IndexRange values) {
  if (map.contiguous()) return RangeSet{values};
  std::vector<IndexRange> found;
  for_each_span(map, order, values, [&](const FileSpan& run) {
    if (!run.allocated) return;
    if (run.stride == 1) return found.push_back({run.memory, run.memory + run.count});
    for (Index k = 0; k < run.count; ++k)
      found.push_back({run.memory + k * run.stride, run.memory + k * run.stride + 1});
  });
  return RangeSet::of(std::move(found));
}

namespace {

/// Walks over a range: runs that are worth it go straight between file and memory (`direct`), others are
/// gathered in a stretch that `exchange` moves, and `absent` gets what has no room in the file.
template <class Direct, class Exchange, class Absent>
void walk(Stretch& stretch, const DataMap& map, const ElementOrder& order, IndexRange values,
          const Direct& direct, const Exchange& exchange, const Absent& absent) {
  const auto flush = [&] {
    if (stretch.empty()) return;
    exchange();
    stretch.clear();
  };
  for_each_span(map, order, values, [&](const FileSpan& run) {
    if (!run.allocated) return absent(run);
    const std::size_t bytes = static_cast<std::size_t>(run.count) * map.value_bytes;
    if (is_worth_a_call(run, values, bytes)) {
      flush();
      return direct(run, bytes);
    }
    in_pieces(run, map.value_bytes, [&](const FileSpan& piece) {
      if (!stretch.takes(piece)) flush();
      stretch.add(piece);
    });
  });
  flush();
}

}  // namespace

void ValueAccess::write(File& file, const DataMap& map, const ElementOrder& order, IndexRange values,
                        const std::byte* data, Room room, Others others) {
  // Only read from, although the copies below go both ways.
  auto* memory = const_cast<std::byte*>(data);
  // Between chunks there may be anything; between the values of a contiguous dataset there are others of it.
  const bool bridges = others == Others::keep_away && map.contiguous();
  Stretch stretch(scratch_, map.value_bytes, bridges ? kMostGap : 0);
  walk(
      stretch, map, order, values,
      [&](const FileSpan& run, std::size_t bytes) {
        const auto first = static_cast<std::size_t>(run.memory - values.begin) * map.value_bytes;
        file.write_at(run.address, {data + first, bytes});
      },
      [&] {
        if (stretch.has_gaps()) file.read_at(stretch.address(), stretch.bytes());
        stretch.copy<true>(memory, values.begin);
        file.write_at(stretch.address(), stretch.bytes());
      },
      [&](const FileSpan&) {
        if (room != Room::where_reserved) throw Bug("values are written where no room was reserved for them");
      });
}

void ValueAccess::read(const File& file, const DataMap& map, const ElementOrder& order, IndexRange values,
                       std::byte* data, const std::byte* fill) {
  Stretch stretch(scratch_, map.value_bytes, kMostGap);
  const auto place_of = [&](const FileSpan& run) {
    return data + static_cast<std::size_t>(run.memory - values.begin) * map.value_bytes;
  };
  walk(
      stretch, map, order, values,
      [&](const FileSpan& run, std::size_t bytes) {
        file.read_at(run.address, {place_of(run), bytes});
      },
      [&] {
        file.read_at(stretch.address(), stretch.bytes());
        stretch.copy<false>(data, values.begin);
      },
      [&](const FileSpan& run) {
        std::byte* to = place_of(run);
        if (fill == nullptr && run.stride == 1) {
          std::memset(to, 0, static_cast<std::size_t>(run.count) * map.value_bytes);
          return;
        }
        for (Index k = 0; k < run.count; ++k, to += static_cast<std::size_t>(run.stride) * map.value_bytes)
          fill == nullptr ? void(std::memset(to, 0, map.value_bytes))
                          : void(std::memcpy(to, fill, map.value_bytes));
      });
}

}  // namespace mpipe
