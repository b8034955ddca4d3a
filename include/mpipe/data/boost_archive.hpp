// SPDX-License-Identifier: BSD-3-Clause
/// @file
/// `MPIPE_BOOST_ARCHIVE`: objects as archives of Boost, which also follow pointers and know derived classes.
#pragma once

#include <mpipe/data/codec.hpp>

#include <boost/archive/binary_iarchive.hpp>
#include <boost/archive/binary_oarchive.hpp>

#include <sstream>

namespace mpipe::detail {

template <class T>
struct BoostArchiveCodec {
  static constexpr unsigned kFlags = boost::archive::no_header | boost::archive::no_codecvt;

  static void write(const T& value, Bytes& out) {
    std::ostringstream stream;
    boost::archive::binary_oarchive(stream, kFlags) << value;
    const std::string text = std::move(stream).str();
    append(out, text.data(), text.size());
  }
  static void read(T& value, ByteReader& reader) {
    const auto bytes = reader.take_rest();
    std::istringstream stream(std::string(reinterpret_cast<const char*>(bytes.data()), bytes.size()));
    try {
      boost::archive::binary_iarchive(stream, kFlags) >> value;
    } catch (const boost::archive::archive_exception& error) {
      reader.fail(error.what());
    }
    if (stream.peek() != std::istringstream::traits_type::eof()) reader.fail("bytes are left over");
  }
};

}  // namespace mpipe::detail

/// At namespace scope, behind the definition of a class with `serialize`: its objects may have pointers.
#define MPIPE_BOOST_ARCHIVE(Type) \
  template <>                     \
  struct mpipe::ObjectCodec<Type> : mpipe::detail::BoostArchiveCodec<Type> {};
