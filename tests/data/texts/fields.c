/* fields.c - see fields.h
 *
 * Real numbers stand as codes, real = scale (code - zero), and a layer is
 *
 *     code = zero + acc m0 / 2^n, rounded and clamped
 *     acc = sum of w (x - zero of x), plus bias
 *
 * [Jacob et al. 2018, Quantization and Training of Neural Networks for Efficient
 * Integer-Arithmetic-Only Inference, eq. 1 and 4-7]. A loop `for (; a_rows < end; a_rows++)` asks a
 * layer for the rows that are needed next; row h is kept at h % rows.
 */
#include "fields.h"

#if FIELDS_CHECKSUM != 0x88ccf898
#error fields.h is of another program: export all files again
#endif

#ifdef __AVR__
#include <avr/pgmspace.h> /* tables stay in flash, which is no part of the memory that pointers reach */
#define FLASH PROGMEM
#define FLASH_8(p) pgm_read_byte(p)
#define FLASH_16(p) pgm_read_word(p)
#define FLASH_32(p) pgm_read_dword(p)
#else
#define FLASH
#define FLASH_8(p) (*(p))
#define FLASH_16(p) (*(p))
#define FLASH_32(p) (*(p))
#endif

#ifdef __GNUC__
#define APART __attribute__((noinline)) /* so that its loops have all registers */
#else
#define APART
#endif

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

#ifndef FIELDS_READ_INPUT
#define FIELDS_READ_INPUT(input, k) ((input)[k])
#endif

static const fields_input_t *image;
static fields_output_t *answer;
static union { /* never needed at the same time */
    int8_t maxpool2d1_codes[648]; /* 9 of the 12 rows of 6 x 12 x 12 */
    int8_t avgpool2d4_codes[16]; /* 8 x 2 x 1 */
    int16_t globalavgpool6_sums[8]; /* 8 sums */
    int8_t linear8_codes[4]; /* 4 */
} shared0;
static union { /* never needed at the same time */
    int8_t first_codes[132]; /* 2 of the 11 rows of 6 x 11 x 11 */
    int16_t mean_sums[8]; /* 8 sums */
    uint8_t globalavgpool6_codes[8]; /* 8 */
} shared1;
static union { /* never needed at the same time */
    int8_t lang_l_nger_codes[48]; /* 2 of the 4 rows of 8 x 4 x 3 */
    uint8_t mean_codes[8]; /* 8 */
} shared2;
static int8_t conv2d3_codes[24]; /* 8 x 3 x 1 */
static sums_t sums16x2[11]; /* sums of a row of a channel */
static int32_t sums32[3]; /* sums of a row of a channel */
static int16_t sums16[1]; /* sums of a row of a channel */
static int16_t first_rows; /* how many are done */
static int16_t maxpool2d1_rows; /* how many are done */
static int16_t lang_l_nger_rows; /* how many are done */

/* The bit of an array with 1 bit a weight, the lowest bits of a byte first. */
static int weight1(const uint8_t *w, int k)
{
    const unsigned at = (unsigned)k; /* for which / and % are shifts */
    const int field = FLASH_8(w + at / 8) >> (at % 8) & 1;
    return field;
}

/* Weight k, in two's complement, of an array with 2 bits a weight, the lowest bits of a byte first. */
static int weight2(const uint8_t *w, int k)
{
    const unsigned at = (unsigned)k; /* for which / and % are shifts */
    const int field = FLASH_8(w + at / 4) >> (at % 4 * 2) & 3;
    return (field ^ 2) - 2;
}

/* Three or more pairs of weights of 3 bits, the lowest bits of a byte first, from pair k on. */
static uint32_t pairs3(const uint8_t *w, int k)
{
    const unsigned at = (unsigned)k, first = at % 4 * 6;
    const uint8_t *q = w + at / 4 * 3 + first / 8;
    return ((uint32_t)FLASH_8(q + 2) << 16 | (uint32_t)FLASH_8(q + 1) << 8 | FLASH_8(q)) >> first % 8;
}

/* The lowest pair, in two's complement, as one factor: the first, plus 2^16 times the second; or that of f. */
static factor_t factor3(uint32_t pairs, int f)
{
#if LANES == 1
    return (factor_t)(((int)(pairs >> f % 2 * 3 & 7) ^ 4) - 4);
#else
    (void)f;
    return (((pairs & 7) | (pairs >> 3 & 7) << 16) ^ 262148) - 262148;
#endif
}

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

/* (acc m + r) / 2^s, rounded down: 32 bits hold it, and the code is that of acc m0 / 2^n for all sums here */
static int32_t rescale_short(int32_t acc, int32_t m, int32_t r, int s)
{
    const int32_t x = acc * m + r;
    return x < 0 ? ~(~x >> s) : x >> s;
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

/* sum / count to nearest, half away from zero */
static int32_t mean(int32_t sum, int32_t count)
{
    return sum < 0 ? -((count / 2 - sum) / count) : (sum + count / 2) / count;
}

/* first: Conv2d 3x3, 1x12x10 to 6x11x11. |sum + bias| <= 5,418, and int16_t holds the sum. */
static const uint8_t first_w[23] FLASH = {
    115, 238, 167, 146, 28, 28, 131, 39, 53, 247, 229, 173, 159, 116, 196, 219, 174, 32, 203, 143,
    1, 0, 0,
};

static const int16_t first_bias[6] FLASH = {
    165, -241, -317, -63, 520, -368,
};

static const int32_t first_m[6] FLASH = {
    262144, 265158, 268172, 271186, 274200, 277214,
};

static const int32_t first_r[6] FLASH = {
    2228223, 4194303, 8390925, 2097151, 4194391, 8388305,
};

static const int8_t first_s[6] FLASH = {
    22, 23, 24, 22, 23, 24,
};

static APART void first_sums(int first, int oh)
{
    for (int ow = 0; ow < 11; ow++)
        sums16x2[ow] = EMPTY;
    for (int i = 0; i < 3; i++) {
        const int h = oh + i - 1;
        if (h >= 0) {
            const int row = h * 10;
            for (int j = 0; j < 3; j++) {
                const int k = (first / 2 * 3 + i) * 3 + j;
                const uint32_t from0 = pairs3(first_w, k);
                const factor_t w0 = factor3(from0, first);
                if (w0) {
                    const int v = j - 1;
                    for (int ow = v < 0 ? -v : 0, end = v > -1 ? 10 - v : 11; ow < end; ow++)
                        sums16x2[ow] += w0 * FIELDS_READ_INPUT(image, row + ow + j - 1);
                }
            }
        }
    }
}

static void first_row(int oh)
{
    for (int first = 0; first < 6; first += LANES) {
        first_sums(first, oh);
        for (int f = first; f < first + LANES; f++) {
            const int32_t bias = (int16_t)FLASH_16(first_bias + f);
            const int32_t m = (int32_t)FLASH_32(first_m + f);
            const int32_t r = (int32_t)FLASH_32(first_r + f);
            const int s = (int8_t)FLASH_8(first_s + f);
            for (int ow = 0; ow < 11; ow++) {
                shared1.first_codes[(f * 2 + oh % 2) * 11 + ow] =
                    (int8_t)(clamp(rescale_short(sum_of(sums16x2[ow], f) + bias, m, r, s), -28, 227) - 100);
            }
        }
    }
}

/* maxpool2d1: MaxPool2d 2x2, 6x11x11 to 6x12x12. */
static void maxpool2d1_row(int oh)
{
    for (; first_rows < oh + 1 && first_rows < 11; first_rows++)
        first_row(first_rows);
    const int top = oh - 1 < 0 ? 0 : oh - 1, bottom = oh + 1 > 11 ? 11 : oh + 1;
    for (int c = 0; c < 6; c++) {
        for (int ow = 0; ow < 12; ow++) {
            const int left = ow - 1 < 0 ? 0 : ow - 1, right = ow + 1 > 11 ? 11 : ow + 1;
            int most = -128;
            for (int h = top; h < bottom; h++) {
                for (int v = left; v < right; v++) {
                    if (shared1.first_codes[(c * 2 + h % 2) * 11 + v] > most)
                        most = shared1.first_codes[(c * 2 + h % 2) * 11 + v];
                }
            }
            shared0.maxpool2d1_codes[(c * 9 + oh % 9) * 12 + ow] =
                (int8_t)clamp(most, -100, 127);
        }
    }
}

/* lang_l_nger: Conv2d 9x10, 6x12x12 to 8x4x3. |sum + bias| <= 1,128,629, and int32_t holds the sum. */
static const int8_t lang_l_nger_w[4320] FLASH = {
    0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0,
    0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0,
    0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0,
    -28, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0,
    0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0,
    0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0,
    0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0,
    0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 22,
    0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0,
    0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0,
    0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, -11, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0,
    0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0,
    0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, -59, 0, 0, 40, 0, 0, 0, 0,
    0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0,
    0, -52, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0,
    0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, -35, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0,
    0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0,
    -44, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, -42, 0, 0, 0,
    0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0,
    0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0,
    0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0,
    0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0,
    0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0,
    0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0,
    0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0,
    0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0,
    0, 0, 0, 0, 43, 0, 0, 0, 0, 26, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0,
    0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0,
    0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0,
    0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, -7, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0,
    0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0,
    0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0,
    0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0,
    21, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0,
    0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0,
    0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, -42, 0, 0,
    0, 0, 0, 0, 0, 0, 0, 0, 0, 0, -40, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0,
    0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0,
    0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0,
    0, 0, 0, 0, -44, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0,
    0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 41, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0,
    0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0,
    0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0,
    0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0,
    0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0,
    0, 0, 0, 0, 0, 0, 0, 0, -16, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0,
    0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 2, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0,
    0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0,
    0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0,
    0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 22, 0, 0, 0, 0, 0, 0, 0, 0, 0,
    0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0,
    0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0,
    0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0,
    0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, -28, 0, 0, 0, 0,
    0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0,
    0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 57, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0,
    0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 31, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0,
    0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0,
    0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, -21, 0,
    0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0,
    0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0,
    0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0,
    0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, -7, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0,
    0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 49, 0, 0, 0, 0, 0, 0, 0, 0,
    0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0,
    0, 0, 0, 0, 19, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 15, 0,
    0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0,
    0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0,
    0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 48, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 42, 0, 0, 0, 0, 0, 0,
    0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0,
    0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 48, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 24,
    0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0,
    0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 57, 0, 0,
    0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0,
    0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, -15, 0,
    0, 0, 0, 0, 0, 0, -30, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0,
    0, 0, 0, 18, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0,
    0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0,
    0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0,
    0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, -57, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0,
    0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0,
    0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0,
    0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0,
    0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 57, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0,
    0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0,
    0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0,
    0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0,
    0, 0, 55, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, -50,
    0, 0, 0, 0, 0, 0, 0, -34, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0,
    0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0,
    0, 0, 0, 0, 0, 0, 0, 0, 46, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0,
    0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0,
    0, 0, 0, 0, 0, 0, 51, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 16, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0,
    0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0,
    0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 2, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, -36, 0, 0, 0, 0, 0, 0, 0,
    0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0,
    0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0,
    0, 0, 0, 0, 0, 0, 0, -44, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0,
    0, -52, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0,
    0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 29, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0,
    0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 54, 0, 0, 0, 0, 0,
    0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0,
    0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0,
    0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0,
    0, 0, 0, 0, 0, 0, 0, 0, -37, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0,
    0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0,
    0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 10, 0, 0, 0, 0, 0,
    0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, -51, 0, 0, 0, 0, 0, 0,
    0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0,
    0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, -54, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0,
    0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0,
    0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0,
    0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0,
    0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, -48, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0,
    0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0,
    0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0,
    0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 36, 0, 0, 0,
    0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0,
    -23, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0,
    0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0,
    0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0,
    0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0,
    0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, -22,
    0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0,
    0, 0, 0, 0, 0, 49, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0,
    0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0,
    0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 49, 0,
    0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, -27, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0,
    0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0,
    0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0,
    0, 0, 0, 0, 0, 0, 0, 0, -13, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0,
    0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0,
    0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0,
    0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, -27, 0, 0, 0, 0, 0,
    0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0,
    0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0,
    0, 0, 0, 0,
};

static const int32_t lang_l_nger_bias[8] FLASH = {
    814826, 113574, 1041974, -594280, -600883, 1022166, 80561, 768608,
};

static APART void lang_l_nger_sums(int f, int oh)
{
    const int begin = (oh) % 9;
    for (int ow = 0; ow < 3; ow++)
        sums32[ow] = 0;
    for (int i = 0; i < 9; i++) {
        for (int c = 0; c < 6; c++) {
            const int row = (c * 9 + (begin + i < 9 ? begin + i : begin + i - 9)) * 12;
            const int k = ((f * 6 + c) * 9 + i) * 10;
            const int w0 = (int8_t)FLASH_8(lang_l_nger_w + k);
            const int w1 = (int8_t)FLASH_8(lang_l_nger_w + k + 1);
            const int w2 = (int8_t)FLASH_8(lang_l_nger_w + k + 2);
            const int w3 = (int8_t)FLASH_8(lang_l_nger_w + k + 3);
            const int w4 = (int8_t)FLASH_8(lang_l_nger_w + k + 4);
            const int w5 = (int8_t)FLASH_8(lang_l_nger_w + k + 5);
            const int w6 = (int8_t)FLASH_8(lang_l_nger_w + k + 6);
            const int w7 = (int8_t)FLASH_8(lang_l_nger_w + k + 7);
            const int w8 = (int8_t)FLASH_8(lang_l_nger_w + k + 8);
            const int w9 = (int8_t)FLASH_8(lang_l_nger_w + k + 9);
            for (int ow = 0; ow < 3; ow++) {
                int32_t sum = sums32[ow];
                sum += w0 * (shared0.maxpool2d1_codes[row + ow] + 100);
                sum += w1 * (shared0.maxpool2d1_codes[row + ow + 1] + 100);
                sum += w2 * (shared0.maxpool2d1_codes[row + ow + 2] + 100);
                sum += w3 * (shared0.maxpool2d1_codes[row + ow + 3] + 100);
                sum += w4 * (shared0.maxpool2d1_codes[row + ow + 4] + 100);
                sum += w5 * (shared0.maxpool2d1_codes[row + ow + 5] + 100);
                sum += w6 * (shared0.maxpool2d1_codes[row + ow + 6] + 100);
                sum += w7 * (shared0.maxpool2d1_codes[row + ow + 7] + 100);
                sum += w8 * (shared0.maxpool2d1_codes[row + ow + 8] + 100);
                sum += w9 * (shared0.maxpool2d1_codes[row + ow + 9] + 100);
                sums32[ow] = sum;
            }
        }
    }
}

static void lang_l_nger_row(int oh)
{
    for (; maxpool2d1_rows < oh + 9; maxpool2d1_rows++)
        maxpool2d1_row(maxpool2d1_rows);
    for (int f = 0; f < 8; f++) {
        lang_l_nger_sums(f, oh);
        const int32_t bias = (int32_t)FLASH_32(lang_l_nger_bias + f);
        for (int ow = 0; ow < 3; ow++) {
            shared2.lang_l_nger_codes[(f * 2 + oh % 2) * 3 + ow] =
                (int8_t)(clamp(rescale_double(sums32[ow] + bias, 1073741831, 42), -28, 227) - 100);
        }
    }
}

/* conv2d3: Conv2d 2x2/1x2 in 8 groups, 8x4x3 to 8x3x1. |sum + bias| <= 908, and int16_t holds the
 * sum.
 */
static const uint8_t conv2d3_w[8] FLASH = {
    243, 243, 4, 92, 241, 7, 253, 71,
};

static APART void conv2d3_sums(int f, int oh)
{
    const int begin = (oh) % 2;
    sums16[0] = 0;
    for (int i = 0; i < 2; i++) {
        const int row = (f * 2 + (begin + i < 2 ? begin + i : begin + i - 2)) * 3;
        const int k = (f * 2 + i) * 2;
        const int w0 = weight2(conv2d3_w, k);
        const int w1 = weight2(conv2d3_w, k + 1);
        int sum = sums16[0];
        sum += w0 * (shared2.lang_l_nger_codes[row] + 100);
        sum += w1 * (shared2.lang_l_nger_codes[row + 1] + 100);
        sums16[0] = (int16_t)sum;
    }
}

static void conv2d3_row(int oh)
{
    for (; lang_l_nger_rows < oh + 2; lang_l_nger_rows++)
        lang_l_nger_row(lang_l_nger_rows);
    for (int f = 0; f < 8; f++) {
        conv2d3_sums(f, oh);
        conv2d3_codes[f * 3 + oh] =
            (int8_t)(clamp(rescale_short(sums16[0], 2097152, 9437183, 24), -28, 227) - 100);
    }
}

/* avgpool2d4: AvgPool2d 2x1/2x1, 8x3x1 to 8x2x1. |sum| <= 257, which int16_t holds. */
static void avgpool2d4_row(int oh)
{
    const int top = 2 * oh - 1 < 0 ? 0 : 2 * oh - 1, bottom = 2 * oh + 1 > 3 ? 3 : 2 * oh + 1;
    for (int c = 0; c < 8; c++) {
        const int left = 0, right = 1;
        int16_t sum = 0;
        for (int h = top; h < bottom; h++) {
            for (int v = left; v < right; v++)
                sum = (int16_t)(sum + conv2d3_codes[c * 3 + h]);
        }
        shared0.avgpool2d4_codes[c * 2 + oh] =
            (int8_t)clamp(mean(sum, (bottom - top) * (right - left)), -100, 127);
    }
}

/* mean: GlobalAvgPool, 8x2x1 to 8x1x1. |sum| <= 454, which int16_t holds. */
static void mean_all(void)
{
    for (int c = 0; c < 8; c++)
        shared1.mean_sums[c] = 0;
    for (int h = 0; h < 2; h++) {
        for (int c = 0; c < 8; c++)
            shared1.mean_sums[c] = (int16_t)(shared1.mean_sums[c] + (shared0.avgpool2d4_codes[c * 2 + h] + 100));
    }
    for (int c = 0; c < 8; c++) {
        shared2.mean_codes[c] =
            (uint8_t)clamp(rescale_short(shared1.mean_sums[c], 4194304, 27262975, 25), 0, 255);
    }
}

/* globalavgpool6: GlobalAvgPool, 8x1x1 to 8x1x1. |sum| <= 255, which int16_t holds. */
static void globalavgpool6_all(void)
{
    for (int c = 0; c < 8; c++)
        shared0.globalavgpool6_sums[c] = 0;
    for (int c = 0; c < 8; c++)
        shared0.globalavgpool6_sums[c] = (int16_t)(shared0.globalavgpool6_sums[c] + shared2.mean_codes[c]);
    for (int c = 0; c < 8; c++) {
        shared1.globalavgpool6_codes[c] =
            (uint8_t)mean(shared0.globalavgpool6_sums[c], 1);
    }
}

/* linear8: Linear, 8 to 4. |sum + bias| <= 2,048, and int16_t holds the sum. */
static const uint8_t linear8_w[4] FLASH = {
    244, 141, 194, 225,
};

static const int8_t linear8_bias[4] FLASH = {
    -8, -4, 3, -6,
};

static void linear8_all(void)
{
    for (int f = 0; f < 4; f++) {
        int16_t sum = 0;
        for (int c = 0; c < 8; c++) {
            const int w = weight1(linear8_w, f * 8 + c) ? 1 : -1;
            sum = (int16_t)(sum + w * shared1.globalavgpool6_codes[c]);
        }
        const int32_t bias = (int8_t)FLASH_8(linear8_bias + f);
        shared0.linear8_codes[f] =
            (int8_t)(clamp(rescale_single(sum + bias, 2147483647, 33), -131, 124) + 3);
    }
}

/* class: Argmax, 4 to a class. The first of the greatest. */
static void class_all(void)
{
    int best = 0;
    for (int c = 1; c < 4; c++) {
        if (shared0.linear8_codes[c] > shared0.linear8_codes[best])
            best = c;
    }
    answer[0] = best;
}

void fields_run(const fields_input_t *input, fields_output_t *output)
{
    image = input;
    answer = output;
    first_rows = 0;
    maxpool2d1_rows = 0;
    lang_l_nger_rows = 0;
    for (int oh = 0; oh < 3; oh++)
        conv2d3_row(oh);
    for (int oh = 0; oh < 2; oh++)
        avgpool2d4_row(oh);
    mean_all();
    globalavgpool6_all();
    linear8_all();
    class_all();
}

int fields_classify(const fields_input_t *input)
{
    static fields_output_t output[FIELDS_OUTPUT_SIZE];
    fields_run(input, output);
    return (int)output[0];
}
