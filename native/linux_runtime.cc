// The parts of the C++ runtime that the addon uses. They allocate or abort, and never throw.
//
// libstdc++'s own versions throw, and so link the unwinder. The unwinder needs the GLIBC of the machine that compiled it (2.35 with
// GCC 12). A prebuild with it would not load on older systems that Node.js supports (GLIBC 2.28).
//
// exports.map keeps these symbols local to the addon. Otherwise a libstdc++ that Node.js links dynamically would replace them.
#include <cstdlib>
#include <memory>
#include <new>

// libstdc++ reads this to save atomic operations on reference counts. GLIBC defines it from 2.32 on. 0: there may be other threads.
extern "C" {
[[gnu::visibility("hidden")]] char __libc_single_threaded = 0;
}

void* operator new(std::size_t size) {
  if (void* memory = std::malloc(size != 0 ? size : 1)) return memory;
  std::abort();
}

void* operator new[](std::size_t size) { return operator new(size); }
void* operator new(std::size_t size, const std::nothrow_t&) noexcept { return std::malloc(size != 0 ? size : 1); }
void* operator new[](std::size_t size, const std::nothrow_t& nothrow) noexcept { return operator new(size, nothrow); }
void operator delete(void* memory) noexcept { std::free(memory); }
void operator delete(void* memory, std::size_t) noexcept { std::free(memory); }
void operator delete[](void* memory) noexcept { std::free(memory); }
void operator delete[](void* memory, std::size_t) noexcept { std::free(memory); }

namespace std {

const nothrow_t nothrow{};

// libstdc++ first compares the address of the tag. Inside one library that comparison is enough.
bool _Sp_make_shared_tag::_S_eq(const type_info&) noexcept { return false; }

void __throw_bad_alloc() { abort(); }
void __throw_bad_array_new_length() { abort(); }
void __throw_bad_function_call() { abort(); }
void __throw_length_error(const char*) { abort(); }
void __throw_logic_error(const char*) { abort(); }
void __throw_out_of_range_fmt(const char*, ...) { abort(); }

}  // namespace std
