// Any bytes as a broker's messages in a login. The first byte chooses the mechanism; each
// message is as long as the byte before it says, 255 meaning all that is left. Whatever a
// broker says, the client is not satisfied by one that does not know the password.
#include "fuzz_require.hpp"
#include <cafka/protocol/sasl/exchange.hpp>

#include <string>

using namespace cafka::protocol;
using namespace cafka::protocol::sasl;

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size == 0)
    return 0;
  // As brokers repeat salt and number, so do most inputs: the keys are derived once.
  static scram_keys keys;
  const auto m = static_cast<mechanism>(data[0] % 4);
  const bool by_token = m == mechanism::oauthbearer;
  login with;
  if (by_token)
    with.who = bearer_token{"token", {}, {}};
  else
    with.who =
      password_login{"user", "pencil", m != mechanism::plain && (data[0] & 4) != 0};
  with.nonce = "rOprNGfwEbeRWgbNEkqOrOpr";
  auto made = make_exchange(m, std::move(with), keys);
  require(made.has_value(), "the credentials are fine");
  auto& e = **made;
  require(e.first().has_value(), "there is a first message");
  std::size_t at = 1, messages = 0;
  while (at < size) {
    const std::size_t left = size - at - 1;
    const auto length = data[at] == 255 ? left : std::min<std::size_t>(data[at], left);
    // A copy of its own, so that reading past the end is seen.
    const std::vector<char> message(data + at + 1, data + at + 1 + length);
    at += 1 + length;
    const auto next = e.next({message.data(), message.size()});
    require(++messages <= 3, "an exchange has an end");
    if (!next) {
      require(next.error().detail.size() < 2'000, "an error is short");
      return 0;
    }
    if (!*next) {
      require(m == mechanism::plain || by_token, "the signature cannot be guessed");
      return 0;
    }
    require(!(*next)->empty(), "a message has bytes");
  }
  return 0;
}
