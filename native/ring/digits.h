#ifndef LIMPET_RING_DIGITS_H_
#define LIMPET_RING_DIGITS_H_

#include <cstdint>
#include <string_view>

namespace limpet {

// Reads decimal digits without sign or leading zero. False for any other text, and for a number above `max`.
bool ParseDecimal(std::string_view text, uint32_t max, uint32_t& out);

// The value of a hexadecimal digit in either letter case. -1 for any other character.
int HexDigit(char c);

}  // namespace limpet

#endif  // LIMPET_RING_DIGITS_H_
