#include "handoff/shared_memory.h"

#include <sys/mman.h>

#include <bit>
#include <cerrno>

#if !defined(__linux__)
#include <cstdio>
#endif

namespace limpet {
namespace {

static_assert(std::atomic<double>::is_always_lock_free && sizeof(std::atomic<double>) == sizeof(double));
static_assert(std::atomic<uint16_t>::is_always_lock_free && sizeof(std::atomic<uint16_t>) == sizeof(uint16_t));

// Increase it with every change of the layout. A worker may run another version of limpet than its primary.
constexpr double kLayoutVersion = 2;

Descriptor AnonymousMemory() {
#if defined(__linux__)
  return Descriptor(memfd_create("limpet", MFD_CLOEXEC));
#else
  char name[32];
  snprintf(name, sizeof name, "/limpet-%d", getpid());
  Descriptor fd(shm_open(name, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0600));
  if (fd.valid()) shm_unlink(name);
  return fd;
#endif
}

}  // namespace

SharedMemory::~SharedMemory() {
  if (data_ != nullptr) munmap(data_, kBytes);
}

Status SharedMemory::Create(Descriptor* result) {
  Descriptor fd = AnonymousMemory();
  if (!fd.valid()) return Status::System("memfd_create", errno);
  if (ftruncate(fd.get(), kBytes) != 0) return Status::System("ftruncate", errno);
  const double version = kLayoutVersion;
  if (pwrite(fd.get(), &version, sizeof version, 0) != sizeof version) return Status::System("pwrite", errno);
  *result = std::move(fd);
  return Status::Ok();
}

Status SharedMemory::Map(int fd, SharedMemory* result) {
  SharedMemory memory;
  void* data = mmap(nullptr, kBytes, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
  if (data == MAP_FAILED) return Status::System("mmap", errno);
  memory.data_ = data;
  if (memory.at(0, kLayout).load(std::memory_order_relaxed) != kLayoutVersion) return Status::System("mmap", EPROTO);
  *result = std::move(memory);
  return Status::Ok();
}

bool SharedMemory::IsHome(ClientKey client, uint32_t slot) const {
  const uint32_t buckets = word(kBuckets);
  if (buckets < 2) return true;
  const uint32_t hash = HashWords({word(kKey0), word(kKey1)}, client.w0, client.w1);
  const uint32_t bucket = hash >> (32 - std::countr_zero(buckets));
  const auto* homes = reinterpret_cast<std::atomic<uint16_t>*>(static_cast<char*>(data_) + kHomesOffset);
  return homes[bucket].load(std::memory_order_relaxed) == slot ||
         homes[kBucketsMax + bucket].load(std::memory_order_relaxed) == slot;
}

}  // namespace limpet
