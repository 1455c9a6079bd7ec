#include "gssapi.hpp"

#include <string>

namespace cafka::protocol::sasl {

namespace {

/// Of the layers in the broker's offer: none. RFC 4752, 3.3.
constexpr unsigned char no_layer = 0x01;
/// A byte of layers, and three of the largest message that the broker takes.
constexpr std::size_t offer_size = 4;

} // namespace

error gssapi_exchange::check(const kerberos_login& who) {
  if (who.context == nullptr)
    return {error_code::invalid_argument, "there is no Kerberos ticket for GSSAPI"};
  return {};
}

result<secret> gssapi_exchange::taken(result<security_context::step> step) {
  if (!step)
    return step.error();
  if (step->established)
    phase_ = phase::layers;
  return std::move(step->token);
}

result<secret> gssapi_exchange::first() {
  return taken(who_.context->begin());
}

result<secret> gssapi_exchange::choose_layer(std::string_view offer) {
  const auto plain = who_.context->unwrap(offer);
  if (!plain)
    return plain.error();
  const auto text = plain->reveal();
  if (text.size() != offer_size)
    return {error_code::malformed_response,
      "GSSAPI: the broker's offer of layers has " + std::to_string(text.size())
        + " bytes, not 4"};
  if ((static_cast<unsigned char>(text.front()) & no_layer) == 0)
    return {error_code::malformed_response,
      "GSSAPI: the broker insists on a security layer, which Kafka does not have"};
  // No layer, no message behind this one, and no other identity than the ticket's.
  constexpr char chosen[offer_size] = {no_layer, 0, 0, 0};
  return who_.context->wrap({chosen, offer_size});
}

result<std::optional<secret>> gssapi_exchange::next(std::string_view answer) {
  if (phase_ == phase::verdict)
    return std::optional<secret>{};
  auto reply = result<secret>{};
  if (phase_ == phase::context) {
    reply = taken(who_.context->next(answer));
  } else {
    reply = choose_layer(answer);
    phase_ = phase::verdict;
  }
  if (!reply)
    return reply.error();
  return std::optional{*std::move(reply)};
}

} // namespace cafka::protocol::sasl
