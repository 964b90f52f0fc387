/* kinds.c - see kinds.h
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
#include "kinds.h"

#if KINDS_CHECKSUM != 0x0ed1f29f
#error kinds.h is of another program: export all files again
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

#ifndef KINDS_READ_INPUT
#define KINDS_READ_INPUT(input, k) ((input)[k])
#endif

static const kinds_input_t *image;
static kinds_output_t *answer;
static union { /* never needed at the same time */
    uint8_t conv2d1_codes[192]; /* 4 x 6 x 8 */
    uint8_t both_codes[576]; /* 12 x 6 x 8 */
    int8_t table8_codes[576]; /* 12 x 6 x 8 */
    int8_t pad10_codes[756]; /* 12 x 7 x 9 */
    int8_t transpose12_codes[756]; /* 12 x 7 x 9 */
    uint8_t avgpool2d14_codes[72]; /* 12 x 3 x 2 */
    int8_t multiply16_codes[72]; /* 12 x 3 x 2 */
    int16_t globalavgpool18_sums[12]; /* 12 sums */
    uint8_t flatten19_codes[12]; /* 12 */
    int8_t linear22_codes[9]; /* 9 */
} shared0;
static union { /* never needed at the same time */
    uint8_t first_codes[192]; /* 4 x 6 x 8 */
    uint8_t table7_codes[576]; /* 12 x 6 x 8 */
    int8_t multiply9_codes[576]; /* 12 x 6 x 8 */
    int8_t transpose11_codes[756]; /* 7 x 12 x 9 */
    int8_t pool_codes[144]; /* 12 x 3 x 4 */
    int8_t softmax15_codes[72]; /* 12 x 3 x 2 */
    int16_t globalavgpool17_sums[12]; /* 12 sums */
    uint8_t globalavgpool18_codes[12]; /* 12 */
    uint8_t reshape20_codes[12]; /* 3 x 2 x 2 */
    int8_t linear23_codes[3]; /* 3 */
} shared1;
static union { /* never needed at the same time */
    uint8_t pairs_codes[192]; /* 4 x 6 x 8 */
    uint8_t add4_codes[192]; /* 4 x 6 x 8 */
    int8_t globalavgpool17_codes[12]; /* 12 */
} shared2;
static uint8_t sum_codes[192]; /* 4 x 6 x 8 */
static int16_t sums16[8]; /* sums of a row of a channel */

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

/* Weight k, in two's complement, of an array with 5 bits a weight, the lowest bits of a byte first. */
static int weight5(const uint8_t *w, int k)
{
    const unsigned at = (unsigned)k; /* for which / and % are shifts */
    const unsigned first = at % 8 * 5, shift = first % 8;
    const uint8_t *q = w + at / 8 * 5 + first / 8;
    int field = FLASH_8(q) >> shift;
    if (shift + 5 > 8)
        field |= FLASH_8(q + 1) << (8 - shift);
    field &= 31;
    return (field ^ 16) - 16;
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

/* first: Conv2d 3x3 dilated 2x1, 2x7x6 to 4x6x8. |sum + bias| <= 21,961, and int16_t holds the sum. */
static const uint8_t first_w[45] FLASH = {
    2, 136, 44, 128, 200, 35, 12, 61, 4, 217, 100, 20, 94, 136, 233, 167, 228, 159, 143, 14, 91,
    243, 225, 249, 47, 224, 135, 60, 4, 225, 166, 156, 175, 51, 23, 157, 127, 19, 192, 216, 133,
    156, 175, 51, 31,
};

static const int8_t first_bias[4] FLASH = {
    5, -31, 44, 28,
};

static const int32_t first_m[4] FLASH = {
    65536, 65611, 65687, 65762,
};

static const int32_t first_r[4] FLASH = {
    2129919, 4192714, 2095190, 4193046,
};

static const int8_t first_s[4] FLASH = {
    22, 23, 22, 23,
};

static APART void first_sums(int f, int oh)
{
    for (int ow = 0; ow < 8; ow++)
        sums16[ow] = 0;
    for (int i = 0; i < 3; i++) {
        const int h = oh + 2 * i - 2;
        if (h >= 0 && h < 7) {
            for (int c = 0; c < 2; c++) {
                const int row = (c * 7 + h) * 6;
                for (int j = 0; j < 3; j++) {
                    const int k = ((f * 2 + c) * 3 + i) * 3 + j;
                    const int w0 = weight5(first_w, k);
                    const int v = j - 1;
                    for (int ow = v < 0 ? -v : 0, end = v > -2 ? 6 - v : 8; ow < end; ow++)
                        sums16[ow] = (int16_t)(sums16[ow] + w0 * KINDS_READ_INPUT(image, row + ow + j - 1));
                }
            }
        }
    }
}

static void first_row(int oh)
{
    for (int f = 0; f < 4; f++) {
        first_sums(f, oh);
        const int32_t bias = (int8_t)FLASH_8(first_bias + f);
        const int32_t m = (int32_t)FLASH_32(first_m + f);
        const int32_t r = (int32_t)FLASH_32(first_r + f);
        const int s = (int8_t)FLASH_8(first_s + f);
        for (int ow = 0; ow < 8; ow++) {
            shared1.first_codes[(f * 6 + oh) * 8 + ow] =
                (uint8_t)clamp(rescale_short(sums16[ow] + bias, m, r, s), 0, 15);
        }
    }
}

/* conv2d1: Conv2d 3x3 in 4 groups, 4x6x8 to 4x6x8. |sum + bias| <= 105, and int16_t holds the sum. */
static const uint8_t conv2d1_w[9] FLASH = {
    243, 243, 4, 92, 241, 7, 253, 71, 49,
};

static APART void conv2d1_sums(int f, int oh)
{
    for (int ow = 0; ow < 8; ow++)
        sums16[ow] = 0;
    for (int i = 0; i < 3; i++) {
        const int h = oh + i - 1;
        if (h >= 0 && h < 6) {
            const int row = (f * 6 + h) * 8;
            for (int j = 0; j < 3; j++) {
                const int k = (f * 3 + i) * 3 + j;
                const int w0 = weight2(conv2d1_w, k);
                if (w0) {
                    const int v = j - 1;
                    for (int ow = v < 0 ? -v : 0, end = v > 0 ? 8 - v : 8; ow < end; ow++)
                        sums16[ow] = (int16_t)(sums16[ow] + w0 * shared1.first_codes[row + ow + j - 1]);
                }
            }
        }
    }
}

static void conv2d1_row(int oh)
{
    for (int f = 0; f < 4; f++) {
        conv2d1_sums(f, oh);
        for (int ow = 0; ow < 8; ow++) {
            shared0.conv2d1_codes[(f * 6 + oh) * 8 + ow] =
                (uint8_t)clamp(rescale_short(sums16[ow], 8388608, 281018367, 29), 0, 15);
        }
    }
}

/* pairs: Conv2d 1x1 in 2 groups, 4x6x8 to 4x6x8. |sum + bias| <= 60, and int16_t holds the sum. */
static const int8_t pairs_w[8] FLASH = {
    3, 1, -2, 1, 2, 2, 1, -1,
};

static APART void pairs_sums(int f, int oh)
{
    for (int ow = 0; ow < 8; ow++)
        sums16[ow] = 0;
    const int h = oh;
    for (int c = 0; c < 2; c++) {
        const int row = ((f / 2 * 2 + c) * 6 + h) * 8;
        const int k = f * 2 + c;
        const int w0 = (int8_t)FLASH_8(pairs_w + k);
        for (int ow = 0; ow < 8; ow++) {
            int sum = sums16[ow];
            sum += w0 * shared0.conv2d1_codes[row + ow];
            sums16[ow] = (int16_t)sum;
        }
    }
}

static void pairs_row(int oh)
{
    for (int f = 0; f < 4; f++) {
        pairs_sums(f, oh);
        for (int ow = 0; ow < 8; ow++) {
            shared2.pairs_codes[(f * 6 + oh) * 8 + ow] =
                (uint8_t)clamp(rescale_short(sums16[ow], 16777216, 142606335, 28), 0, 15);
        }
    }
}

/* sum: Add of 0, 4x6x8 to 4x6x8. */
static void sum_row(int oh)
{
    for (int f = 0; f < 4; f++) {
        for (int ow = 0; ow < 8; ow++) {
            sum_codes[(f * 6 + oh) * 8 + ow] =
                (uint8_t)clamp(rescale_double(rescale_double((int32_t)shared2.pairs_codes[(f * 6 + oh) * 8 + ow] * 1048576, 1073741824, 31) + rescale_double((int32_t)shared1.first_codes[(f * 6 + oh) * 8 + ow] * 1048576, 1073741833, 32), 1073741824, 40), 0, 15);
        }
    }
}

/* add4: Add of 1, 4x6x8 to 4x6x8. */
static void add4_row(int oh)
{
    for (int f = 0; f < 4; f++) {
        for (int ow = 0; ow < 8; ow++) {
            shared2.add4_codes[(f * 6 + oh) * 8 + ow] =
                (uint8_t)clamp((int32_t)floor_shift(3 * (int32_t)sum_codes[(f * 6 + oh) * 8 + ow] + 5 * (int32_t)shared0.conv2d1_codes[(f * 6 + oh) * 8 + ow] + 8, 4), 0, 15);
        }
    }
}

/* both: Concat of 3, 5, 4, 4x6x8 to 12x6x8. */
static void both_row(int oh)
{
    for (int c = 0; c < 4; c++) {
        for (int ow = 0; ow < 8; ow++) {
            shared0.both_codes[(c * 6 + oh) * 8 + ow] =
                (uint8_t)sum_codes[(c * 6 + oh) * 8 + ow];
        }
    }
    for (int c = 0; c < 4; c++) {
        for (int ow = 0; ow < 8; ow++) {
            shared0.both_codes[(((c + 4)) * 6 + oh) * 8 + ow] =
                (uint8_t)shared1.first_codes[(c * 6 + oh) * 8 + ow];
        }
    }
    for (int c = 0; c < 4; c++) {
        for (int ow = 0; ow < 8; ow++) {
            shared0.both_codes[(((c + 8)) * 6 + oh) * 8 + ow] =
                (uint8_t)shared2.add4_codes[(c * 6 + oh) * 8 + ow];
        }
    }
}

/* table7: Table, 12x6x8 to 12x6x8. */
static const uint8_t table7_table[16] FLASH = {
    0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15,
};

static void table7_row(int oh)
{
    for (int f = 0; f < 12; f++) {
        for (int ow = 0; ow < 8; ow++) {
            shared1.table7_codes[(f * 6 + oh) * 8 + ow] =
                (uint8_t)(uint8_t)FLASH_8(table7_table + shared0.both_codes[(f * 6 + oh) * 8 + ow]);
        }
    }
}

/* table8: Table, 12x6x8 to 12x6x8. */
static const int8_t table8_table[192] FLASH = {
    -8, -7, -6, -5, -4, -3, -2, -1, 0, 1, 2, 3, 4, 5, 6, 7, -7, -6, -5, -4, -3, -2, -1, 0, 1, 2, 3,
    4, 5, 6, 7, -8, -6, -5, -4, -3, -2, -1, 0, 1, 2, 3, 4, 5, 6, 7, -8, -7, -5, -4, -3, -2, -1, 0,
    1, 2, 3, 4, 5, 6, 7, -8, -7, -6, -4, -3, -2, -1, 0, 1, 2, 3, 4, 5, 6, 7, -8, -7, -6, -5, -3, -2,
    -1, 0, 1, 2, 3, 4, 5, 6, 7, -8, -7, -6, -5, -4, -2, -1, 0, 1, 2, 3, 4, 5, 6, 7, -8, -7, -6, -5,
    -4, -3, -1, 0, 1, 2, 3, 4, 5, 6, 7, -8, -7, -6, -5, -4, -3, -2, 0, 1, 2, 3, 4, 5, 6, 7, -8, -7,
    -6, -5, -4, -3, -2, -1, 1, 2, 3, 4, 5, 6, 7, -8, -7, -6, -5, -4, -3, -2, -1, 0, 2, 3, 4, 5, 6,
    7, -8, -7, -6, -5, -4, -3, -2, -1, 0, 1, 3, 4, 5, 6, 7, -8, -7, -6, -5, -4, -3, -2, -1, 0, 1, 2,
};

static void table8_row(int oh)
{
    for (int f = 0; f < 12; f++) {
        for (int ow = 0; ow < 8; ow++) {
            shared0.table8_codes[(f * 6 + oh) * 8 + ow] =
                (int8_t)(int8_t)FLASH_8(table8_table + f * 16 + shared1.table7_codes[(f * 6 + oh) * 8 + ow]);
        }
    }
}

/* multiply9: Multiply, 12x6x8 to 12x6x8. */
static const int16_t multiply9_w[12] FLASH = {
    -136, 57, -22, 28, -195, 112, 147, -90, -198, -178, -29, -152,
};

static void multiply9_row(int oh)
{
    for (int f = 0; f < 12; f++) {
        for (int ow = 0; ow < 8; ow++) {
            shared1.multiply9_codes[(f * 6 + oh) * 8 + ow] =
                (int8_t)(clamp(rescale_single((int32_t)((int16_t)FLASH_16(multiply9_w + f)) * (shared0.table8_codes[(f * 6 + oh) * 8 + ow] + 2), 1073741827, 38), -105, 85) + 5);
        }
    }
}

/* pad10: Pad, 12x6x8 to 12x7x9. */
static void pad10_row(int oh)
{
    const int h = oh - 0;
    for (int c = 0; c < 12; c++) {
        for (int ow = 0; ow < 9; ow++) {
            const int v = ow - 1;
            shared0.pad10_codes[(c * 7 + oh) * 9 + ow] =
                (int8_t)(h >= 0 && h < 6 && v >= 0 && v < 8 ? shared1.multiply9_codes[(c * 6 + h) * 8 + v] : 5);
        }
    }
}

/* transpose11: Transpose HCW, 12x7x9 to 7x12x9. */
static void transpose11_all(void)
{
    for (int c = 0; c < 7; c++) {
        for (int h = 0; h < 12; h++) {
            for (int v = 0; v < 9; v++) {
                shared1.transpose11_codes[(c * 12 + h) * 9 + v] =
                    (int8_t)shared0.pad10_codes[(h * 7 + c) * 9 + v];
            }
        }
    }
}

/* transpose12: Transpose HCW, 7x12x9 to 12x7x9. */
static void transpose12_all(void)
{
    for (int c = 0; c < 12; c++) {
        for (int h = 0; h < 7; h++) {
            for (int v = 0; v < 9; v++) {
                shared0.transpose12_codes[(c * 7 + h) * 9 + v] =
                    (int8_t)shared1.transpose11_codes[(h * 12 + c) * 9 + v];
            }
        }
    }
}

/* pool: MaxPool2d 2x2/2, 12x7x9 to 12x3x4. */
static void pool_row(int oh)
{
    const int top = 2 * oh, bottom = 2 * oh + 2;
    for (int c = 0; c < 12; c++) {
        for (int ow = 0; ow < 4; ow++) {
            const int left = 2 * ow, right = 2 * ow + 2;
            int most = -100;
            for (int h = top; h < bottom; h++) {
                for (int v = left; v < right; v++) {
                    if (shared0.transpose12_codes[(c * 7 + h) * 9 + v] > most)
                        most = shared0.transpose12_codes[(c * 7 + h) * 9 + v];
                }
            }
            shared1.pool_codes[(c * 3 + oh) * 4 + ow] = (int8_t)most;
        }
    }
}

/* avgpool2d14: AvgPool2d 2x1/1x2, 12x3x4 to 12x3x2. |sum| <= 201, which int16_t holds. */
static void avgpool2d14_row(int oh)
{
    const int top = oh - 1 < 0 ? 0 : oh - 1, bottom = oh + 1 > 3 ? 3 : oh + 1;
    for (int c = 0; c < 12; c++) {
        for (int ow = 0; ow < 2; ow++) {
            const int left = 2 * ow, right = 2 * ow + 1;
            int16_t sum = 0;
            for (int h = top; h < bottom; h++) {
                for (int v = left; v < right; v++)
                    sum = (int16_t)(sum + shared1.pool_codes[(c * 3 + h) * 4 + v]);
            }
            shared0.avgpool2d14_codes[(c * 3 + oh) * 2 + ow] =
                (uint8_t)clamp(mean(sum, (bottom - top) * (right - left)), 5, 80);
        }
    }
}

/* softmax15: Softmax, 12x3x2 to 12x3x2. Exponentials in units of 2^-31, by how far a code is below
 * the greatest.
 */
static const int32_t softmax15_table[76] FLASH = {
    182146, 206398, 233880, 265021, 300308, 340293, 385603, 436945, 495124, 561049, 635752, 720401,
    816321, 925012, 1048177, 1187739, 1345885, 1525087, 1728151, 1958251, 2218990, 2514444, 2849239,
    3228610, 3658496, 4145618, 4697601, 5323078, 6031839, 6834968, 7745035, 8776273, 9944822,
    11268957, 12769404, 14469627, 16396240, 18579369, 21053189, 23856383, 27032829, 30632202,
    34710840, 39332525, 44569601, 50503962, 57228500, 64848371, 73482848, 83266957, 94353845,
    106916889, 121152735, 137284003, 155563192, 176276149, 199747092, 226343056, 256480343,
    290630237, 329327279, 373176611, 422864596, 479168506, 542968897, 615264540, 697185865,
    790015308, 895204371, 1014399735, 1149465166, 1302515042, 1475942488, 1672462419, 1895147668,
    2147483647,
};

static void softmax15_row(int oh)
{
    for (int ow = 0; ow < 2; ow++) {
        int most = shared0.avgpool2d14_codes[oh * 2 + ow], bits;
        int32_t sum = 0;
        for (int c = 0; c < 12; c++) {
            if (shared0.avgpool2d14_codes[(c * 3 + oh) * 2 + ow] > most)
                most = shared0.avgpool2d14_codes[(c * 3 + oh) * 2 + ow];
        }
        for (int c = 0; c < 12; c++) {
            const int32_t e = (int32_t)FLASH_32(softmax15_table + (shared0.avgpool2d14_codes[(c * 3 + oh) * 2 + ow] - most + 75));
            sum += (e >> 12) + (e >> 11 & 1);
        }
        const int32_t r = reciprocal(sum, &bits);
        for (int c = 0; c < 12; c++) {
            const int64_t part = high((int32_t)FLASH_32(softmax15_table + (shared0.avgpool2d14_codes[(c * 3 + oh) * 2 + ow] - most + 75)), r), half = (int64_t)1 << (22 + bits);
            const int32_t p = (int32_t)floor_shift(part + half, 23 + bits);
            shared1.softmax15_codes[(c * 3 + oh) * 2 + ow] =
                (int8_t)((p > 255 ? 255 : p) - 128);
        }
    }
}

/* multiply16: Multiply, 12x3x2 to 12x3x2. */
static void multiply16_row(int oh)
{
    for (int f = 0; f < 12; f++) {
        for (int ow = 0; ow < 2; ow++) {
            shared0.multiply16_codes[(f * 3 + oh) * 2 + ow] =
                (int8_t)(clamp(rescale_double((int32_t)(9) * (shared1.softmax15_codes[(f * 3 + oh) * 2 + ow] + 128), 1073741824, 36), -105, 85) + 5);
        }
    }
}

/* globalavgpool17: GlobalAvgPool, 12x3x2 to 12x1x1. |sum| <= 603, which int16_t holds. */
static void globalavgpool17_all(void)
{
    for (int c = 0; c < 12; c++)
        shared1.globalavgpool17_sums[c] = 0;
    for (int h = 0; h < 3; h++) {
        for (int c = 0; c < 12; c++) {
            for (int v = 0; v < 2; v++)
                shared1.globalavgpool17_sums[c] = (int16_t)(shared1.globalavgpool17_sums[c] + shared0.multiply16_codes[(c * 3 + h) * 2 + v]);
        }
    }
    for (int c = 0; c < 12; c++) {
        shared2.globalavgpool17_codes[c] =
            (int8_t)mean(shared1.globalavgpool17_sums[c], 6);
    }
}

/* globalavgpool18: GlobalAvgPool, 12x1x1 to 12x1x1. |sum| <= 105, which int16_t holds. */
static void globalavgpool18_all(void)
{
    for (int c = 0; c < 12; c++)
        shared0.globalavgpool18_sums[c] = 0;
    for (int c = 0; c < 12; c++)
        shared0.globalavgpool18_sums[c] = (int16_t)(shared0.globalavgpool18_sums[c] + (shared2.globalavgpool17_codes[c] - 5));
    for (int c = 0; c < 12; c++) {
        shared1.globalavgpool18_codes[c] =
            (uint8_t)clamp(rescale_short(shared0.globalavgpool18_sums[c], 16777216, 109051903, 27), 0, 15);
    }
}

/* flatten19: Flatten HWC, 12x1x1 to 12. */
static void flatten19_all(void)
{
    for (int c = 0; c < 12; c++) {
        const int j = c;
        shared0.flatten19_codes[j] = (uint8_t)shared1.globalavgpool18_codes[c];
    }
}

/* reshape20: Reshape HWC, 12 to 3x2x2. */
static void reshape20_all(void)
{
    for (int c = 0; c < 12; c++) {
        const int j = c;
        shared1.reshape20_codes[(((j % 3)) * 2 + j / 6) * 2 + j / 3 % 2] =
            (uint8_t)shared0.flatten19_codes[c];
    }
}

/* linear22: Linear, 12 to 9. |sum + bias| <= 1,709, and int16_t holds the sum. */
static const uint8_t linear22_w[68] FLASH = {
    152, 15, 109, 68, 24, 136, 27, 192, 185, 31, 87, 240, 140, 55, 64, 64, 99, 172, 1, 10, 59, 231,
    62, 48, 249, 221, 7, 228, 111, 33, 37, 113, 243, 183, 222, 223, 244, 107, 202, 201, 224, 146, 0,
    196, 225, 39, 120, 15, 204, 54, 192, 251, 96, 248, 17, 0, 144, 251, 177, 41, 37, 113, 243, 117,
    214, 190, 108, 4,
};

static const int16_t linear22_bias[9] FLASH = {
    165, -241, -317, -63, 520, -368, 875, 647, 749,
};

static void linear22_all(void)
{
    for (int f = 0; f < 9; f++) {
        int16_t sum = 0;
        for (int c = 0; c < 12; c++) {
            const int w = weight5(linear22_w, f * 12 + c);
            sum = (int16_t)(sum + w * shared1.reshape20_codes[c]);
        }
        const int32_t bias = (int16_t)FLASH_16(linear22_bias + f);
        shared0.linear22_codes[f] =
            (int8_t)(clamp(rescale_single(sum + bias, 2147483647, 40), -6, 9) - 2);
    }
}

/* linear23: Linear, 9 to 3. |sum + bias| <= 81, and int16_t holds the sum. */
static const uint8_t linear23_w[4] FLASH = {
    115, 215, 155, 0,
};

static void linear23_all(void)
{
    for (int f = 0; f < 3; f++) {
        int16_t sum = 0;
        for (int c = 0; c < 9; c++) {
            const int w = weight1(linear23_w, f * 9 + c) ? 1 : -1;
            sum = (int16_t)(sum + w * (shared0.linear22_codes[c] + 2));
        }
        shared1.linear23_codes[f] =
            (int8_t)(clamp(rescale_short(sum, 16777218, 67108863, 27), -105, 85) + 5);
    }
}

/* argmax24: Argmax, 3 to a class. The first of the greatest. */
static void argmax24_all(void)
{
    int best = 0;
    for (int c = 1; c < 3; c++) {
        if (shared1.linear23_codes[c] > shared1.linear23_codes[best])
            best = c;
    }
    answer[0] = best;
}

void kinds_run(const kinds_input_t *input, kinds_output_t *output)
{
    image = input;
    answer = output;
    for (int oh = 0; oh < 6; oh++)
        first_row(oh);
    for (int oh = 0; oh < 6; oh++)
        conv2d1_row(oh);
    for (int oh = 0; oh < 6; oh++)
        pairs_row(oh);
    for (int oh = 0; oh < 6; oh++)
        sum_row(oh);
    for (int oh = 0; oh < 6; oh++)
        add4_row(oh);
    for (int oh = 0; oh < 6; oh++)
        both_row(oh);
    for (int oh = 0; oh < 6; oh++)
        table7_row(oh);
    for (int oh = 0; oh < 6; oh++)
        table8_row(oh);
    for (int oh = 0; oh < 6; oh++)
        multiply9_row(oh);
    for (int oh = 0; oh < 7; oh++)
        pad10_row(oh);
    transpose11_all();
    transpose12_all();
    for (int oh = 0; oh < 3; oh++)
        pool_row(oh);
    for (int oh = 0; oh < 3; oh++)
        avgpool2d14_row(oh);
    for (int oh = 0; oh < 3; oh++)
        softmax15_row(oh);
    for (int oh = 0; oh < 3; oh++)
        multiply16_row(oh);
    globalavgpool17_all();
    globalavgpool18_all();
    flatten19_all();
    reshape20_all();
    linear22_all();
    linear23_all();
    argmax24_all();
}

int kinds_classify(const kinds_input_t *input)
{
    static kinds_output_t output[KINDS_OUTPUT_SIZE];
    kinds_run(input, output);
    return (int)output[0];
}
