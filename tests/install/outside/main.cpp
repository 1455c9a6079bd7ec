// Uses the installed rooms, so that each library and what it stands on gets linked.
#include <cafka/app/application.hpp>
#include <cafka/app/configuration.hpp>
#include <cafka/protocol/records/compression.hpp>

#include <caf/actor_system.hpp>
#include <caf/actor_system_config.hpp>

#include <algorithm>
#include <iostream>
#include <span>
#include <string>

using namespace std::chrono_literals;

namespace {

bool every_codec_comes_back() {
  using cafka::protocol::codec;
  const std::string text(10'000, 'x');
  const auto in = std::as_bytes(std::span{text});
  for (auto c : {codec::none, codec::gzip, codec::snappy, codec::lz4, codec::zstd}) {
    cafka::protocol::byte_arena packed;
    if (!cafka::protocol::compress(c, in, packed))
      return false;
    auto out = cafka::protocol::decompress(c, packed.view(), text.size());
    if (!out || !std::ranges::equal(out->view(), in)) {
      std::cerr << "outside: " << cafka::protocol::to_string(c) << " lost something\n";
      return false;
    }
  }
  return true;
}

// Nobody listens on port 1: the worker goes out to its socket and comes back with that.
bool a_worker_finds_no_broker() {
  caf::actor_system_config config;
  caf::actor_system system{config};
  auto app = cafka::application::start(
    system, {.brokers = "127.0.0.1:1", .disable_default_worker = true});
  if (!app) {
    std::cerr << "outside: " << to_string(app.error()) << '\n';
    return false;
  }
  const auto worker = (*app)->create_worker("outside", {}, 2s);
  const auto stopped = (*app)->stop();
  std::cout << "outside: " << to_string(worker.error()) << '\n';
  return worker.error().code == cafka::protocol::error_code::disconnected && stopped;
}

} // namespace

int main() {
  cafka::init_global_meta_objects();
  if (!every_codec_comes_back() || !a_worker_finds_no_broker())
    return 1;
  std::cout << "outside: every room is linked\n";
}
