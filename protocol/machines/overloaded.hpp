#pragma once

namespace cafka::protocol {

/// One function object out of several, for `std::visit`.
template <class... Fs>
struct overloaded : Fs... {
  using Fs::operator()...;
};
template <class... Fs>
overloaded(Fs...) -> overloaded<Fs...>;

} // namespace cafka::protocol
