#ifndef LIMPET_HANDOFF_PRIMARY_DATAGRAM_H_
#define LIMPET_HANDOFF_PRIMARY_DATAGRAM_H_

#include <string_view>

#include "handoff/status.h"

namespace limpet {

// Sends `text` as one datagram to the unix-domain socket at `path`. A leading `@` means an abstract name of Linux. Never blocks: EAGAIN
// if the receiver's queue is full. Other errors are those of sendto(2), such as ENAMETOOLONG, ENOENT and ECONNREFUSED.
Status SendDatagram(std::string_view path, std::string_view text);

}  // namespace limpet

#endif  // LIMPET_HANDOFF_PRIMARY_DATAGRAM_H_
