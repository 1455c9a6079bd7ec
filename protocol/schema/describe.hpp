#pragma once

#include "codec.hpp"
#include "decoder.hpp"
#include "encoder.hpp"
#include "printer.hpp"
#include "random.hpp"
#include "schema_dump.hpp"

// For the sources that describe messages: what turns a description into code.
namespace cafka::protocol {

/// A `T`, const or not: what a description of `T` visits.
template <class M, class T>
concept of = std::same_as<std::remove_const_t<M>, T>;

template <class M>
void encode(writer& out, const M& message, std::int16_t version) {
  encoder{out, version, version >= M::flexible_since}.structure(message);
}

template <class M>
std::string_view decode(reader& in, M& message, std::int16_t version) {
  message = M{};
  decoder::context context{in, version, version >= M::flexible_since};
  decoder{context}.structure(message);
  return context.failed_field;
}

template <class M>
std::string print(const M& message) {
  std::string text{M::name};
  printer{text}.structure(message);
  return text;
}

template <class M>
std::string schema_dump() {
  std::string text;
  const M initial{};
  for (auto version = M::versions.min; version <= M::versions.max; ++version) {
    text += std::string{M::name} + '\t' + std::to_string(version) + "\t\t"
      + (version >= M::flexible_since ? "flexible\n" : "-\n");
    schema_dumper dumper{text, M::name, version};
    describe(dumper, initial);
  }
  return text;
}

template <class M>
M random_message(random_source& source, std::int16_t version) {
  M message;
  randomizer{source, version}.structure(message);
  return message;
}

} // namespace cafka::protocol

/// Compiles all that can be done with a message; stands below its description, in
/// `cafka::protocol`.
#define CAFKA_COMPILE_MESSAGE(M)                                                         \
  template void encode(writer&, const M&, std::int16_t);                                 \
  template std::string_view decode(reader&, M&, std::int16_t);                           \
  template std::string print(const M&);                                                  \
  template std::string schema_dump<M>();                                                 \
  template M random_message(random_source&, std::int16_t)
