#ifndef LIMPET_HANDOFF_PRIMARY_DATAGRAM_H_
#define LIMPET_HANDOFF_PRIMARY_DATAGRAM_H_

#include <string_view>

#include "handoff/status.h"

namespace limpet {

// Sends `text` as one datagram to the unix-domain socket at `path`; a leading `@` stands for Linux's abstract names. Never waits:
// EAGAIN when the receiver's queue is full. ENAMETOOLONG, ENOENT, ECONNREFUSED as the system has them.
Status SendDatagram(std::string_view path, std::string_view text);

}  // namespace limpet

#endif  // LIMPET_HANDOFF_PRIMARY_DATAGRAM_H_
