// SPDX-License-Identifier: BSD-3-Clause
// Reads attributes: texts of fixed and of any length, and numbers of any type.
#include "h5/api/h5_attribute.hpp"

#include "h5/api/h5_handle.hpp"

#include <cstring>

namespace mpipe {
namespace {

constexpr hssize_t kMostNumbers = 1000;
constexpr std::size_t kLongestText = 65536;

/// An attribute that is open, with what is known of its values.
struct Attribute {
  Attribute(hid_t object, const std::string& name)
      : id(H5Aopen(object, name.c_str(), H5P_DEFAULT), H5Aclose, "open the attribute '" + name + "'"),
        type(H5Aget_type(id), H5Tclose, "read the type of the attribute '" + name + "'"),
        space(H5Aget_space(id), H5Sclose, "read the shape of the attribute '" + name + "'"),
        count(H5Sget_simple_extent_npoints(space)) {}
  H5Handle id;
  H5Handle type;
  H5Handle space;
  hssize_t count;
};

bool has_attribute(hid_t object, const std::string& name) {
  return h5_check(H5Aexists(object, name.c_str()), "look for the attribute '" + name + "'") > 0;
}

std::string variable_text(const Attribute& attribute) {
  char* text = nullptr;
  h5_check(H5Aread(attribute.id, attribute.type, &text), "read an attribute");
  const std::string result = text == nullptr ? std::string() : std::string(text, strnlen(text, kLongestText));
  h5_check(H5Dvlen_reclaim(attribute.type, attribute.space, H5P_DEFAULT, &text),
           "free the text of an attribute");
  return result;
}

std::string fixed_text(const Attribute& attribute) {
  const std::size_t size = H5Tget_size(attribute.type);
  if (size > kLongestText) return {};
  std::string text(size, '\0');
  h5_check(H5Aread(attribute.id, attribute.type, text.data()), "read an attribute");
  text.resize(strnlen(text.data(), size));
  return text;
}

}  // namespace

std::string h5_read_text_attribute(hid_t object, const std::string& name) {
  if (!has_attribute(object, name)) return {};
  const Attribute attribute(object, name);
  if (H5Tget_class(attribute.type) != H5T_STRING || attribute.count != 1) return {};
  std::string text =
      H5Tis_variable_str(attribute.type) > 0 ? variable_text(attribute) : fixed_text(attribute);
  text.erase(text.find_last_not_of(' ') + 1);
  return text;
}

std::optional<NumberAttribute> h5_read_numbers_attribute(hid_t object, const std::string& name) {
  if (!has_attribute(object, name)) return {};
  const Attribute attribute(object, name);
  const H5T_class_t kind = H5Tget_class(attribute.type);
  NumberAttribute result;
  if ((kind != H5T_INTEGER && kind != H5T_FLOAT) || attribute.count > kMostNumbers) return result;
  result.floating = kind == H5T_FLOAT;
  result.numbers.resize(static_cast<std::size_t>(attribute.count));
  if (!result.numbers.empty())
    h5_check(H5Aread(attribute.id, H5T_NATIVE_LDOUBLE, result.numbers.data()), "read an attribute");
  return result;
}

}  // namespace mpipe
