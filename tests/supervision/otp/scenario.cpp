#include "scenario.hpp"

#include <istream>
#include <ostream>
#include <random>
#include <sstream>
#include <stdexcept>

namespace cafka::supervision::otp {

namespace {

std::vector<std::string> words_of(const std::string& line) {
  std::istringstream in{line};
  std::vector<std::string> result;
  for (std::string word; in >> word;)
    result.push_back(word);
  return result;
}

constexpr const char* reasons[] = {
  "normal", "shutdown", "shutdown_term", "error", "exception", "kill"};
constexpr const char* restarts[] = {"permanent", "transient", "temporary"};
constexpr const char* strategies[] = {"one_for_one", "one_for_all", "rest_for_one"};

class dice {
public:
  explicit dice(std::uint64_t seed) : engine_(seed) {}

  /// From zero to one less than `sides`.
  std::size_t roll(std::size_t sides) {
    // Not a distribution: those differ among standard libraries.
    return static_cast<std::size_t>(engine_() % sides);
  }

  bool one_in(std::size_t n) { return roll(n) == 0; }

  template <class T, std::size_t N>
  T pick(T const (&from)[N]) {
    return from[roll(N)];
  }

  const std::string& pick(const std::vector<std::string>& from) {
    return from[roll(from.size())];
  }

private:
  std::mt19937_64 engine_;
};

std::string random_child(dice& d, bool may_be_significant) {
  const std::string restart = d.pick(restarts);
  std::string out = " restart=" + restart;
  constexpr const char* starts[] = {"ok,error,ok", "ok,exception,error,ok",
    "ok,ignore,ok", "ok,error", "ignore,ok", "ok,ok,error,ok"};
  if (d.one_in(4))
    out += std::string{" start="} + d.pick(starts);
  constexpr const char* ends[] = {"normal", "error", "slow:5", "never"};
  const std::string end = d.one_in(4) ? d.pick(ends) : "told";
  if (end != "told")
    out += " ends=" + end;
  if (end == "never")
    out += " shutdown=10";
  else if (d.one_in(4))
    out += d.one_in(2) ? " shutdown=brutal_kill" : " shutdown=infinity";
  if (may_be_significant && restart != "permanent" && d.one_in(2))
    out += " significant";
  return out;
}

} // namespace

word_options::word_options(const std::vector<std::string>& words, std::size_t from) {
  for (auto i = from; i < words.size(); ++i) {
    const auto at = words[i].find('=');
    values_[words[i].substr(0, at)] =
      at == std::string::npos ? "yes" : words[i].substr(at + 1);
  }
}

std::string word_options::get(
  const std::string& key, const std::string& otherwise) const {
  const auto i = values_.find(key);
  return i != values_.end() ? i->second : otherwise;
}

std::vector<scenario> read_scenarios(std::istream& from) {
  std::vector<scenario> result;
  for (std::string line; std::getline(from, line);) {
    const auto words = words_of(line);
    if (words.empty() || words[0].starts_with('#'))
      continue;
    if (words[0] == "scenario") {
      result.emplace_back().title = line.substr(line.find(' ') + 1);
      continue;
    }
    if (result.empty())
      throw std::runtime_error("this line is in no scenario: " + line);
    auto& current = result.back();
    if (words[0] == "unordered") {
      current.unordered = true;
    } else if (words[0] == "loops") {
      current.loops = true;
    } else if (words[0] == "sup" || words[0] == "child") {
      const auto below = words.size() > 3 && words[2] == "in";
      if (words.size() < 2 || (words[0] == "child" && !below))
        throw std::runtime_error("this line names no supervisor: " + line);
      current.nodes.push_back({words[0] == "sup", words[1], below ? words[3] : "",
        word_options{words, below ? 4u : 2u}});
    } else {
      current.steps.push_back(words);
    }
  }
  return result;
}

void write_matrix(std::ostream& out) {
  for (const auto* strategy : strategies)
    for (const auto* restart : restarts)
      for (const auto* reason : reasons)
        out << "scenario " << strategy << ", " << restart << ", " << reason << "\n"
            << "sup top strategy=" << strategy << "\n"
            << "child a in top\n"
            << "child b in top restart=" << restart << "\n"
            << "child c in top restart=transient\n"
            << "child d in top restart=temporary\n"
            << "begin\ncrash b " << reason << "\nwhich top\ncount top\ncrash b " << reason
            << "\ncrash a " << reason << "\nwhich top\n\n";
  for (const auto* restart : restarts)
    for (const auto* reason : reasons)
      out << "scenario simple_one_for_one, " << restart << ", " << reason << "\n"
          << "unordered\nsup top strategy=simple_one_for_one\nbegin\n"
          << "start top a\nstart top b restart=" << restart << "\n"
          << "crash b " << reason << "\ncount top\ncrash b " << reason
          << "\ncount top\nterminate top b\ncount top\n\n";
}

void write_random(std::ostream& out, std::uint64_t seed) {
  dice d{seed};
  out << "scenario random " << seed << "\n";
  // A window that nothing leaves, so that no run depends on how fast it is.
  const auto max = [&] { return " max=" + std::to_string(d.roll(6)) + "/1000"; };
  const auto dynamic = d.one_in(5);
  std::vector<std::string> supervisors{"top"};
  std::vector<std::string> children;
  std::map<std::string, std::string> parent;
  const auto any_auto = d.one_in(4);
  if (dynamic) {
    out << "unordered\nsup top strategy=simple_one_for_one" << max();
    if (d.one_in(3))
      out << " max_children=" << 1 + d.roll(4);
    out << "\n";
  } else {
    constexpr const char* when[] = {"any_significant", "all_significant"};
    out << "sup top strategy=" << d.pick(strategies) << max();
    if (any_auto)
      out << " auto=" << d.pick(when);
    out << "\n";
    const auto count = 1 + d.roll(5);
    for (std::size_t i = 0; i < count; ++i) {
      if (supervisors.size() < 3 && d.one_in(4)) {
        const auto name = "s" + std::to_string(supervisors.size());
        const auto in = d.pick(supervisors);
        supervisors.push_back(name);
        parent[name] = in;
        out << "sup " << name << " in " << in << " strategy=" << d.pick(strategies)
            << max() << (d.one_in(4) ? " restart=transient" : "") << "\n";
      } else {
        const std::string name(1, static_cast<char>('a' + children.size()));
        const auto in = d.pick(supervisors);
        children.push_back(name);
        parent[name] = in;
        out << "child " << name << " in " << in
            << random_child(d, any_auto && in == "top") << "\n";
      }
    }
  }
  out << "begin\n";
  const auto steps = 3 + d.roll(10);
  for (std::size_t i = 0; i < steps; ++i) {
    const auto what = d.roll(12);
    if (children.empty() || what == 0) {
      const std::string name(1, static_cast<char>('a' + children.size()));
      const auto in = d.pick(supervisors);
      children.push_back(name);
      parent[name] = in;
      out << "start " << in << ' ' << name
          << random_child(d, any_auto && !dynamic && in == "top") << "\n";
      continue;
    }
    const auto& child = d.pick(children);
    const auto& in = parent[child];
    if (what < 7) {
      out << "crash " << child << ' ' << d.pick(reasons) << "\n";
    } else if (what == 7) {
      out << "terminate " << in << ' ' << child << "\n";
    } else if (what == 8 && !dynamic) {
      out << "restart " << in << ' ' << child << "\n";
    } else if (what == 9 && !dynamic) {
      out << "delete " << in << ' ' << child << "\n";
    } else if (what == 10 && !dynamic && supervisors.size() > 1) {
      const auto& s = supervisors[1 + d.roll(supervisors.size() - 1)];
      constexpr const char* asks[] = {"terminate ", "restart ", "delete "};
      out << d.pick(asks) << parent[s] << ' ' << s << "\n";
    } else {
      out << (d.one_in(2) ? "which " : "count ") << d.pick(supervisors) << "\n";
    }
  }
  out << "\n";
}

} // namespace cafka::supervision::otp
