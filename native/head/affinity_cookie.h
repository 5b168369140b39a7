#ifndef LIMPET_HEAD_AFFINITY_COOKIE_H_
#define LIMPET_HEAD_AFFINITY_COOKIE_H_

#include <cstdint>
#include <string>
#include <string_view>

#include "ring/siphash.h"

namespace limpet {

// What it takes to tell our own cookies from all others.
struct CookieSeal {
  // The cookie's name, compared case by case.
  std::string name;
  // This machine, as the cookie names it.
  std::string node;
  SipKey key;
  // How many hours after the hour of issue the cookie still counts.
  uint32_t hours_max = 168;
};

// Reads a cookie's value, `1.<node>.<slot>.<hour>.<tag>`: slot and hour (since 1970) in decimal, the tag 16
// lower-case hexadecimal digits, SipHash-2-4 of all that stands before its dot. False unless it is exactly that,
// of this node, not older than `hours_max`, from no later than the next hour (clocks differ), and the tag is right.
bool ReadAffinityCookie(std::string_view value, const CookieSeal& seal, uint32_t hour_now, uint8_t& slot);

// Walks the pairs of one Cookie line from the left: `name=value`, separated by semicolons and white space. A pair without
// `=` has an empty name. False when there is none left.
bool TakeCookiePair(std::string_view& cookies, std::string_view& name, std::string_view& value);

}  // namespace limpet

#endif  // LIMPET_HEAD_AFFINITY_COOKIE_H_
