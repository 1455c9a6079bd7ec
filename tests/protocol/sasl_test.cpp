#include <cafka/protocol/sasl/crypto.hpp>
#include <cafka/protocol/sasl/exchange.hpp>
#include <cafka/protocol/sasl/scram.hpp>

#include <catch2/catch_test_macros.hpp>
#include <catch2/generators/catch_generators.hpp>

#include <array>

using namespace cafka::protocol;
using namespace cafka::protocol::sasl;

namespace {

constexpr std::string_view sasl_nonce = "0123456789abcdefghijklmn";

login by_password(std::string name, secret password, bool delegation_token = false) {
  return {password_login{std::move(name), std::move(password), delegation_token},
    std::string{sasl_nonce}};
}

login by_token(bearer_token token) {
  return {std::move(token), {}};
}

std::unique_ptr<exchange> sasl_exchange(mechanism m, login with, scram_keys& keys) {
  auto made = make_exchange(m, std::move(with), keys);
  INFO(to_string(made.error()));
  REQUIRE(made.has_value());
  return *std::move(made);
}

std::string first_of(exchange& e) {
  const auto text = e.first();
  REQUIRE(text.has_value());
  return std::string{text->reveal()};
}

/// The exchange's next message; it must not be at its end.
std::string next_of(exchange& e, std::string_view answer) {
  const auto text = e.next(answer);
  INFO(to_string(text.error()));
  REQUIRE(text.has_value());
  REQUIRE(text->has_value());
  return std::string{(*text)->reveal()};
}

bool satisfied(exchange& e, std::string_view answer) {
  const auto end = e.next(answer);
  INFO(to_string(end.error()));
  return end.has_value() && !end->has_value();
}

error refused(mechanism m, login with) {
  scram_keys keys;
  return make_exchange(m, std::move(with), keys).error();
}

bool says(const error& e, std::string_view text) {
  return e.detail.find(text) != std::string::npos;
}

/// Alice's login by SCRAM, up to the broker's first message.
struct scram_bed {
  scram_keys keys;
  std::unique_ptr<exchange> e =
    sasl_exchange(mechanism::scram_sha_512, by_password("alice", "alice-secret"), keys);

  scram_bed() { first_of(*e); }

  error on(std::string_view answer) { return e->next(answer).error(); }
};

constexpr std::string_view alices_challenge =
  "r=0123456789abcdefghijklmnSERVERPART,s=c2FsdHktc2FsdC1ieXRlcw==,i=8192";
constexpr std::string_view alices_proof =
  "c=biws,r=0123456789abcdefghijklmnSERVERPART,p=XB+IMy329OPHuG1WXkjWYEONS1a1bBS/"
  "4SoASxC8GAOVQsV8Ow5Gskx/ElO52nM9FP4mlAFpL02FG91ToqOgYA==";
constexpr std::string_view alices_signature =
  "v=ZZgeMlgLpwa+ps3UjGDXlTYy01daBgw5fXcn/d3qalcbOzAIlMGX1m0CpreTe3P/"
  "d7MltAZKxLdX7PMM71bEoA==";

} // namespace

TEST_CASE("base64 is read as it is written, and nothing else is", "[sasl]") {
  CHECK(base64("") == "");
  CHECK(base64("f") == "Zg==");
  CHECK(base64("foob") == "Zm9vYg==");
  CHECK(base64("foobar") == "Zm9vYmFy");
  for (std::size_t size = 0; size != 70; ++size) {
    std::string bytes;
    for (std::size_t i = 0; i != size; ++i)
      bytes += static_cast<char>(i * 37 + size);
    CHECK(from_base64(base64(bytes)) == bytes);
  }
  for (const auto* bad : {"Z", "Zg", "Zg=", "Zh==", "Z===", "====", "Zm9v\n",
         " Zm9vYg==", "Zm9vYg== ", "Zm9!", "Zg==Zg==", "Zm=v", "Zm9-", "Zm9_"})
    CHECK_FALSE(from_base64(bad).has_value());
}

TEST_CASE("a nonce is long, printable, and each time another one", "[sasl]") {
  const auto one = random_nonce();
  CHECK(one.size() == 32);
  CHECK(one.find(',') == std::string::npos);
  CHECK(one != random_nonce());
}

TEST_CASE("a mechanism is known by its name", "[sasl]") {
  for (const auto m : {mechanism::plain, mechanism::scram_sha_256,
         mechanism::scram_sha_512, mechanism::oauthbearer})
    CHECK(parse_mechanism(to_string(m)).value() == m);
  CHECK(parse_mechanism("scram-sha-512").value() == mechanism::scram_sha_512);
  const auto e = parse_mechanism("CRAM-MD5").error();
  CHECK(e.code == error_code::invalid_argument);
  CHECK(says(e, "CRAM-MD5"));
  CHECK(says(e, "PLAIN, SCRAM-SHA-256, SCRAM-SHA-512, OAUTHBEARER"));
}

TEST_CASE("the first mechanism that both sides know is chosen", "[sasl]") {
  const std::array wanted{mechanism::scram_sha_512, mechanism::plain};
  const std::vector<std::string> offered{"GSSAPI", "PLAIN", "SCRAM-SHA-512"};
  CHECK(choose(wanted, offered).value() == mechanism::scram_sha_512);
  CHECK(choose(wanted, std::vector<std::string>{"PLAIN"}).value() == mechanism::plain);
  const auto e =
    choose(wanted, std::vector<std::string>{"GSSAPI", "OAUTHBEARER"}).error();
  CHECK(e.code == error_code::unsupported_sasl_mechanism);
  CHECK(says(e, "GSSAPI, OAUTHBEARER"));
  CHECK(says(e, "SCRAM-SHA-512, PLAIN"));
  CHECK(says(e, "sasl.mechanism"));
  CHECK(says(choose(wanted, {}).error(), "no mechanism"));
  const std::vector<std::string> many(10'000, std::string(1'000, 'x'));
  CHECK(choose(wanted, many).error().detail.size() < 4'000);
}

TEST_CASE("PLAIN sends name and password as they are", "[sasl]") {
  scram_keys keys;
  const auto e =
    sasl_exchange(mechanism::plain, by_password("al=i,ce", "pass=,w\xc3\xb6rd"), keys);
  CHECK(e->mechanism() == "PLAIN");
  using namespace std::string_literals;
  CHECK(first_of(*e) == "\0al=i,ce\0pass=,w\xc3\xb6rd"s);
  CHECK(satisfied(*e, ""));
}

TEST_CASE("credentials that a mechanism cannot carry are refused", "[sasl]") {
  using namespace std::string_literals;
  const auto wrong = [](mechanism m, login with, std::string_view word) {
    const auto e = refused(m, std::move(with));
    INFO(e.detail);
    CHECK(e.code == error_code::invalid_argument);
    CHECK(says(e, word));
    CHECK_FALSE(says(e, "sesame"));
  };
  for (const auto m : {mechanism::plain, mechanism::scram_sha_256}) {
    wrong(m, by_password("", "sesame"), "name");
    wrong(m, by_password("alice", ""), "password");
    wrong(m, by_password("a\xff", "sesame"), "UTF-8");
    wrong(m, by_password("alice", "sesame\xff"), "UTF-8");
    wrong(m, by_password("a\0b"s, "sesame"), "zero");
    wrong(m, by_token({"sesame", {}, {}}), "token");
  }
  wrong(mechanism::plain, by_password("alice", "sesame\0"s), "zero");
  wrong(mechanism::plain, by_password("alice", "sesame", true), "delegation");
  wrong(mechanism::oauthbearer, by_password("alice", "sesame"), "token");
  auto guessable = by_password("alice", "sesame");
  for (const auto* nonce : {"", "short", "0123456789,0123456789,0123456789",
         "0123456789 0123456789 0123456789"}) {
    guessable.nonce = nonce;
    wrong(mechanism::scram_sha_512, guessable, "nonce");
  }
}

TEST_CASE("SCRAM-SHA-256 does what RFC 7677 shows", "[sasl]") {
  scram_keys keys;
  scram_exchange e{digest::sha_256,
    {password_login{"user", "pencil", false}, "rOprNGfwEbeRWgbNEkqO"}, keys};
  CHECK(e.mechanism() == "SCRAM-SHA-256");
  CHECK(first_of(e) == "n,,n=user,r=rOprNGfwEbeRWgbNEkqO");
  CHECK(
    next_of(e,
      "r=rOprNGfwEbeRWgbNEkqO%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0,s=W22ZaJ0SNY7soEsUEjb6gQ=="
      ",i=4096")
    == "c=biws,r=rOprNGfwEbeRWgbNEkqO%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0,p="
       "dHzbZapWIk4jUhN+Ute9ytag9zjfMHgsqmmiz7AndVQ=");
  CHECK(satisfied(e, "v=6rriTRBi23WpRR/wtup+mMhUZUn/dB5nLTJRsjl95G4="));
}

TEST_CASE("SCRAM-SHA-512 proves the client and verifies the broker", "[sasl]") {
  scram_keys keys;
  const auto e =
    sasl_exchange(mechanism::scram_sha_512, by_password("alice", "alice-secret"), keys);
  CHECK(e->mechanism() == "SCRAM-SHA-512");
  CHECK(first_of(*e) == "n,,n=alice,r=0123456789abcdefghijklmn");
  CHECK(next_of(*e, alices_challenge) == alices_proof);
  SECTION("that knows the password") {
    CHECK(satisfied(*e, alices_signature));
  }
  SECTION("and may say more") {
    CHECK(satisfied(*e, std::string{alices_signature} + ",x=more"));
  }
  SECTION("whose signature is another user's") {
    const auto why = e->next("v=" + base64(std::string(64, 'x'))).error();
    CHECK(why.code == error_code::broker_not_authenticated);
    CHECK(says(why, "alice"));
    CHECK_FALSE(says(why, "alice-secret"));
  }
  SECTION("whose signature is too short") {
    CHECK(e->next("v=" + base64(std::string(63, 'x'))).error().code
      == error_code::broker_not_authenticated);
    CHECK(scram_bed{}.on("v=").code == error_code::malformed_response);
  }
  SECTION("that refuses in words") {
    const auto why = e->next("e=invalid-proof").error();
    CHECK(why.code == error_code::sasl_authentication_failed);
    CHECK(says(why, "invalid-proof"));
  }
  SECTION("whose last message is malformed") {
    const auto* bad = GENERATE("", "v", "v=!!!!", "v=Zg", "x=Zg==", "V=Zg==", ",v=Zg==");
    CHECK(e->next(bad).error().code == error_code::malformed_response);
  }
}

TEST_CASE("SCRAM escapes the name alone; a delegation token says what it is", "[sasl]") {
  scram_keys keys;
  const auto e = sasl_exchange(mechanism::scram_sha_256,
    by_password("a=b,c",
      "s\xc3\xa9"
      "cret=,",
      true),
    keys);
  CHECK(first_of(*e) == "n,,n=a=3Db=2Cc,r=0123456789abcdefghijklmn,tokenauth=true");
  CHECK(next_of(*e, alices_challenge)
    == "c=biws,r=0123456789abcdefghijklmnSERVERPART,p="
       "F3l+1smQzkVy6+D9IgZsyPg0OJ+mad/dPZuNHHeqid4=");
  CHECK(satisfied(*e, "v=awwx3WUgsZOD+NvKeoMFgdUkT4ouATfihfPlto0jL/I="));
}

TEST_CASE("SCRAM's number of iterations has limits", "[sasl]") {
  const auto on = [](const std::string& count) {
    scram_bed b;
    const auto why = b.on("r=0123456789abcdefghijklmnSERVERPART,s=c2FsdA==,i=" + count);
    // Nothing is computed for a number that is refused.
    CHECK(b.keys.derivations() == (why ? 0 : 1));
    return why;
  };
  CHECK_FALSE(on("4096"));
  for (const auto* count : {"4095", "1", "0", "1000001", "4294967295", "4294967296",
         "99999999999999999999999999"}) {
    INFO(count);
    const auto why = on(count);
    CHECK(why.code == error_code::broker_not_authenticated);
    CHECK(says(why, "4096"));
  }
  CHECK(says(on("4095"), "4095"));
  for (const auto* count : {"", "-4096", "+4096", "4096x", " 4096", "0x2000", "4e3"}) {
    INFO(count);
    CHECK(on(count).code == error_code::malformed_response);
  }
}

TEST_CASE("a broker's first message that is malformed ends SCRAM", "[sasl]") {
  const std::string nonce = "r=0123456789abcdefghijklmnSERVER";
  for (const auto& bad :
    {std::string{}, std::string{"r"}, std::string{"r="},
      std::string{"r=,s=c2FsdA==,i=4096"}, nonce, nonce + ',',
      nonce + ",s=", nonce + ",s=c2FsdA==", nonce + ",s=,i=4096",
      nonce + ",s=c2FsdA,i=4096", nonce + ",s=c2Fs dA==,i=4096",
      nonce + ",i=4096,s=c2FsdA==", "s=c2FsdA==," + nonce + ",i=4096",
      "m=ext," + nonce + ",s=c2FsdA==,i=4096", nonce + " ,s=c2FsdA==,i=4096",
      nonce + "\xff,s=c2FsdA==,i=4096", "e=other-error," + nonce + ",s=c2FsdA==,i=4096",
      std::string(longest_challenge + 1, 'r'), std::string(1024 * 1024, '\0')}) {
    INFO(bad.substr(0, 80));
    scram_bed b;
    CHECK(b.on(bad).code == error_code::malformed_response);
    CHECK(b.keys.derivations() == 0);
  }
  for (const auto* foreign : {"r=0123456789abcdefghijklmn,s=c2FsdA==,i=4096",
         "r=0123456789abcdefghijklmSERVER,s=c2FsdA==,i=4096",
         "r=x0123456789abcdefghijklmn,s=c2FsdA==,i=4096"}) {
    INFO(foreign);
    CHECK(scram_bed{}.on(foreign).code == error_code::broker_not_authenticated);
  }
  CHECK_FALSE(scram_bed{}.on(nonce + ",s=c2FsdA==,i=4096,x=unknown,y=too"));
}

TEST_CASE("challenges without end come to an end", "[sasl]") {
  scram_bed b;
  next_of(*b.e, alices_challenge);
  CHECK(b.on(alices_challenge).code == error_code::malformed_response);
  CHECK(b.on(alices_signature).code == error_code::malformed_response);
  scram_bed ended;
  next_of(*ended.e, alices_challenge);
  CHECK(satisfied(*ended.e, alices_signature));
  CHECK(ended.on(alices_signature).code == error_code::malformed_response);
}

TEST_CASE(
  "SCRAM derives its keys once for the same password, salt and number", "[sasl]") {
  scram_keys keys;
  const secret password = "alice-secret";
  const auto once = keys.of(digest::sha_256, "alice", password, "salt", 4'096);
  CHECK(keys.of(digest::sha_256, "alice", password, "salt", 4'096).client == once.client);
  CHECK(keys.derivations() == 1);
  CHECK(once.client.reveal().size() == 32);
  CHECK(keys.of(digest::sha_512, "alice", password, "salt", 4'096).client.reveal().size()
    == 64);
  CHECK(keys.of(digest::sha_256, "alice", password, "tlas", 4'096).client != once.client);
  CHECK(keys.of(digest::sha_256, "alice", password, "salt", 4'097).client != once.client);
  CHECK(keys.of(digest::sha_256, "bob", password, "salt", 4'096).server == once.server);
  CHECK(keys.derivations() == 5);
  // One that was replaced is forgotten, and derived anew when it comes back.
  CHECK(
    keys.of(digest::sha_256, "alice", "rotated", "salt", 4'096).client != once.client);
  CHECK(keys.of(digest::sha_256, "alice", password, "salt", 4'096).client == once.client);
  CHECK(keys.derivations() == 7);
}

TEST_CASE("SCRAM keeps no more keys than the last few", "[sasl]") {
  scram_keys keys;
  const auto ask = [&](std::size_t user) {
    static_cast<void>(
      keys.of(digest::sha_256, std::to_string(user), "password", "salt", 4'096));
  };
  for (std::size_t i = 0; i != scram_keys::most; ++i)
    ask(i);
  ask(0);
  CHECK(keys.derivations() == scram_keys::most);
  ask(scram_keys::most);
  ask(0);
  CHECK(keys.derivations() == scram_keys::most + 1);
  ask(1);
  CHECK(keys.derivations() == scram_keys::most + 2);
}

TEST_CASE("OAUTHBEARER sends the token, who it acts as, and extensions", "[sasl]") {
  scram_keys keys;
  const auto bare =
    sasl_exchange(mechanism::oauthbearer, by_token({"tok.en", {}, {}}), keys);
  CHECK(bare->mechanism() == "OAUTHBEARER");
  CHECK(first_of(*bare)
    == "n,,\x01"
       "auth=Bearer tok.en\x01\x01");
  CHECK(satisfied(*bare, ""));
  const auto full = sasl_exchange(mechanism::oauthbearer,
    by_token({"tok", "a=b,c", {{"logicalCluster", "lkc-1"}, {"pool", "x y\t"}}}), keys);
  CHECK(first_of(*full)
    == "n,a=a=3Db=2Cc,\x01"
       "auth=Bearer tok\x01logicalCluster=lkc-1\x01pool=x y\t\x01\x01");
}

TEST_CASE("OAUTHBEARER answers a refusal with one byte, then tells of it", "[sasl]") {
  scram_keys keys;
  const auto e = sasl_exchange(mechanism::oauthbearer, by_token({"tok", {}, {}}), keys);
  first_of(*e);
  CHECK_FALSE(e->refusal());
  const auto [answer, word] = GENERATE(table<std::string, std::string>({
    {R"({"status":"invalid_token"})", "invalid_token"},
    {R"({"status":"insufficient_scope","scope":"kafka"})",
      "insufficient_scope, scope kafka"},
    {R"({"status":7})", "7"},
    {"not JSON", "not JSON"},
    {"[[[[", "[[[["},
  }));
  CHECK(next_of(*e, answer) == "\x01");
  CHECK(e->refusal().code == error_code::bearer_token_refused);
  CHECK(says(e->refusal(), word));
  CHECK(e->next("").error() == e->refusal());
}

TEST_CASE("a token that OAUTHBEARER cannot carry is refused", "[sasl]") {
  const auto wrong = [](bearer_token token, std::string_view word) {
    const auto e = refused(mechanism::oauthbearer, by_token(std::move(token)));
    INFO(e.detail);
    CHECK(e.code == error_code::invalid_argument);
    CHECK(says(e, word));
    CHECK_FALSE(says(e, "sesame"));
  };
  wrong({"", {}, {}}, "empty");
  wrong({"===", {}, {}}, "characters");
  wrong({"sesame sesame", {}, {}}, "spaces");
  wrong({"sesame\n", {}, {}}, "line breaks");
  wrong({"ses\x01"
         "ame",
          {}, {}},
    "characters");
  wrong({"sesame", "a\x01", {}}, "ASCII");
  wrong({"sesame", "\xc3\xa4", {}}, "ASCII");
  wrong({"sesame", {}, {{"auth", "x"}}}, "auth");
  wrong({"sesame", {}, {{"", "x"}}}, "letters");
  wrong({"sesame", {}, {{"a1", "x"}}}, "letters");
  wrong({"sesame", {}, {{"a", ""}}}, "value");
  wrong({"sesame", {}, {{"a", "x\x01"}}}, "value");
  wrong({"sesame", {}, {{"a", "x"}, {"a", "y"}}}, "twice");
  CHECK_FALSE(refused(mechanism::oauthbearer, by_token({"aZ09-._~+/==", {}, {}})));
}

TEST_CASE("a megabyte of challenge ends any exchange", "[sasl]") {
  const std::string large(1024 * 1024, 'x');
  const auto m = GENERATE(mechanism::plain, mechanism::scram_sha_256,
    mechanism::scram_sha_512, mechanism::oauthbearer);
  scram_keys keys;
  const auto e = sasl_exchange(m,
    m == mechanism::oauthbearer ? by_token({"tok", {}, {}})
                                : by_password("alice", "alice-secret"),
    keys);
  first_of(*e);
  const auto why = e->next(large).error();
  CHECK(why.code == error_code::malformed_response);
  CHECK(says(why, "1048576"));
  CHECK(why.detail.size() < 500);
}
