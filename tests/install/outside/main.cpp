// Uses each installed room, so that each library and what it stands on gets linked.
#include <cafka/protocol/records/compression.hpp>
#include <cafka/supervision/caf_compat.hpp>
#include <cafka/supervision/supervisor.hpp>

#include <caf/actor_system.hpp>
#include <caf/actor_system_config.hpp>
#include <caf/event_based_actor.hpp>
#include <caf/init_global_meta_objects.hpp>
#include <caf/scoped_actor.hpp>

#include <algorithm>
#include <chrono>
#include <iostream>
#include <span>
#include <string>

using namespace cafka;
using namespace std::chrono_literals;

namespace {

bool every_codec_comes_back() {
  using protocol::codec;
  const std::string text(10'000, 'x');
  const auto in = std::as_bytes(std::span{text});
  for (auto c : {codec::none, codec::gzip, codec::snappy, codec::lz4, codec::zstd}) {
    protocol::byte_arena packed;
    if (!protocol::compress(c, in, packed)) {
      return false;
    }
    auto out = protocol::decompress(c, packed.view(), text.size());
    if (!out || !std::ranges::equal(out->view(), in)) {
      std::cerr << "outside: " << protocol::to_string(c) << " lost something\n";
      return false;
    }
  }
  return true;
}

bool a_child_runs() {
  caf::actor_system_config config;
  caf::actor_system system{config};
  auto supervisor = supervision::spawn_supervisor(system, {.name = "outside"});
  supervision::child_spec child;
  child.id = "child";
  child.start = [](caf::actor_system& sys) -> supervision::start_result {
    auto idle = [](caf::event_based_actor*) -> caf::behavior { return {[](int) {}}; };
    return caf::actor_cast<caf::strong_actor_ptr>(sys.spawn(idle));
  };
  bool ran = false;
  caf::scoped_actor self{system};
  ask(self, supervisor, 30s, supervision::start_child{std::move(child)})
    .receive([&](caf::strong_actor_ptr& started) { ran = started != nullptr; },
      [](caf::error& error) { std::cerr << to_string(error) << '\n'; });
  ask(self, supervisor, 30s, supervision::stop{})
    .receive([] {}, [](caf::error& error) { std::cerr << to_string(error) << '\n'; });
  return ran;
}

} // namespace

int main() {
  caf::init_global_meta_objects<caf::id_block::cafka_supervision>();
  caf::core::init_global_meta_objects();
  if (!every_codec_comes_back() || !a_child_runs()) {
    return 1;
  }
  std::cout << "outside: a child ran under an installed supervisor\n";
}
