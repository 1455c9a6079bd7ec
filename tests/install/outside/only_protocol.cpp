// Uses cafka::protocol, and what its codecs stand on.
#include <cafka/protocol/records/compression.hpp>

#include <algorithm>
#include <iostream>
#include <span>
#include <string>

int main() {
  using cafka::protocol::codec;
  const std::string text(10'000, 'x');
  const auto in = std::as_bytes(std::span{text});
  for (auto c : {codec::none, codec::gzip, codec::snappy, codec::lz4, codec::zstd}) {
    cafka::protocol::byte_arena packed;
    if (!cafka::protocol::compress(c, in, packed))
      return 1;
    auto out = cafka::protocol::decompress(c, packed.view(), text.size());
    if (!out || !std::ranges::equal(out->view(), in)) {
      std::cerr << "only_protocol: " << cafka::protocol::to_string(c)
                << " lost something\n";
      return 1;
    }
  }
  std::cout << "only_protocol: every codec brings back what it was given\n";
}
