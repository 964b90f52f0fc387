/* Weight k, in two's complement, of an array with BITS bits a weight, the lowest bits of a byte first. */
static int weightBITS(const uint8_t *w, int k)
{
    const unsigned at = (unsigned)k; /* for which / and % are shifts */
    const int field = FLASH_8(w + at / COUNT) >> (at % COUNT * BITS) & MASK;
    return (field ^ SIGN) - SIGN;
}

/* Weight k, in two's complement, of an array with BITS bits a weight, the lowest bits of a byte first. */
static int weightBITS(const uint8_t *w, int k)
{
    const unsigned at = (unsigned)k; /* for which / and % are shifts */
    const unsigned first = at % 8 * BITS, shift = first % 8;
    const uint8_t *q = w + at / 8 * BITS + first / 8;
    int field = FLASH_8(q) >> shift;
    if (shift + BITS > 8)
        field |= FLASH_8(q + 1) << (8 - shift);
    field &= MASK;
    return (field ^ SIGN) - SIGN;
}

/* Three or more pairs of weights of BITS bits, the lowest bits of a byte first, from pair k on. */
static uint32_t pairsBITS(const uint8_t *w, int k)
{
    const unsigned at = (unsigned)k, first = at % 4 * TWICE;
    const uint8_t *q = w + at / 4 * BITS + first / 8;
    return ((uint32_t)FLASH_8(q + 2) << 16 | (uint32_t)FLASH_8(q + 1) << 8 | FLASH_8(q)) >> first % 8;
}

/* The lowest pair, in two's complement, as one factor: the first, plus 2^16 times the second; or that of f. */
static factor_t factorBITS(uint32_t pairs, int f)
{
#if LANES == 1
    return (factor_t)(((int)(pairs >> f % 2 * BITS & MASK) ^ SIGN) - SIGN);
#else
    (void)f;
    return (((pairs & MASK) | (pairs >> BITS & MASK) << 16) ^ SIGNS) - SIGNS;
#endif
}
