#include "printer.hpp"

namespace cafka::protocol {

void printer::next(std::string_view name) {
  if (!first_)
    out_ += ", ";
  first_ = false;
  out_ += name;
  out_ += ": ";
}

void printer::text(std::string_view text) {
  constexpr std::string_view digits = "0123456789abcdef";
  out_ += '"';
  for (const char c : text) {
    const auto byte = static_cast<unsigned char>(c);
    if (c == '"' || c == '\\') {
      out_ += '\\';
      out_ += c;
    } else if (byte < 0x20 || byte == 0x7F) {
      out_ += "\\x";
      out_ += digits[byte >> 4];
      out_ += digits[byte & 0x0F];
    } else {
      out_ += c;
    }
  }
  out_ += '"';
}

void printer::bytes(const shared_bytes& bytes) {
  out_ += '<' + std::to_string(bytes.size()) + " bytes>";
}

} // namespace cafka::protocol
