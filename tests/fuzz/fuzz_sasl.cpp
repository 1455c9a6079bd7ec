// Any bytes as a broker's messages in a login. The first byte chooses the mechanism; each
// message is as long as the byte before it says, 255 meaning all that is left. Whatever a
// broker says, the client is not satisfied by one that does not know the password. Or any
// bytes as the answer of a provider of tokens.
#include "fuzz_require.hpp"
#include <cafka/protocol/sasl/exchange.hpp>
#include <cafka/protocol/sasl/oidc/token_answer.hpp>
#include <cafka/protocol/sasl/security_context.hpp>

#include <string>

using namespace cafka::protocol;
using namespace cafka::protocol::sasl;

namespace {

/// A context that takes every token, so that what is behind it is reached; what is
/// wrapped is as it was.
class any_context : public security_context {
public:
  result<step> begin() override { return step{secret{"ticket"}, false}; }
  result<step> next(std::string_view token) override {
    return step{secret{"more"}, !token.empty()};
  }
  std::string principal() const override { return {}; }
  result<secret> wrap(std::string_view message) override { return secret{message}; }
  result<secret> unwrap(std::string_view token) override { return secret{token}; }
};

void read_as_token(std::string_view body) {
  constexpr wall_time now{std::chrono::seconds{1'700'000'000}};
  for (const auto& got :
    {read_token_answer(body, "sub", now), read_token_text(body, "sub", now)}) {
    require(!got || got->life.count() > 0, "a token lives");
    require(!got || may_be_token(got->value.reveal()), "a token is one");
    require(got.error().detail.size() < 2'000, "an error is short");
  }
  static_cast<void>(claims_of(body, "sub"));
  const auto words = refusal_words({400, {}, secret{body}}, {secret{"hidden-word"}});
  require(words.find("hidden-word") == std::string::npos, "a secret stays one");
  require(words.size() < 2'000, "words are few");
}

} // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size == 0)
    return 0;
  // As brokers repeat salt and number, so do most inputs: the keys are derived once.
  static scram_keys keys;
  constexpr int kinds = 6;
  if (data[0] % kinds == kinds - 1) {
    const std::vector<char> body(data + 1, data + size);
    read_as_token({body.data(), body.size()});
    return 0;
  }
  const auto m = static_cast<mechanism>(data[0] % kinds);
  const bool by_token = m == mechanism::oauthbearer;
  login with;
  if (m == mechanism::gssapi)
    with.who = kerberos_login{std::make_shared<any_context>()};
  else if (by_token)
    with.who = bearer_token{"token", {}, {}};
  else
    with.who =
      password_login{"user", "pencil", m != mechanism::plain && (data[0] & 64) != 0};
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
    require(++messages <= 3 || m == mechanism::gssapi, "an exchange has an end");
    if (!next) {
      require(next.error().detail.size() < 2'000, "an error is short");
      return 0;
    }
    if (!*next) {
      require(m == mechanism::plain || by_token || m == mechanism::gssapi,
        "the signature cannot be guessed");
      return 0;
    }
    require(!(*next)->empty(), "a message has bytes");
  }
  return 0;
}
