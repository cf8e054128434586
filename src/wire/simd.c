/* Which kernels this processor can run. Not the kernels themselves. */
#include "simd.h"

static const struct simd_kernels portable = {"portable", mask_copy_portable,
                                             utf8_is_valid_portable};

_Atomic(const struct simd_kernels *) simd_chosen;

#if defined(__x86_64__) && defined(__GNUC__)

static const struct simd_kernels avx2 = {"avx2", mask_copy_avx2, utf8_is_valid_avx2};
static const struct simd_kernels avx512 = {"avx512", mask_copy_avx2, utf8_is_valid_avx512};

/* How many sets the processor can run; each includes the ones before it. */
static size_t usable_count(void) {
  __builtin_cpu_init();
  if (!__builtin_cpu_supports("avx2")) {
    return 1;
  }
  bool has_avx512 = __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512bw") &&
                    __builtin_cpu_supports("avx512vbmi");
  return has_avx512 ? 3 : 2;
}

static const struct simd_kernels *const sets[] = {&portable, &avx2, &avx512};

#else

static size_t usable_count(void) {
  return 1;
}

static const struct simd_kernels *const sets[] = {&portable};

#endif

const struct simd_kernels *simd_kernels_at(size_t index) {
  return index < usable_count() ? sets[index] : NULL;
}

const struct simd_kernels *simd_choose(void) {
  const struct simd_kernels *best = sets[usable_count() - 1];
  atomic_store_explicit(&simd_chosen, best, memory_order_relaxed);
  return best;
}
