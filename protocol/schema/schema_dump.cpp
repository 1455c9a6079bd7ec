#include "schema_dump.hpp"

namespace cafka::protocol {

std::string schema_dumper::number_name(bool is_signed, std::size_t size) {
  return (is_signed ? "int" : "uint") + std::to_string(size * 8);
}

void schema_dumper::line(std::string_view name, const std::string& type,
  const std::string& initial, const field_spec& spec) {
  const auto present = spec.versions.contains(version_);
  const auto column = [this](std::string_view text, char end = '\t') {
    out_ += text;
    out_ += end;
  };
  column(message_);
  column(std::to_string(version_));
  column(path_ + std::string{name});
  column(present ? "present" : "absent");
  column(type);
  column(spec.null_versions.contains(version_) ? "nullable" : "-");
  column(initial);
  column(spec.tag < 0 ? "-" : std::to_string(spec.tag));
  column(spec.ignorable ? "ignorable" : "-", '\n');
}

void schema_dumper::mismatch(std::string_view name) {
  out_ += std::string{message_} + '\t' + std::to_string(version_) + '\t' + path_
    + std::string{name} + "\tinitialiser differs from default\n";
}

} // namespace cafka::protocol
