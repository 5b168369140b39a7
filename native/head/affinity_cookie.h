#ifndef LIMPET_HEAD_AFFINITY_COOKIE_H_
#define LIMPET_HEAD_AFFINITY_COOKIE_H_

#include <cstdint>
#include <string>
#include <string_view>

#include "ring/siphash.h"

namespace limpet {

// How limpet recognizes its own cookies.
struct CookieSeal {
  // The cookie's name, case-sensitive.
  std::string name;
  // The name of this machine in the cookie.
  std::string node;
  SipKey key;
  // The cookie is valid for this many hours after the hour in which it was issued.
  uint32_t hours_max = 168;
};

// Reads a cookie's value, `1.<node>.<slot>.<hour>.<tag>`. Slot and hour (since 1970) are decimal. The tag is SipHash-2-4 of
// everything before its dot, in 16 lower-case hexadecimal digits. False for any other text, another node, a wrong tag, an hour more
// than `hours_max` ago, and an hour after the next one (clocks differ).
bool ReadAffinityCookie(std::string_view value, const CookieSeal& seal, uint32_t hour_now, uint8_t& slot);

// Takes the first `name=value` pair off a Cookie line. Pairs are separated by semicolons and white space. A pair without `=` has an
// empty name. False if no pair is left.
bool TakeCookiePair(std::string_view& cookies, std::string_view& name, std::string_view& value);

}  // namespace limpet

#endif  // LIMPET_HEAD_AFFINITY_COOKIE_H_
