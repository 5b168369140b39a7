#ifndef LIMPET_RING_DIGITS_H_
#define LIMPET_RING_DIGITS_H_

#include <cstdint>
#include <string_view>

namespace limpet {

// Decimal digits alone, no sign, no leading zero; false when it is none or greater than `max`.
bool ParseDecimal(std::string_view text, uint32_t max, uint32_t& out);

// The value of a hexadecimal digit in either letter case, -1 for any other character.
int HexDigit(char c);

}  // namespace limpet

#endif  // LIMPET_RING_DIGITS_H_
