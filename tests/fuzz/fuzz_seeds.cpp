// Writes what the fuzzers start from: fuzz_seeds <folder> fills <folder>/fuzz_records,
// <folder>/fuzz_frames and <folder>/fuzz_sasl.
#include "record_vectors.hpp"
#include <cafka/protocol/messages/all.hpp>
#include <cafka/protocol/records/batch_builder.hpp>
#include <cafka/protocol/schema/random.hpp>

#include <cstdio>
#include <filesystem>
#include <fstream>

using namespace cafka::protocol;

namespace {

void write(const std::filesystem::path& file, std::initializer_list<int> choices,
  byte_view bytes) {
  std::ofstream out{file, std::ios::binary};
  for (const auto choice : choices)
    out.put(static_cast<char>(choice));
  out.write(reinterpret_cast<const char*>(bytes.data()),
    static_cast<std::streamsize>(bytes.size()));
  if (!out.flush()) {
    std::fprintf(stderr, "cannot write %s\n", file.c_str());
    std::exit(1);
  }
}

/// What Kafka writes, from the unit tests, with and without a look at the checksums.
void write_records(const std::filesystem::path& folder) {
  int codec_choice = 0;
  for (const auto& vector : record_vectors) {
    std::vector<std::byte> bytes;
    for (std::size_t i = 0; i < vector.hex.size(); i += 2) {
      const std::string digits{vector.hex.substr(i, 2)};
      bytes.push_back(static_cast<std::byte>(std::stoi(digits, nullptr, 16)));
    }
    codec_choice = (codec_choice + 1) % 5;
    for (const auto check : {0, 1}) {
      const auto suffix = check == 0 ? "_unchecked" : "_checked";
      write(
        folder / (std::string{vector.name} + suffix), {check | codec_choice << 1}, bytes);
    }
  }
}

/// One message of every kind in every version, alone and with its header.
void write_frames(const std::filesystem::path& folder) {
  random_source source{1};
  int index = 0;
  const auto write_one = [&]<class M>(byte_view head, std::int16_t version) {
    writer body;
    encode(body, random_message<M>(source, version), version);
    const auto bytes = body.bytes();
    const auto name = std::string{M::name} + "_v" + std::to_string(version);
    const auto choice = version - M::versions.min;
    write(folder / name, {index, choice}, bytes);
    std::vector<std::byte> whole{head.begin(), head.end()};
    whole.insert(whole.end(), bytes.begin(), bytes.end());
    write(folder / (name + "_framed"), {index, choice | 0x80}, whole);
  };
  for_each_api([&]<class Request, class Response>() {
    for (auto v = Request::versions.min; v <= Request::versions.max; ++v) {
      writer head;
      write_header(head, {Request::key, v, 7, "fuzz"});
      write_one.template operator()<Request>(head.bytes(), v);
    }
    ++index;
    for (auto v = Response::versions.min; v <= Response::versions.max; ++v) {
      writer head;
      write_response_header(head, Response::key, v, 7);
      write_one.template operator()<Response>(head.bytes(), v);
    }
    ++index;
  });
}

/// What brokers say in logins.
void write_logins(const std::filesystem::path& folder) {
  const auto write_one = [&](std::string_view name, int choice,
                           std::initializer_list<std::string_view> messages) {
    std::string text;
    for (const auto m : messages)
      text.append(1, static_cast<char>(m.size())).append(m);
    write(folder / name, {choice}, std::as_bytes(std::span{text}));
  };
  constexpr std::string_view challenge =
    "r=rOprNGfwEbeRWgbNEkqOrOpr%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0,"
    "s=W22ZaJ0SNY7soEsUEjb6gQ==,i=4096";
  constexpr std::string_view signature = "v=6rriTRBi23WpRR/wtup+mMhUZUn/dB5nLTJRsjl95G4=";
  write_one("plain", 0, {""});
  write_one("scram_256", 1, {challenge, signature});
  write_one("scram_512", 2, {challenge, signature});
  write_one("scram_refused", 1, {challenge, "e=invalid-proof"});
  write_one("gssapi", 4, {"proof", std::string_view{"\1\0\0\0", 4}, ""});
  const auto write_answer = [&](std::string_view name, std::string_view body) {
    write(folder / name, {5}, std::as_bytes(std::span{body}));
  };
  write_answer("answer",
    R"({"access_token":"a.eyJleHAiOjE4MDAwMDAwMDB9.c",)"
    R"("expires_in":3600,"token_type":"Bearer"})");
  write_answer("answer_refused",
    R"({"error":"invalid_client","error_description":"no hidden-word"})");
  write_answer("answer_file", " abc.def.ghi\n");
  write_one("token", 3, {""});
  write_one("token_refused", 3, {R"({"status":"invalid_token","scope":"kafka"})", ""});
}

} // namespace

int main(int argc, char** argv) {
  if (argc != 2) {
    std::fputs("usage: fuzz_seeds <folder>\n", stderr);
    return 2;
  }
  const std::filesystem::path folder{argv[1]};
  std::filesystem::create_directories(folder / "fuzz_records");
  std::filesystem::create_directories(folder / "fuzz_frames");
  write_records(folder / "fuzz_records");
  write_frames(folder / "fuzz_frames");
  std::filesystem::create_directories(folder / "fuzz_sasl");
  write_logins(folder / "fuzz_sasl");
}
