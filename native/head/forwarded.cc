#include "head/forwarded.h"

#include "head/request_head.h"
#include "ring/digits.h"

namespace limpet {
namespace {

enum class Found : uint8_t { kNothing, kClient, kHidden };

bool ParsePort(std::string_view text) {
  uint32_t port = 0;
  return text.starts_with('_') || ParseDecimal(text, 65535, port);
}

// Takes the last element off a list. It is read from the right, so that text which a client wrote to the left can neither hide the
// element nor merge with it. A `separator` inside a quoted string separates nothing.
std::string_view TakeLastElement(std::string_view& list, char separator, bool quotes) {
  bool quoted = false;
  size_t at = list.size();
  while (at > 0) {
    const char c = list[at - 1];
    if (!quoted && c == separator) break;
    if (quotes && c == '"') {
      size_t backslashes = 0;
      while (quoted && backslashes < at - 1 && list[at - 2 - backslashes] == '\\') ++backslashes;
      if (backslashes % 2 == 0) quoted = !quoted;
      at -= backslashes;
    }
    --at;
  }
  const std::string_view element = list.substr(at);
  list = list.substr(0, at > 0 ? at - 1 : 0);
  return TrimWhitespace(element);
}

// The `for` parameter of a Forwarded element. Empty if there is none, or more than one.
std::string_view ForParameter(std::string_view element) {
  std::string_view found;
  while (!element.empty()) {
    const std::string_view pair = TakeLastElement(element, ';', true);
    const size_t equals = pair.find('=');
    if (equals == std::string_view::npos || !EqualsIgnoringCase(pair.substr(0, equals), "for")) continue;
    if (!found.empty()) return {};
    found = pair.substr(equals + 1);
  }
  if (found.size() >= 2 && found.front() == '"' && found.back() == '"') found = found.substr(1, found.size() - 2);
  return found;
}

// Whether the walk ends at this element. `client` is the left-most address so far.
bool IsLastHop(std::string_view node, std::span<const IpPrefix> trust, IpAddress& client, Found& found) {
  IpAddress hop;
  if (!ParseForwardedNode(node, hop)) {
    found = Found::kHidden;
    return true;
  }
  client = hop;
  found = Found::kClient;
  return !ContainsAny(trust, hop);
}

Found FindIn(std::string_view head, std::string_view name, bool parameters, std::span<const IpPrefix> trust,
             IpAddress& client) {
  Found found = Found::kNothing;
  HeaderLines lines(head);
  for (HeaderLine line; lines.TakeLast(line);) {
    if (!line.Is(name)) continue;
    for (std::string_view list = line.value; !list.empty();) {
      const std::string_view element = TakeLastElement(list, ',', parameters);
      if (element.empty()) continue;
      if (IsLastHop(parameters ? ForParameter(element) : element, trust, client, found)) return found;
    }
  }
  return found;
}

}  // namespace

bool ParseForwardedNode(std::string_view text, IpAddress& address) {
  if (text.starts_with('[')) {
    const size_t close = text.find(']');
    if (close == std::string_view::npos || !ParseIpv6(text.substr(1, close - 1), address)) return false;
    const std::string_view rest = text.substr(close + 1);
    return rest.empty() || (rest[0] == ':' && ParsePort(rest.substr(1)));
  }
  const size_t colon = text.find(':');
  if (colon != std::string_view::npos && text.find(':', colon + 1) != std::string_view::npos) {
    return ParseIpv6(text, address);
  }
  return ParseIpv4(text.substr(0, colon), address) &&
         (colon == std::string_view::npos || ParsePort(text.substr(colon + 1)));
}

bool FindForwardedClient(std::string_view complete_head, ForwardedHeader header, std::span<const IpPrefix> trust,
                         IpAddress& client) {
  Found x_forwarded_for = Found::kNothing;
  Found forwarded = Found::kNothing;
  IpAddress other;
  if (header != ForwardedHeader::kForwarded) {
    x_forwarded_for = FindIn(complete_head, "x-forwarded-for", false, trust, client);
  }
  if (header != ForwardedHeader::kXForwardedFor) {
    forwarded = FindIn(complete_head, "forwarded", true, trust, other);
  }
  if (x_forwarded_for == Found::kNothing) {
    client = other;
    return forwarded == Found::kClient;
  }
  if (forwarded == Found::kNothing) return x_forwarded_for == Found::kClient;
  return x_forwarded_for == Found::kClient && forwarded == Found::kClient && client == other;
}

}  // namespace limpet
