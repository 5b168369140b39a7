// Affinity cookies and Engine.IO sids. A value that is accepted has the right shape. A Cookie line has no more pairs than bytes.
#include <string>

#include "fuzz/fuzz.h"
#include "head/affinity_cookie.h"
#include "head/engine_io_sid.h"

using namespace limpet;

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  static const CookieSeal seal = {"limpet", "n1", kCookieKey, 168};
  const std::string_view text = Input(data, size);
  uint8_t slot = 0;
  if (ReadAffinityCookie(text, seal, kHourNow, slot)) {
    const std::string start = "1.n1." + std::to_string(slot) + ".";
    Require(text.starts_with(start));
    Require(text.size() > 17 && text[text.size() - 17] == '.');
  }
  SidPlace place;
  if (ReadEngineIoSid(text, kSidKey, place)) Require(size == 20);
  std::string_view line = text, name, value;
  size_t pairs = 0;
  while (TakeCookiePair(line, name, value)) {
    ++pairs;
    Require(name.size() + value.size() <= size);
  }
  Require(pairs <= size);
  return 0;
}
