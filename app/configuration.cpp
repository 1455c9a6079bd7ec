#include "configuration.hpp"

#include "../actors/consumer/consumer.hpp"
#include "../actors/group/consumer_group.hpp"
#include "../actors/group/handler_messages.hpp"
#include "../actors/interfaces.hpp"
#include "../actors/producer/producer.hpp"
#include "../actors/type_ids.hpp"
#include "../supervision/supervisor.hpp"
#include "application_messages.hpp"

#include <caf/config_value.hpp>
#include <caf/init_global_meta_objects.hpp>

#include <algorithm>
#include <array>
#include <string_view>

namespace cafka {

namespace {

bool names_a_secret(std::string_view key) {
  constexpr std::array<std::string_view, 4> endings{
    "password", "passphrase", "secret", "token"};
  return std::ranges::any_of(endings, [&](auto ending) { return key.ends_with(ending); });
}

void redact(caf::settings& block);

void redact(caf::config_value& value) {
  if (auto* inner = caf::get_if<caf::settings>(&value)) {
    redact(*inner);
  } else if (auto* list = caf::get_if<caf::config_value::list>(&value)) {
    for (auto& each : *list)
      redact(each);
  }
}

void redact(caf::settings& block) {
  for (auto& [key, value] : block) {
    if (!names_a_secret(key))
      redact(value);
    else if (const auto* text = caf::get_if<std::string>(&value);
             text == nullptr || !text->empty())
      value = caf::config_value{"<redacted>"};
  }
}

} // namespace

void init_global_meta_objects() {
  caf::core::init_global_meta_objects();
  caf::init_global_meta_objects<caf::id_block::cafka>();
  caf::init_global_meta_objects<caf::id_block::cafka_operations>();
  caf::init_global_meta_objects<caf::id_block::cafka_producer>();
  caf::init_global_meta_objects<caf::id_block::cafka_consumer>();
  caf::init_global_meta_objects<caf::id_block::cafka_group>();
  caf::init_global_meta_objects<caf::id_block::cafka_supervision>();
  caf::init_global_meta_objects<caf::id_block::cafka_application>();
}

caf::settings redacted(caf::settings content) {
  redact(content);
  return content;
}

caf::settings configuration::dump_content() const {
  return redacted(actor_system_config::dump_content());
}

configuration::configuration() {
  init_global_meta_objects();
  set("caf.scheduler.policy", "sharing");
}

} // namespace cafka
