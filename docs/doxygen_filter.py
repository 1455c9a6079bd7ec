#!/usr/bin/env python3
"""Prepares a header for Doxygen: gives the members that mean the same in every type their one
sentence, so that the headers need not repeat it. Lines keep their numbers.

usage: doxygen_filter.py HEADER
"""
import re
import sys

# The start of a declaration, and the sentence that documents it wherever it stands.
SAME_EVERYWHERE = [
    # Messages: protocol/schema/codec.hpp says what a message consists of.
    (r"static constexpr std::string_view name = ", "Kafka's name of the message."),
    (r"static constexpr api_key key = ", "The API that the message belongs to."),
    (r"static constexpr version_range versions\{", "The versions that cafka speaks."),
    (r"static constexpr std::int16_t flexible_since = ",
     "The first version with compact lengths and tagged fields (KIP-482)."),
    (r"static constexpr std::int16_t client_throttles_since = ",
     "The first version whose answer the broker sends before the pause for a quota, so that "
     "the client has to keep the pause (KIP-219)."),
    (r"using response = ", "The answer's type."),
    (r"struct api_of<", "The messages of this API."),
    (r"using request = ", "The request's type."),
    # Operations: protocol/calls/operation.hpp says what one consists of.
    (r"struct operation<", "How this request is made a call, and answered."),
    (r"using reply = ", "What it is answered with."),
    (r"static constexpr bool changes_something = ",
     "Whether a lost answer leaves open what has happened."),
    (r"(\[\[nodiscard\]\] )?std::unique_ptr<protocol::call> make_call\(",
     "Makes the call which a dispatcher carries out; null where the request was answered."),
    # Containers and iterators, as the standard library has them.
    (r"using (value_type|difference_type|iterator_category|iterator_concept|reference|pointer"
     r"|rep) = ", "As in the standard library."),
    (r"(const )?[\w:<>]+[&*] operator(\*|->)\(\)", "The element."),
    (r"iterator& operator\+\+\(\)", "Goes to the next element."),
    (r"(iterator|void) operator\+\+\(int\)", "Goes to the next element."),
    (r"\[\[nodiscard\]\] [\w:]+ begin\(\) const", "The first element."),
    (r"\[\[nodiscard\]\] [\w:]+ end\(\) const", "Behind the last element."),
    (r"\[\[nodiscard\]\] bool empty\(\) const", "Whether there is no element."),
    # Requests: actors/interfaces.hpp says it for all of them.
    (r"milliseconds deadline\{0\};",
     "Time from the worker's acceptance to the reply; zero: the worker's `request_timeout`."),
    (r"std::optional<std::int16_t> api_version = ",
     "The version of Kafka's API; nothing: the newest that both sides know."),
    # What every type may have.
    (r"friend (constexpr )?(bool|auto) operator(==|<=>)\(", "Compares all members."),
    (r"std::ostream& operator<<\(", "Prints it."),
    (r"(constexpr |const )?(std::string(_view)?|char\*) to_string\(", "The name, as code spells it."),
    (r"(friend )?bool inspect\(", "For CAF's serialisation: all members, in order."),
    (r"std::size_t operator\(\)\(.*const noexcept", "The hash."),
]
RULES = [(re.compile(r"(\s*)(" + start + r")"), text) for start, text in SAME_EVERYWHERE]
TEMPLATE = re.compile(r"\s*template <.*>$")


def documented(lines, i):
    """Whether a comment stands before line `i`, or behind it."""
    before = i - 1
    while before >= 0 and TEMPLATE.match(lines[before]):
        before -= 1
    return lines[before].lstrip().startswith("///") or "///<" in lines[i]


def main(path):
    with open(path, encoding="utf-8") as source:
        lines = source.read().split("\n")
    for i, line in enumerate(lines):
        for rule, text in RULES:
            if rule.match(line) and not documented(lines, i):
                at = i
                while TEMPLATE.match(lines[at - 1]):
                    at -= 1
                lines[at] = f"/** {text} */ " + lines[at].lstrip()
                break
        if re.match(r"(template <.*> )?struct std::hash<", line):
            # Doxygen cannot place a specialisation in a namespace that it does not know.
            start = i - 1 if TEMPLATE.match(lines[i - 1]) else i
            end = lines.index("};", i)
            lines[start] = "/** @cond */ " + lines[start]
            lines[end] += " /** @endcond */"
    sys.stdout.write("\n".join(lines))


if __name__ == "__main__":
    main(sys.argv[1])
