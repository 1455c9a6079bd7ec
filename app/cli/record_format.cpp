#include "record_format.hpp"

#include "text.hpp"

#include <spdlog/fmt/fmt.h>

namespace cafka::cli {

namespace {

using optional_bytes = std::optional<protocol::byte_view>;

constexpr std::string_view null_text = "NULL";

std::int64_t length_of(const optional_bytes& bytes) {
  return bytes ? static_cast<std::int64_t>(bytes->size()) : -1;
}

void append_binary(std::string& to, std::int64_t length) {
  const auto bits = static_cast<std::uint32_t>(length);
  for (const auto shift : {24u, 16u, 8u, 0u})
    to += static_cast<char>(bits >> shift & 0xff);
}

void append_headers(std::string& to, const protocol::header_range& headers) {
  bool first = true;
  for (const auto& h : headers) {
    if (!first)
      to += ',';
    first = false;
    to += h.key;
    to += '=';
    to += h.value ? protocol::as_text(*h.value) : null_text;
  }
}

} // namespace

std::optional<record_format::field> record_format::field_of(char letter) {
  switch (letter) {
  case 's': return field::value;
  case 'S': return field::value_length;
  case 'R': return field::value_length_binary;
  case 'k': return field::key;
  case 'K': return field::key_length;
  case 'T': return field::time;
  case 'h': return field::headers;
  case 't': return field::topic;
  case 'p': return field::partition;
  case 'o': return field::offset;
  default: return std::nullopt;
  }
}

result<record_format> record_format::parse(std::string_view text) {
  record_format result;
  std::size_t at = 0;
  while (at < text.size()) {
    const auto percent = std::min(text.find('%', at), text.size());
    if (percent > at) {
      const auto plain = unescaped(text.substr(at, percent - at));
      if (!plain)
        return error{error_code::invalid_argument,
          fmt::format(
            "in \"{}\" from character {} on, {}", text, at + 1, plain.error().detail)};
      result.pieces_.emplace_back(*plain);
    }
    if (percent == text.size())
      break;
    const auto letter = percent + 1 < text.size() ? text[percent + 1] : '\0';
    if (letter == '%')
      result.pieces_.emplace_back("%");
    else if (const auto known = field_of(letter))
      result.pieces_.emplace_back(*known);
    else
      return error{error_code::invalid_argument,
        fmt::format("character {} of \"{}\" begins none of %s %S %R %k %K %T %h %t %p %o "
                    "%%",
          percent + 1, text)};
    at = percent + 2;
  }
  return result;
}

void record_format::append(std::string& to, const std::string& topic,
  partition_id partition, const protocol::record_view& record) const {
  const auto append_bytes = [&](const optional_bytes& bytes) {
    if (bytes)
      to += protocol::as_text(*bytes);
    else if (names_nulls_)
      to += null_text;
  };
  for (const auto& piece : pieces_) {
    if (const auto* text = std::get_if<std::string>(&piece)) {
      to += *text;
      continue;
    }
    switch (std::get<field>(piece)) {
    case field::value: append_bytes(record.value); break;
    case field::value_length: to += std::to_string(length_of(record.value)); break;
    case field::value_length_binary: append_binary(to, length_of(record.value)); break;
    case field::key: append_bytes(record.key); break;
    case field::key_length: to += std::to_string(length_of(record.key)); break;
    case field::time: to += std::to_string(record.time.time_since_epoch().count()); break;
    case field::headers: append_headers(to, record.headers); break;
    case field::topic: to += topic; break;
    case field::partition: to += std::to_string(partition.value()); break;
    case field::offset: to += std::to_string(record.offset.value()); break;
    }
  }
}

} // namespace cafka::cli
