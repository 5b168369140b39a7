// What the addon uses of the C++ runtime, reduced to allocate or abort.
//
// libstdc++'s own versions throw, and so link the unwinder, which asks for the newest GLIBC of the machine that
// compiled (2.35 with GCC 12): a prebuild would not load on the older systems that Node itself runs on (2.28).
#include <cstdlib>
#include <memory>
#include <new>

// GLIBC 2.32 has it, to spare reference counts their atomics; zero says that there may be other threads.
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

// Asked only after the tag's address, which within one library is answer enough.
bool _Sp_make_shared_tag::_S_eq(const type_info&) noexcept { return false; }

void __throw_bad_alloc() { abort(); }
void __throw_bad_array_new_length() { abort(); }
void __throw_bad_function_call() { abort(); }
void __throw_length_error(const char*) { abort(); }
void __throw_logic_error(const char*) { abort(); }
void __throw_out_of_range_fmt(const char*, ...) { abort(); }

}  // namespace std
