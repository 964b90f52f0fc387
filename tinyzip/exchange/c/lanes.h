#ifndef LANES
#ifdef __AVR__
#define LANES 1 /* a channel at a time, where products have 16 bits */
#else
#define LANES 2 /* channels at a time, their sums in the halves of a word, each plus 2^15 */
#endif
#endif
#if LANES == 1
typedef int sums_t;
typedef int8_t factor_t;
#define EMPTY 0
#define LEAST INT16_MIN
#else
typedef uint32_t sums_t;
typedef uint32_t factor_t;
#define EMPTY 0x80008000
#define LEAST 0
#endif
