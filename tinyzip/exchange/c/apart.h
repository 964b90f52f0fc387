#ifdef __GNUC__
#define APART __attribute__((noinline)) /* so that its loops have all registers */
#else
#define APART
#endif
