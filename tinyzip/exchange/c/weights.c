/* Weight k, in two's complement, of an array with BITS bits a weight, the lowest bits of a byte first. */
static int weightBITS(const uint8_t *w, int k)
{
    const int field = FLASH_8(w + k / COUNT) >> (k % COUNT * BITS) & MASK;
    return (field ^ SIGN) - SIGN;
}

/* Weight k, in two's complement, of an array with BITS bits a weight, the lowest bits of a byte first. */
static int weightBITS(const uint8_t *w, int k)
{
    const int first = k % 8 * BITS, shift = first % 8;
    const uint8_t *q = w + k / 8 * BITS + first / 8;
    int field = FLASH_8(q) >> shift;
    if (shift + BITS > 8)
        field |= FLASH_8(q + 1) << (8 - shift);
    field &= MASK;
    return (field ^ SIGN) - SIGN;
}
