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
