#pragma once

#include <cstdint>
#include <iosfwd>
#include <map>
#include <string>
#include <vector>

namespace cafka::supervision::otp {

/// The words `key=value` of a line; `key` alone means `key=yes`.
class word_options {
public:
  word_options() = default;
  explicit word_options(const std::vector<std::string>& words, std::size_t from);

  [[nodiscard]] std::string get(
    const std::string& key, const std::string& otherwise) const;
  [[nodiscard]] bool has(const std::string& key) const { return values_.contains(key); }

private:
  std::map<std::string, std::string> values_;
};

/// A supervisor or a child that is there from the beginning.
struct node {
  bool is_supervisor = false;
  std::string name;
  std::string in; ///< empty for the root
  word_options options;
};

/// One scenario of the files beside this one.
struct scenario {
  std::string title;
  std::vector<node> nodes;
  std::vector<std::vector<std::string>> steps;
  bool unordered = false;
  bool loops = false; ///< restarts fail for ever, and are not waited for
};

/// Reads scenarios; throws `std::runtime_error` naming a line that cannot be read.
std::vector<scenario> read_scenarios(std::istream& from);

/// Scenarios of every strategy, restart type and exit reason.
void write_matrix(std::ostream& out);

/// A scenario made up from a seed.
void write_random(std::ostream& out, std::uint64_t seed);

/// Runs a scenario on cafka's supervisors, in virtual time and in one thread, and prints
/// its trace.
void run(const scenario& what, std::ostream& out);

} // namespace cafka::supervision::otp
