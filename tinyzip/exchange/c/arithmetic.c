static int32_t clamp(int32_t x, int32_t lo, int32_t hi)
{
    return x < lo ? lo : x > hi ? hi : x;
}

/* x / 2^s, rounded down: C leaves open what >> does to a negative number. */
static int64_t floor_shift(int64_t x, int s)
{
    return x < 0 ? ~(~x >> s) : x >> s;
}

/* a b / 2^31 to nearest, half up: ARM's SQRDMULH [gemmlowp, fixedpoint.h] */
static int32_t high(int32_t a, int32_t b)
{
    return (int32_t)floor_shift((int64_t)a * b + ((int32_t)1 << 30), 31);
}

/* acc m0 / 2^n to nearest, half up [Jacob et al. 2018, eq. 4-6, rounded once] */
static int32_t rescale_single(int32_t acc, int32_t m0, int n)
{
    return (int32_t)floor_shift((int64_t)acc * m0 + ((int64_t)1 << (n - 1)), n);
}

/* acc m0 / 2^n, rounded twice: after 31 bits half up, after the rest half away from zero
 * [Jacob et al. 2018, eq. 4-6, as gemmlowp computes them] */
static int32_t rescale_double(int32_t acc, int32_t m0, int n)
{
    if (n <= 31)
        return high(acc * ((int32_t)1 << (31 - n)), m0);
    const int64_t x = high(acc, m0), half = (int64_t)1 << (n - 32);
    return (int32_t)floor_shift(x + half - (x < 0), n - 31);
}

/* acc 2^30 / 2^n to nearest, half up, without a multiplication of more than 32 bits */
static int32_t rescale_shift(int32_t acc, int n)
{
    if (n <= 30)
        return acc * ((int32_t)1 << (30 - n));
    if (n > 61)
        return 0;
    const int32_t twice = acc < 0 ? ~(~acc >> (n - 31)) : acc >> (n - 31);
    return (twice < 0 ? ~(~twice >> 1) : twice >> 1) + (twice & 1);
}

/* (acc m + r) / 2^s, rounded down: 32 bits hold it, and the code is that of acc m0 / 2^n for all sums here */
static int32_t rescale_short(int32_t acc, int32_t m, int32_t r, int s)
{
    const int32_t x = acc * m + r;
    return x < 0 ? ~(~x >> s) : x >> s;
}

/* The greater of two sums, in each half of a word */
static sums_t greater(sums_t a, sums_t b)
{
#if LANES == 1
    return a > b ? a : b;
#else
    const uint32_t upper = a > b ? a : b, lower = a << 16 > b << 16 ? a : b;
    return upper >> 16 << 16 | (lower & 0xffff);
#endif
}

/* The sum of channel f, in the upper half of a word if f is odd */
static int32_t sum_of(sums_t sums, int f)
{
#if LANES == 1
    (void)f;
    return sums;
#else
    return (int32_t)(sums >> f % 2 * 16 & 0xffff) - 32768;
#endif
}

/* x / 2^e to nearest, halves to the even one */
static int64_t even(int64_t x, int e)
{
    if (e == 0)
        return x;
    return floor_shift(x + ((int64_t)1 << (e - 1)) - (floor_shift(x, e) % 2 == 0), e);
}

/* x to nearest among the numbers of 24 significant bits, halves to the even one: what a float32 keeps */
static int64_t significant(int64_t x)
{
    const int64_t size = x < 0 ? -x : x;
    int e = 0;
    while (size >> e >> 24 > 0)
        e++;
    return even(x, e) * ((int64_t)1 << e);
}

/* acc m0 / 2^n as float32 arithmetic rounds it, in integers; m0 is a multiple of 2^7 */
static int32_t rescale_float32(int32_t acc, int32_t m0, int n)
{
    const int64_t product = significant(significant(acc) * (m0 / 128));
    return (int32_t)(n < 7 ? product * ((int64_t)1 << (7 - n)) : even(product, n - 7));
}

/* sum / count to nearest, half away from zero */
static int32_t mean(int32_t sum, int32_t count)
{
    return sum < 0 ? -((count / 2 - sum) / count) : (sum + count / 2) / count;
}

/* (sum m + z) / 2^k as float32 arithmetic rounds it, within lo to hi [XNNPACK, mean] */
static int32_t mean_float32(int32_t sum, int32_t m, int64_t z, int k, int32_t lo, int32_t hi)
{
    const int64_t y = even(significant(significant(significant(sum) * m) + z), k);
    return (int32_t)(y < lo ? lo : y > hi ? hi : y);
}

/* 1 / sum = r / 2^(31 + bits) for a sum in units of 2^-19, 1 or more: gives r and sets bits. Newton's method
 * from the best straight line [gemmlowp, fixedpoint.h] */
static int32_t reciprocal(int32_t sum, int *bits)
{
    int b = 0;
    while (sum >> b >> 20 > 0)
        b++;
    *bits = b;
    const int32_t h = sum * ((int32_t)1 << (11 - b));
    int32_t r = LINE_START + high(h, LINE_SLOPE);
    for (int k = 0; k < 3; k++)
        r += high(r, ((int32_t)1 << 29) - high(h, r)) * 4;
    return r > HALF ? ONE : r * 2;
}
