/* rows.c - see rows.h
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
#include "rows.h"

#if ROWS_CHECKSUM != 0xc8dfd91c
#error rows.h is of another program: export all files again
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

#ifndef ROWS_READ_INPUT
#define ROWS_READ_INPUT(input, k) ((input)[k])
#endif

static const rows_input_t *image;
static rows_output_t *answer;
static union { /* never needed at the same time */
    uint8_t a_codes[140]; /* 5 of the 44 rows of 4 x 44 x 7 */
    uint8_t g_codes[24]; /* 1 of the 12 rows of 6 x 12 x 4 */
} shared0;
static uint8_t f_codes[108]; /* 6 x 9 x 2 */
static union { /* never needed at the same time */
    uint8_t d_codes[90]; /* 3 of the 19 rows of 6 x 19 x 5 */
    int8_t h_codes[24]; /* 1 of the 12 rows of 6 x 12 x 4 */
} shared2;
static union { /* never needed at the same time */
    uint8_t c_codes[84]; /* 3 of the 21 rows of 4 x 21 x 7 */
    int8_t i_codes[24]; /* 1 of the 12 rows of 6 x 12 x 4 */
} shared3;
static union { /* never needed at the same time */
    uint8_t e_codes[60]; /* 2 of the 9 rows of 6 x 9 x 5 */
    int8_t j_codes[24]; /* 1 of the 12 rows of 6 x 12 x 4 */
} shared4;
static int32_t linear11_sums[3]; /* 3 sums */
static int16_t sums16[7]; /* sums of a row of a channel */
static int16_t most16[7]; /* greatest sums of windows */
static int16_t a_rows; /* how many are done */
static int16_t c_rows; /* how many are done */
static int16_t d_rows; /* how many are done */
static int16_t e_rows; /* how many are done */
static int16_t g_rows; /* how many are done */
static int16_t h_rows; /* how many are done */
static int16_t i_rows; /* how many are done */
static int16_t j_rows; /* how many are done */

/* Weight k, in two's complement, of an array with 2 bits a weight, the lowest bits of a byte first. */
static int weight2(const uint8_t *w, int k)
{
    const unsigned at = (unsigned)k; /* for which / and % are shifts */
    const int field = FLASH_8(w + at / 4) >> (at % 4 * 2) & 3;
    return (field ^ 2) - 2;
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

/* 1 / sum = r / 2^(31 + bits) for a sum in units of 2^-19, 1 or more: gives r and sets bits. Newton's method
 * from the best straight line [gemmlowp, fixedpoint.h] */
static int32_t reciprocal(int32_t sum, int *bits)
{
    int b = 0;
    while (sum >> b >> 20 > 0)
        b++;
    *bits = b;
    const int32_t h = sum * ((int32_t)1 << (11 - b));
    int32_t r = 1515870810 + high(h, -1010580540);
    for (int k = 0; k < 3; k++)
        r += high(r, ((int32_t)1 << 29) - high(h, r)) * 4;
    return r > 1073741823 ? 2147483647 : r * 2;
}

/* a: Conv2d 3x2/1x2, 3x44x13 to 4x44x7. |sum + bias| <= 21,352, and int16_t holds the sum. */
static const int8_t a_w[72] FLASH = {
    2, 0, 2, -7, 2, 0, 2, -7, 3, 1, 3, -6, 3, 2, 4, -5, 4, 3, 5, -4, 5, 4, 6, -3, 7, 5, -7, -1, -7,
    7, -6, 1, -5, -6, -4, 3, -2, -4, -1, 5, 0, -1, 1, -7, 3, 2, 4, -4, 6, 5, 7, -1, -6, -7, -4, 2,
    -3, -4, -1, 6, 1, 0, 3, -5, 5, 4, 7, -1, -6, -7, -4, 3,
};

static const int16_t a_bias[4] FLASH = {
    -26, 196, -235, -117,
};

static const int32_t a_m0[4] FLASH = {
    1073741824, 1080694912, 1087648000, 1094601088,
};

static APART void a_sums(int f, int oh)
{
    for (int ow = 0; ow < 7; ow++)
        sums16[ow] = 0;
    for (int i = 0; i < 3; i++) {
        const int h = oh + i - 1;
        if (h >= 0 && h < 44) {
            for (int c = 0; c < 3; c++) {
                const int row = (c * 44 + h) * 13;
                for (int j = 0; j < 2; j++) {
                    const int k = ((f * 3 + c) * 3 + i) * 2 + j;
                    const int w0 = (int8_t)FLASH_8(a_w + k);
                    const int v = j;
                    for (int ow = 0, end = v > 0 ? (14 - v) / 2 : 7; ow < end; ow++)
                        sums16[ow] = (int16_t)(sums16[ow] + w0 * (ROWS_READ_INPUT(image, row + 2 * ow + j) - 9));
                }
            }
        }
    }
}

static void a_row(int oh)
{
    for (int f = 0; f < 4; f++) {
        a_sums(f, oh);
        const int32_t bias = (int16_t)FLASH_16(a_bias + f);
        const int32_t m0 = (int32_t)FLASH_32(a_m0 + f);
        for (int ow = 0; ow < 7; ow++) {
            shared0.a_codes[(f * 5 + oh % 5) * 7 + ow] =
                (uint8_t)clamp(rescale_double(sums16[ow] + bias, m0, 38), 0, 255);
        }
    }
}

/* b: Conv2d 2x3 dilated 3x1 in 4 groups, 4x44x7 to 4x43x7. |sum + bias| <= 7,002, and int16_t holds
 * the sum.
 */
static const int8_t b_w[24] FLASH = {
    2, 0, 2, -7, 2, 0, 2, -7, 3, 1, 3, -6, 3, 2, 4, -5, 4, 3, 5, -4, 5, 4, 6, -3,
};

static const int16_t b_bias[4] FLASH = {
    -26, 196, -235, -117,
};

static const int32_t b_m0[4] FLASH = {
    1073741824, 1080694912, 1087648000, 1094601088,
};

static APART void b_sums(int f, int oh)
{
    const int begin = (oh + 4) % 5;
    for (int ow = 0; ow < 7; ow++)
        sums16[ow] = 0;
    for (int i = 0; i < 2; i++) {
        const int h = oh + 3 * i - 1;
        if (h >= 0 && h < 44) {
            const int row = (f * 5 + (begin + 3 * i < 5 ? begin + 3 * i : begin + 3 * i - 5)) * 7;
            for (int j = 0; j < 3; j++) {
                const int k = (f * 2 + i) * 3 + j;
                const int w0 = (int8_t)FLASH_8(b_w + k);
                if (w0) {
                    const int v = j - 1;
                    for (int ow = v < 0 ? -v : 0, end = v > 0 ? 7 - v : 7; ow < end; ow++)
                        sums16[ow] = (int16_t)(sums16[ow] + w0 * shared0.a_codes[row + ow + j - 1]);
                }
            }
        }
    }
}

/* c: MaxPool2d 2x1/2x1, 4x43x7 to 4x21x7. The greatest sum gives the greatest code. */
static void c_row(int oh)
{
    for (; a_rows < 2 * oh + 4; a_rows++)
        a_row(a_rows);
    for (int f = 0; f < 4; f++) {
        for (int ow = 0; ow < 7; ow++)
            most16[ow] = INT16_MIN;
        for (int i = 0; i < 2; i++) {
            b_sums(f, 2 * oh + i);
            for (int ow = 0; ow < 7; ow++) {
                if (sums16[ow] > most16[ow])
                    most16[ow] = sums16[ow];
            }
        }
        const int32_t bias = (int16_t)FLASH_16(b_bias + f);
        const int32_t m0 = (int32_t)FLASH_32(b_m0 + f);
        for (int ow = 0; ow < 7; ow++) {
            shared3.c_codes[(f * 3 + oh % 3) * 7 + ow] =
                (uint8_t)clamp(rescale_float32(most16[ow] + bias, m0, 38), 0, 255);
        }
    }
}

/* d: Conv2d 3x3 in 2 groups, 4x21x7 to 6x19x5. |sum + bias| <= 22,126, and int16_t holds the sum. */
static const int8_t d_w[108] FLASH = {
    2, 0, 2, -7, 2, 0, 2, -7, 3, 1, 3, -6, 3, 2, 4, -5, 4, 3, 5, -4, 5, 4, 6, -3, 7, 5, -7, -1, -7,
    7, -6, 1, -5, -6, -4, 3, -2, -4, -1, 5, 0, -1, 1, -7, 3, 2, 4, -4, 6, 5, 7, -1, -6, -7, -4, 2,
    -3, -4, -1, 6, 1, 0, 3, -5, 5, 4, 7, -1, -6, -7, -4, 3, -1, -2, 1, -7, 3, 3, 6, -2, -7, -7, -4,
    3, -2, -2, 1, -7, 4, 3, 7, -1, -6, -6, -3, 5, 0, 0, 3, -4, 7, 6, -5, 2, -2, -2, 1, -6,
};

static const int16_t d_bias[6] FLASH = {
    -26, 196, -235, -117, -52, -39,
};

static APART void d_sums(int f, int oh)
{
    const int begin = (oh) % 3;
    for (int ow = 0; ow < 5; ow++)
        sums16[ow] = 0;
    for (int i = 0; i < 3; i++) {
        for (int c = 0; c < 2; c++) {
            const int row = ((f / 3 * 2 + c) * 3 + (begin + i < 3 ? begin + i : begin + i - 3)) * 7;
            const int k = ((f * 2 + c) * 3 + i) * 3;
            const int w0 = (int8_t)FLASH_8(d_w + k);
            const int w1 = (int8_t)FLASH_8(d_w + k + 1);
            const int w2 = (int8_t)FLASH_8(d_w + k + 2);
            for (int ow = 0; ow < 5; ow++) {
                int sum = sums16[ow];
                sum += w0 * shared3.c_codes[row + ow];
                sum += w1 * shared3.c_codes[row + ow + 1];
                sum += w2 * shared3.c_codes[row + ow + 2];
                sums16[ow] = (int16_t)sum;
            }
        }
    }
}

static void d_row(int oh)
{
    for (; c_rows < oh + 3; c_rows++)
        c_row(c_rows);
    for (int f = 0; f < 6; f++) {
        d_sums(f, oh);
        const int32_t bias = (int16_t)FLASH_16(d_bias + f);
        for (int ow = 0; ow < 5; ow++) {
            shared2.d_codes[(f * 3 + oh % 3) * 5 + ow] =
                (uint8_t)clamp(rescale_short(sums16[ow] + bias, 65536, 8421375, 24), 0, 255);
        }
    }
}

/* e: MaxPool2d 3x2/2x1, 6x19x5 to 6x9x5. */
static void e_row(int oh)
{
    for (; d_rows < 2 * oh + 2; d_rows++)
        d_row(d_rows);
    const int top = 2 * oh - 1 < 0 ? 0 : 2 * oh - 1, bottom = 2 * oh + 2 > 19 ? 19 : 2 * oh + 2;
    for (int c = 0; c < 6; c++) {
        for (int ow = 0; ow < 5; ow++) {
            const int left = ow, right = ow + 2 > 5 ? 5 : ow + 2;
            int most = 0;
            for (int h = top; h < bottom; h++) {
                for (int v = left; v < right; v++) {
                    if (shared2.d_codes[(c * 3 + h % 3) * 5 + v] > most)
                        most = shared2.d_codes[(c * 3 + h % 3) * 5 + v];
                }
            }
            shared4.e_codes[(c * 2 + oh % 2) * 5 + ow] = (uint8_t)most;
        }
    }
}

/* f: AvgPool2d 2x3/1x2, 6x9x5 to 6x9x2. |sum| <= 1,533, which int16_t holds. */
static void f_row(int oh)
{
    for (; e_rows < oh + 2 && e_rows < 9; e_rows++)
        e_row(e_rows);
    const int top = oh, bottom = oh + 2 > 9 ? 9 : oh + 2;
    for (int c = 0; c < 6; c++) {
        for (int ow = 0; ow < 2; ow++) {
            const int left = 2 * ow - 1 < 0 ? 0 : 2 * ow - 1, right = 2 * ow + 2 > 5 ? 5 : 2 * ow + 2;
            int16_t sum = 0;
            for (int h = top; h < bottom; h++) {
                for (int v = left; v < right; v++)
                    sum = (int16_t)(sum + shared4.e_codes[(c * 2 + h % 2) * 5 + v]);
            }
            f_codes[(c * 9 + oh) * 2 + ow] =
                (uint8_t)clamp(mean(sum, (bottom - top) * (right - left)), 0, 99);
        }
    }
}

/* g: Pad, 6x9x2 to 6x12x4. */
static void g_row(int oh)
{
    const int h = oh - 1;
    for (int c = 0; c < 6; c++) {
        for (int ow = 0; ow < 4; ow++) {
            const int v = ow - 2;
            shared0.g_codes[c * 4 + ow] =
                (uint8_t)(h >= 0 && h < 9 && v >= 0 && v < 2 ? f_codes[(c * 9 + h) * 2 + v] : 0);
        }
    }
}

/* h: Table, 6x12x4 to 6x12x4. */
static const int8_t h_table[100] FLASH = {
    -128, -127, -126, -125, -124, -123, -122, -121, -120, -119, -118, -117, -116, -115, -114, -113,
    -112, -111, -110, -109, -108, -107, -106, -105, -104, -103, -102, -101, -100, -99, -98, -97,
    -96, -95, -94, -93, -92, -91, -90, -89, -88, -87, -86, -85, -84, -83, -82, -81, -80, -79, -78,
    -77, -76, -75, -74, -73, -72, -71, -70, -69, -68, -67, -66, -65, -64, -63, -62, -61, -60, -59,
    -58, -57, -56, -55, -54, -53, -52, -51, -50, -49, -48, -47, -46, -45, -44, -43, -42, -41, -40,
    -39, -38, -37, -36, -35, -34, -33, -32, -31, -30, -29,
};

static void h_row(int oh)
{
    for (; g_rows < oh + 1; g_rows++)
        g_row(g_rows);
    for (int f = 0; f < 6; f++) {
        for (int ow = 0; ow < 4; ow++) {
            shared2.h_codes[f * 4 + ow] =
                (int8_t)(int8_t)FLASH_8(h_table + shared0.g_codes[f * 4 + ow]);
        }
    }
}

/* i: Multiply, 6x12x4 to 6x12x4. */
static const int8_t i_w[6] FLASH = {
    -24, -6, -36, 67, -60, -54,
};

static void i_row(int oh)
{
    for (; h_rows < oh + 1; h_rows++)
        h_row(h_rows);
    for (int f = 0; f < 6; f++) {
        for (int ow = 0; ow < 4; ow++) {
            shared3.i_codes[f * 4 + ow] =
                (int8_t)(clamp(rescale_double((int32_t)((int8_t)FLASH_8(i_w + f)) * (shared2.h_codes[f * 4 + ow] + 7), 1073741829, 37), -121, 134) - 7);
        }
    }
}

/* j: Softmax, 6x12x4 to 6x12x4. Exponentials in units of 2^-31, by how far a code is below the
 * greatest.
 */
static const int32_t j_table[256] FLASH = {
    0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0,
    0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0,
    0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0,
    0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0,
    0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0,
    0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0,
    0, 398, 512, 657, 844, 1083, 1391, 1786, 2293, 2944, 3780, 4854, 6233, 8003, 10276, 13195,
    16942, 21754, 27933, 35867, 46054, 59134, 75930, 97496, 125187, 160743, 206398, 265021, 340293,
    436945, 561049, 720401, 925012, 1187739, 1525087, 1958251, 2514444, 3228610, 4145617, 5323078,
    6834968, 8776272, 11268957, 14469627, 18579369, 23856382, 30632201, 39332525, 50503962,
    64848370, 83266956, 106916888, 137284001, 176276149, 226343056, 290630237, 373176611, 479168253,
    615264216, 790014891, 1014399735, 1302515042, 1672462419, 2147483647,
};

static void j_row(int oh)
{
    for (; i_rows < oh + 1; i_rows++)
        i_row(i_rows);
    for (int ow = 0; ow < 4; ow++) {
        int most = shared3.i_codes[ow], bits;
        int32_t sum = 0;
        for (int c = 0; c < 6; c++) {
            if (shared3.i_codes[c * 4 + ow] > most)
                most = shared3.i_codes[c * 4 + ow];
        }
        for (int c = 0; c < 6; c++) {
            const int32_t e = (int32_t)FLASH_32(j_table + (shared3.i_codes[c * 4 + ow] - most + 255));
            sum += (e >> 12) + (e >> 11 & 1);
        }
        const int32_t r = reciprocal(sum, &bits);
        for (int c = 0; c < 6; c++) {
            const int64_t part = high((int32_t)FLASH_32(j_table + (shared3.i_codes[c * 4 + ow] - most + 255)), r), half = (int64_t)1 << (22 + bits);
            const int32_t p = (int32_t)floor_shift(part + half, 23 + bits);
            shared4.j_codes[c * 4 + ow] = (int8_t)((p > 255 ? 255 : p) - 128);
        }
    }
}

/* linear11: Linear, 6x12x4 to 3. |sum + bias| <= 50,725, and int32_t holds the sum. */
static const uint8_t linear11_w[216] FLASH = {
    243, 243, 4, 92, 241, 7, 253, 71, 49, 253, 220, 220, 220, 252, 60, 65, 215, 60, 215, 64, 63,
    213, 209, 192, 192, 209, 21, 127, 192, 53, 207, 117, 16, 207, 207, 205, 205, 205, 31, 83, 244,
    31, 244, 83, 13, 196, 243, 243, 243, 243, 4, 92, 241, 7, 253, 71, 49, 253, 220, 220, 220, 252,
    60, 65, 215, 60, 215, 64, 63, 213, 209, 192, 192, 209, 21, 127, 192, 53, 207, 117, 16, 207, 207,
    205, 205, 205, 31, 83, 244, 31, 244, 83, 13, 196, 243, 243, 243, 243, 4, 92, 241, 7, 253, 71,
    49, 253, 220, 220, 220, 252, 60, 65, 215, 60, 215, 64, 63, 213, 209, 192, 192, 209, 21, 127,
    192, 53, 207, 117, 16, 207, 207, 205, 205, 205, 31, 83, 244, 31, 244, 83, 13, 196, 243, 243,
    243, 243, 4, 92, 241, 7, 253, 71, 49, 253, 220, 220, 220, 252, 60, 65, 215, 60, 215, 64, 63,
    213, 209, 192, 192, 209, 21, 127, 192, 53, 207, 117, 16, 207, 207, 205, 205, 205, 31, 83, 244,
    31, 244, 83, 13, 196, 243, 243, 243, 243, 4, 92, 241, 7, 253, 71, 49, 253, 220, 220, 220, 252,
    60, 65, 215, 60, 215, 64, 63, 213, 209, 192,
};

static const int16_t linear11_bias[3] FLASH = {
    -26, 196, -235,
};

static void linear11_all(void)
{
    for (int f = 0; f < 3; f++)
        linear11_sums[f] = 0;
    for (int h = 0; h < 12; h++) {
        for (; j_rows < h + 1; j_rows++)
            j_row(j_rows);
        for (int f = 0; f < 3; f++) {
            for (int v = 0; v < 4; v++) {
                for (int c = 0; c < 6; c++) {
                    const int w = weight2(linear11_w, ((f * 12 + h) * 4 + v) * 6 + c);
                    linear11_sums[f] += w * (shared4.j_codes[c * 4 + v] + 128);
                }
            }
        }
    }
    for (int f = 0; f < 3; f++) {
        const int32_t bias = (int16_t)FLASH_16(linear11_bias + f);
        answer[f] =
            (uint8_t)clamp(rescale_short(linear11_sums[f] + bias, 32768, 4210687, 23), 0, 255);
    }
}

void rows_run(const rows_input_t *input, rows_output_t *output)
{
    image = input;
    answer = output;
    a_rows = 0;
    c_rows = 0;
    d_rows = 0;
    e_rows = 0;
    g_rows = 0;
    h_rows = 0;
    i_rows = 0;
    j_rows = 0;
    for (int oh = 0; oh < 9; oh++)
        f_row(oh);
    linear11_all();
}

int rows_classify(const rows_input_t *input)
{
    static rows_output_t output[ROWS_OUTPUT_SIZE];
    rows_run(input, output);
    int best = 0;
    for (int k = 1; k < ROWS_OUTPUT_SIZE; k++)
        if (output[k] > output[best])
            best = k;
    return best;
}
