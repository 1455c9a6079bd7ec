#include "cli_program.hpp"

#include <catch2/catch_test_macros.hpp>
#include <catch2/generators/catch_generators.hpp>
#include <catch2/matchers/catch_matchers_string.hpp>

#include <algorithm>
#include <filesystem>
#include <set>

using Catch::Matchers::ContainsSubstring;
using Catch::Matchers::EndsWith;
using Catch::Matchers::StartsWith;

namespace {

using words = std::vector<std::string>;

/// The names of options in a help or a page, as roff writes them or as they are.
std::set<std::string> long_options(std::string text) {
  for (auto at = text.find("\\-"); at != text.npos; at = text.find("\\-", at))
    text.erase(at, 1);
  std::set<std::string> result;
  for (auto at = text.find("--"); at != text.npos; at = text.find("--", at + 2)) {
    const auto end =
      std::min(text.find_first_not_of("abcdefghijklmnopqrstuvwxyz-", at), text.size());
    if (end > at + 2)
      result.insert(text.substr(at, end - at));
  }
  return result;
}

std::vector<std::string> completed(words line) {
  line.insert(line.begin(), "__complete");
  const auto run = run_cafka(line);
  CHECK(run.exit_code == 0);
  auto lines = run.lines();
  for (auto& one : lines)
    one.erase(std::min(one.find('\t'), one.size()));
  return lines;
}

/// `cafka-topics-create` is the page of `topics create`.
words command_of(const std::string& page) {
  words result;
  auto rest = page.substr(std::min(page.find('-'), page.size()));
  for (const std::string family : {"-topics", "-groups"}) {
    if (!rest.starts_with(family + '-'))
      continue;
    result.push_back(family.substr(1));
    rest.erase(0, family.size());
  }
  if (!rest.empty())
    result.push_back(rest.substr(1));
  return result;
}

} // namespace

TEST_CASE("a wrong word is named with the nearest right one") {
  struct wrong {
    words args;
    std::string says;
    std::string try_this;
  };
  const auto w = GENERATE(wrong{{"topic", "list"}, "\"topic\"", "cafka topics list"},
    wrong{{"help"}, "\"help\"", "cafka --help"},
    wrong{{"-b", "X", "metadata"}, "-b stands before the command", "cafka metadata -b X"},
    wrong{{"--brokers=X", "topics", "list", "--json"}, "--brokers=X stands before",
      "cafka topics list --brokers=X --json"},
    wrong{{"topics", "-b", "X", "create", "a b"}, "-b stands before",
      "cafka topics create -b X 'a b'"},
    wrong{{"-b", "X", "topics"}, "-b stands before", "cafka topics COMMAND -b X"},
    wrong{{"metdata"}, "\"metdata\"", "cafka metadata"},
    wrong{{"list"}, "\"list\"", "cafka topics list"},
    wrong{{"topics", "lsit"}, "\"lsit\"", "cafka topics list"},
    wrong{{"subscribe"}, "\"subscribe\"", "cafka consume"},
    wrong{{"-L"}, "\"-L\"", "cafka metadata"},
    wrong{{"frobnicate"}, "there are: demo, metadata", "cafka --help"},
    wrong{{"metadata", "--tpoic", "x"}, "\"--tpoic\"", "cafka metadata --topic x"},
    wrong{{"stream", "--fromat=%s\\n"}, "\"--fromat=", "cafka stream '--format=%s\\n'"},
    wrong{{"metadata", "-o", "json"}, "\"-o\"", "cafka metadata --output json"},
    wrong{{"metadata", "--frobnicate"}, "\"--frobnicate\"", "cafka metadata --help"},
    wrong{{"stream", "-t", "x", "-ej"}, "\"-ej\"", "cafka stream --help"},
    wrong{{"fetch", "-t", "x", "y"}, "\"y\" has no meaning", "cafka fetch --help"},
    wrong{{}, "there are: demo, metadata", "cafka --help"},
    wrong{{"groups"}, "there are: coordinator, join", "cafka groups --help"},
    // Values are no words of ours.
    wrong{{"stream", "-t", "topic", "-o", "help"}, "a position", "cafka stream --help"});
  const auto run = run_cafka(w.args);
  INFO(run.err);
  CHECK(run.exit_code == 2);
  CHECK(run.out.empty());
  CHECK_THAT(run.err,
    StartsWith("cafka: ") && ContainsSubstring(w.says)
      && EndsWith("\n  try: " + w.try_this + '\n'));
}

TEST_CASE("completion offers what may stand there") {
  CHECK(completed({"to"}) == words{"topics"});
  CHECK(completed({"topics", ""}) == words{"create", "delete", "list", "describe"});
  CHECK(completed({"topics", "list", "--inter"}) == words{"--internal"});
  CHECK(completed({"stream", "--output", ""}) == words{"text", "json"});
  CHECK(completed({"stream", "--output=j"}) == words{"--output=json"});
  CHECK(completed({"stream", "--output", "=", "j"}) == words{"json"}); // As bash has it.
  CHECK(completed({"stream", "--output", "="}) == words{"text", "json"});
  CHECK(completed({"produce", "-z", "s"}) == words{"snappy"});
  CHECK(completed({"produce", ""}) == words{":files"});
  CHECK(completed({"metadata", "--ca-file", "/et"}) == words{":files"});
  CHECK(completed({"metadata", "--ca-dir", ""}) == words{":directories"});
  CHECK(completed({"stream", "-t", ""}).empty());
  CHECK(completed({"stream", "-t", "topics", "--unt"}) == words{"--until"});
  CHECK(completed({"completion", ""}) == words{"bash", "zsh", "fish"});
}

TEST_CASE("bash completes by what the program says") {
  const std::string cafka = CAFKA_CLI;
  const auto run =
    run_program("/bin/bash", {"-c", "source <(" + cafka + R"( completion bash)
    COMP_WORDS=(')" + cafka + R"(' topics ''); COMP_CWORD=2
    _cafka
    echo "${COMPREPLY[*]}"
    complete -p cafka)"});
  INFO(run.err);
  CHECK(run.exit_code == 0);
  CHECK(run.out == "create delete list describe\ncomplete -F _cafka cafka\n");
  CHECK_THAT(run_cafka({"completion", "zsh"}).out, StartsWith("#compdef cafka\n"));
  CHECK_THAT(
    run_cafka({"completion", "fish"}).out, ContainsSubstring("complete -c cafka"));
  CHECK(run_cafka({"completion", "tcsh"}).exit_code == 2);
}

TEST_CASE("manual pages tell every command and option that the help does") {
  const temporary_file place;
  const auto directory = place.path() + ".d";
  const auto written = run_cafka({"man", "--directory", directory});
  CHECK(written.exit_code == 0);
  std::size_t pages = 0;
  for (const auto& file : std::filesystem::directory_iterator{directory}) {
    ++pages;
    const auto name = file.path().stem().string(); // cafka-topics-create
    const auto command = command_of(name);
    INFO(name);
    auto for_help = command;
    for_help.emplace_back("--help");
    auto for_page = command;
    for_page.insert(for_page.begin(), "man");
    const auto help = run_cafka(for_help);
    const auto page = run_cafka(for_page);
    CHECK(help.exit_code == 0);
    CHECK(page.exit_code == 0);
    CHECK_THAT(page.out, StartsWith(".TH " + name + " 1 "));
    CHECK(long_options(page.out) == long_options(help.out));
  }
  std::filesystem::remove_all(directory);
  // cafka, thirteen commands, four of topics and seven of groups.
  CHECK(pages == 26);
  const auto nothing = run_cafka({"man", "topics", "crate"});
  CHECK(nothing.exit_code == 2);
  CHECK_THAT(nothing.err, ContainsSubstring("the nearest is create"));
  CHECK(run_cafka({"man", "--directory", "/proc/no/such"}).exit_code == 1);
}
