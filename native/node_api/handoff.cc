// exports.handoff: descriptors, the shared memory, and what other files add. src/binding/handoff-binding.ts has the types.
#include <fcntl.h>
#include <napi.h>

#include <cerrno>
#include <memory>

#include "handoff/descriptor.h"
#include "handoff/shared_memory.h"
#include "node_api/arguments.h"
#include "node_api/init.h"
#include "node_api/system_error.h"

namespace limpet {
namespace {

// (fd): the caller owns the duplicate.
Napi::Value Duplicate(const Napi::CallbackInfo& info) {
  Descriptor duplicate = Descriptor::Duplicate(ReadInt(info[0]));
  if (!duplicate.valid()) ThrowSystemError(info.Env(), Status::System("fcntl", errno));
  return Napi::Number::New(info.Env(), duplicate.Release());
}

// (fd)
void Close(const Napi::CallbackInfo& info) { Descriptor(ReadInt(info[0])).Reset(); }

// (fd)
void CloseOnExec(const Napi::CallbackInfo& info) {
  if (fcntl(ReadInt(info[0]), F_SETFD, FD_CLOEXEC) != 0) ThrowSystemError(info.Env(), Status::System("fcntl", errno));
}

// (fd): makes an inherited socket close-on-exec and non-blocking.
void PrepareInherited(const Napi::CallbackInfo& info) {
  const int fd = ReadInt(info[0]);
  const int flags = fcntl(fd, F_GETFL);
  if (flags < 0 || fcntl(fd, F_SETFD, FD_CLOEXEC) != 0 || fcntl(fd, F_SETFL, flags | O_NONBLOCK) != 0) {
    ThrowSystemError(info.Env(), Status::System("fcntl", errno));
  }
}

// The caller owns the descriptor that is returned.
Napi::Value CreateSharedMemory(const Napi::CallbackInfo& info) {
  Descriptor memory;
  if (!ThrowUnlessOk(info.Env(), SharedMemory::Create(&memory))) return info.Env().Undefined();
  return Napi::Number::New(info.Env(), memory.Release());
}

// (fd): an ArrayBuffer over the memory, mapped until the buffer is collected.
Napi::Value MapSharedMemory(const Napi::CallbackInfo& info) {
  auto mapping = std::make_unique<SharedMemory>();
  if (!ThrowUnlessOk(info.Env(), SharedMemory::Map(ReadInt(info[0]), mapping.get()))) return info.Env().Undefined();
  SharedMemory* const owned = mapping.release();
  return Napi::ArrayBuffer::New(info.Env(), owned->data(), SharedMemory::kBytes,
                                [](Napi::Env, void*, SharedMemory* collected) { delete collected; }, owned);
}

// The figures that src/binding/shared-memory.ts repeats. A test compares the two.
Napi::Object SharedMemoryLayout(Napi::Env env) {
  auto bounds = Napi::Array::New(env, kLatencyBoundsUs.size());
  for (uint32_t i = 0; i < kLatencyBoundsUs.size(); ++i) bounds[i] = static_cast<double>(kLatencyBoundsUs[i]);
  auto layout = Napi::Object::New(env);
  layout["cellsPerRow"] = SharedMemory::kCellsPerBlock;
  layout["slots"] = SharedMemory::kSlots;
  layout["workers"] = SharedMemory::kWorkers;
  layout["homesOffset"] = static_cast<double>(SharedMemory::kHomesOffset);
  layout["bucketsMax"] = SharedMemory::kBucketsMax;
  layout["latencyBoundsUs"] = bounds;
  layout["workerCells"] = static_cast<double>(WorkerCell::kWorkerCells);
  layout["bytes"] = static_cast<double>(SharedMemory::kBytes);
  return layout;
}

}  // namespace

void InitHandoff(Napi::Env env, Napi::Object exports) {
  auto handoff = Napi::Object::New(env);
  handoff["duplicate"] = Napi::Function::New(env, Duplicate, "duplicate");
  handoff["close"] = Napi::Function::New(env, Close, "close");
  handoff["closeOnExec"] = Napi::Function::New(env, CloseOnExec, "closeOnExec");
  handoff["prepareInherited"] = Napi::Function::New(env, PrepareInherited, "prepareInherited");
  handoff["createSharedMemory"] = Napi::Function::New(env, CreateSharedMemory, "createSharedMemory");
  handoff["mapSharedMemory"] = Napi::Function::New(env, MapSharedMemory, "mapSharedMemory");
  handoff["sharedMemoryLayout"] = SharedMemoryLayout(env);
  InitAcceptor(env, handoff);
  InitInbox(env, handoff);
  InitListeningSockets(env, handoff);
  exports["handoff"] = handoff;
}

}  // namespace limpet
