#include <cafka/actors/consumer.hpp>
#include <cafka/actors/interfaces.hpp>
#include <cafka/actors/producer.hpp>
#include <cafka/actors/type_ids.hpp>
#include <cafka/app/configuration.hpp>
#include <cafka/supervision/supervisor.hpp>

#include <caf/init_global_meta_objects.hpp>

namespace cafka {

void init_global_meta_objects() {
  caf::core::init_global_meta_objects();
  caf::init_global_meta_objects<caf::id_block::cafka>();
  caf::init_global_meta_objects<caf::id_block::cafka_producer>();
  caf::init_global_meta_objects<caf::id_block::cafka_consumer>();
  caf::init_global_meta_objects<caf::id_block::cafka_supervision>();
}

configuration::configuration() {
  init_global_meta_objects();
  set("caf.scheduler.policy", "sharing");
}

} // namespace cafka
