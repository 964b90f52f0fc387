/* reshaped.c - see reshaped.h
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
#include "reshaped.h"

#if RESHAPED_CHECKSUM != 0xfd1eb46f
#error reshaped.h is of another program: export all files again
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

#ifndef RESHAPED_READ_INPUT
#define RESHAPED_READ_INPUT(input, k) ((input)[k])
#endif

static const reshaped_input_t *image;
static reshaped_output_t *answer;
static union { /* never needed at the same time */
    uint8_t table0_codes[120]; /* 4 x 5 x 6 */
    uint8_t table2_codes[120]; /* 12 x 2 x 5 */
    uint8_t reshape5_codes[120]; /* 2 x 15 x 4 */
} shared0;
static union { /* never needed at the same time */
    uint8_t reshape1_codes[120]; /* 12 x 2 x 5 */
    uint8_t table4_codes[120]; /* 5 x 8 x 3 */
    uint8_t table6_codes[120]; /* 2 x 15 x 4 */
} shared1;

/* table0: Table, 4x5x6 to 4x5x6. */
static const uint8_t table0_table[256] FLASH = {
    255, 254, 253, 252, 251, 250, 249, 248, 247, 246, 245, 244, 243, 242, 241, 240, 239, 238, 237,
    236, 235, 234, 233, 232, 231, 230, 229, 228, 227, 226, 225, 224, 223, 222, 221, 220, 219, 218,
    217, 216, 215, 214, 213, 212, 211, 210, 209, 208, 207, 206, 205, 204, 203, 202, 201, 200, 199,
    198, 197, 196, 195, 194, 193, 192, 191, 190, 189, 188, 187, 186, 185, 184, 183, 182, 181, 180,
    179, 178, 177, 176, 175, 174, 173, 172, 171, 170, 169, 168, 167, 166, 165, 164, 163, 162, 161,
    160, 159, 158, 157, 156, 155, 154, 153, 152, 151, 150, 149, 148, 147, 146, 145, 144, 143, 142,
    141, 140, 139, 138, 137, 136, 135, 134, 133, 132, 131, 130, 129, 128, 127, 126, 125, 124, 123,
    122, 121, 120, 119, 118, 117, 116, 115, 114, 113, 112, 111, 110, 109, 108, 107, 106, 105, 104,
    103, 102, 101, 100, 99, 98, 97, 96, 95, 94, 93, 92, 91, 90, 89, 88, 87, 86, 85, 84, 83, 82, 81,
    80, 79, 78, 77, 76, 75, 74, 73, 72, 71, 70, 69, 68, 67, 66, 65, 64, 63, 62, 61, 60, 59, 58, 57,
    56, 55, 54, 53, 52, 51, 50, 49, 48, 47, 46, 45, 44, 43, 42, 41, 40, 39, 38, 37, 36, 35, 34, 33,
    32, 31, 30, 29, 28, 27, 26, 25, 24, 23, 22, 21, 20, 19, 18, 17, 16, 15, 14, 13, 12, 11, 10, 9,
    8, 7, 6, 5, 4, 3, 2, 1, 0,
};

static void table0_row(int oh)
{
    for (int f = 0; f < 4; f++) {
        for (int ow = 0; ow < 6; ow++) {
            shared0.table0_codes[(f * 5 + oh) * 6 + ow] =
                (uint8_t)(uint8_t)FLASH_8(table0_table + RESHAPED_READ_INPUT(image, (f * 5 + oh) * 6 + ow));
        }
    }
}

/* reshape1: Reshape HWC, 4x5x6 to 12x2x5. */
static void reshape1_all(void)
{
    for (int h = 0; h < 5; h++) {
        for (int v = 0; v < 6; v++) {
            for (int c = 0; c < 4; c++) {
                const int j = (h * 6 + v) * 4 + c;
                shared1.reshape1_codes[(((j % 12)) * 2 + j / 60) * 5 + j / 12 % 5] =
                    (uint8_t)shared0.table0_codes[(c * 5 + h) * 6 + v];
            }
        }
    }
}

/* table2: Table, 12x2x5 to 12x2x5. */
static const uint8_t table2_table[256] FLASH = {
    255, 254, 253, 252, 251, 250, 249, 248, 247, 246, 245, 244, 243, 242, 241, 240, 239, 238, 237,
    236, 235, 234, 233, 232, 231, 230, 229, 228, 227, 226, 225, 224, 223, 222, 221, 220, 219, 218,
    217, 216, 215, 214, 213, 212, 211, 210, 209, 208, 207, 206, 205, 204, 203, 202, 201, 200, 199,
    198, 197, 196, 195, 194, 193, 192, 191, 190, 189, 188, 187, 186, 185, 184, 183, 182, 181, 180,
    179, 178, 177, 176, 175, 174, 173, 172, 171, 170, 169, 168, 167, 166, 165, 164, 163, 162, 161,
    160, 159, 158, 157, 156, 155, 154, 153, 152, 151, 150, 149, 148, 147, 146, 145, 144, 143, 142,
    141, 140, 139, 138, 137, 136, 135, 134, 133, 132, 131, 130, 129, 128, 127, 126, 125, 124, 123,
    122, 121, 120, 119, 118, 117, 116, 115, 114, 113, 112, 111, 110, 109, 108, 107, 106, 105, 104,
    103, 102, 101, 100, 99, 98, 97, 96, 95, 94, 93, 92, 91, 90, 89, 88, 87, 86, 85, 84, 83, 82, 81,
    80, 79, 78, 77, 76, 75, 74, 73, 72, 71, 70, 69, 68, 67, 66, 65, 64, 63, 62, 61, 60, 59, 58, 57,
    56, 55, 54, 53, 52, 51, 50, 49, 48, 47, 46, 45, 44, 43, 42, 41, 40, 39, 38, 37, 36, 35, 34, 33,
    32, 31, 30, 29, 28, 27, 26, 25, 24, 23, 22, 21, 20, 19, 18, 17, 16, 15, 14, 13, 12, 11, 10, 9,
    8, 7, 6, 5, 4, 3, 2, 1, 0,
};

static void table2_row(int oh)
{
    for (int f = 0; f < 12; f++) {
        for (int ow = 0; ow < 5; ow++) {
            shared0.table2_codes[(f * 2 + oh) * 5 + ow] =
                (uint8_t)(uint8_t)FLASH_8(table2_table + shared1.reshape1_codes[(f * 2 + oh) * 5 + ow]);
        }
    }
}

/* table4: Table, 5x8x3 to 5x8x3. */
static const uint8_t table4_table[256] FLASH = {
    255, 254, 253, 252, 251, 250, 249, 248, 247, 246, 245, 244, 243, 242, 241, 240, 239, 238, 237,
    236, 235, 234, 233, 232, 231, 230, 229, 228, 227, 226, 225, 224, 223, 222, 221, 220, 219, 218,
    217, 216, 215, 214, 213, 212, 211, 210, 209, 208, 207, 206, 205, 204, 203, 202, 201, 200, 199,
    198, 197, 196, 195, 194, 193, 192, 191, 190, 189, 188, 187, 186, 185, 184, 183, 182, 181, 180,
    179, 178, 177, 176, 175, 174, 173, 172, 171, 170, 169, 168, 167, 166, 165, 164, 163, 162, 161,
    160, 159, 158, 157, 156, 155, 154, 153, 152, 151, 150, 149, 148, 147, 146, 145, 144, 143, 142,
    141, 140, 139, 138, 137, 136, 135, 134, 133, 132, 131, 130, 129, 128, 127, 126, 125, 124, 123,
    122, 121, 120, 119, 118, 117, 116, 115, 114, 113, 112, 111, 110, 109, 108, 107, 106, 105, 104,
    103, 102, 101, 100, 99, 98, 97, 96, 95, 94, 93, 92, 91, 90, 89, 88, 87, 86, 85, 84, 83, 82, 81,
    80, 79, 78, 77, 76, 75, 74, 73, 72, 71, 70, 69, 68, 67, 66, 65, 64, 63, 62, 61, 60, 59, 58, 57,
    56, 55, 54, 53, 52, 51, 50, 49, 48, 47, 46, 45, 44, 43, 42, 41, 40, 39, 38, 37, 36, 35, 34, 33,
    32, 31, 30, 29, 28, 27, 26, 25, 24, 23, 22, 21, 20, 19, 18, 17, 16, 15, 14, 13, 12, 11, 10, 9,
    8, 7, 6, 5, 4, 3, 2, 1, 0,
};

static void table4_row(int oh)
{
    for (int f = 0; f < 5; f++) {
        for (int ow = 0; ow < 3; ow++) {
            shared1.table4_codes[(f * 8 + oh) * 3 + ow] =
                (uint8_t)(uint8_t)FLASH_8(table4_table + shared0.table2_codes[(f * 8 + oh) * 3 + ow]);
        }
    }
}

/* reshape5: Reshape HWC, 5x8x3 to 2x15x4. */
static void reshape5_all(void)
{
    for (int h = 0; h < 8; h++) {
        for (int v = 0; v < 3; v++) {
            for (int c = 0; c < 5; c++) {
                const int j = (h * 3 + v) * 5 + c;
                shared0.reshape5_codes[(((j % 2)) * 15 + j / 8) * 4 + j / 2 % 4] =
                    (uint8_t)shared1.table4_codes[(c * 8 + h) * 3 + v];
            }
        }
    }
}

/* table6: Table, 2x15x4 to 2x15x4. */
static const uint8_t table6_table[256] FLASH = {
    255, 254, 253, 252, 251, 250, 249, 248, 247, 246, 245, 244, 243, 242, 241, 240, 239, 238, 237,
    236, 235, 234, 233, 232, 231, 230, 229, 228, 227, 226, 225, 224, 223, 222, 221, 220, 219, 218,
    217, 216, 215, 214, 213, 212, 211, 210, 209, 208, 207, 206, 205, 204, 203, 202, 201, 200, 199,
    198, 197, 196, 195, 194, 193, 192, 191, 190, 189, 188, 187, 186, 185, 184, 183, 182, 181, 180,
    179, 178, 177, 176, 175, 174, 173, 172, 171, 170, 169, 168, 167, 166, 165, 164, 163, 162, 161,
    160, 159, 158, 157, 156, 155, 154, 153, 152, 151, 150, 149, 148, 147, 146, 145, 144, 143, 142,
    141, 140, 139, 138, 137, 136, 135, 134, 133, 132, 131, 130, 129, 128, 127, 126, 125, 124, 123,
    122, 121, 120, 119, 118, 117, 116, 115, 114, 113, 112, 111, 110, 109, 108, 107, 106, 105, 104,
    103, 102, 101, 100, 99, 98, 97, 96, 95, 94, 93, 92, 91, 90, 89, 88, 87, 86, 85, 84, 83, 82, 81,
    80, 79, 78, 77, 76, 75, 74, 73, 72, 71, 70, 69, 68, 67, 66, 65, 64, 63, 62, 61, 60, 59, 58, 57,
    56, 55, 54, 53, 52, 51, 50, 49, 48, 47, 46, 45, 44, 43, 42, 41, 40, 39, 38, 37, 36, 35, 34, 33,
    32, 31, 30, 29, 28, 27, 26, 25, 24, 23, 22, 21, 20, 19, 18, 17, 16, 15, 14, 13, 12, 11, 10, 9,
    8, 7, 6, 5, 4, 3, 2, 1, 0,
};

static void table6_row(int oh)
{
    for (int f = 0; f < 2; f++) {
        for (int ow = 0; ow < 4; ow++) {
            shared1.table6_codes[(f * 15 + oh) * 4 + ow] =
                (uint8_t)(uint8_t)FLASH_8(table6_table + shared0.reshape5_codes[(f * 15 + oh) * 4 + ow]);
        }
    }
}

/* flatten7: Flatten HWC, 2x15x4 to 120. */
static void flatten7_all(void)
{
    for (int h = 0; h < 15; h++) {
        for (int v = 0; v < 4; v++) {
            for (int c = 0; c < 2; c++) {
                const int j = (h * 4 + v) * 2 + c;
                answer[j] = (uint8_t)shared1.table6_codes[(c * 15 + h) * 4 + v];
            }
        }
    }
}

void reshaped_run(const reshaped_input_t *input, reshaped_output_t *output)
{
    image = input;
    answer = output;
    for (int oh = 0; oh < 5; oh++)
        table0_row(oh);
    reshape1_all();
    for (int oh = 0; oh < 2; oh++)
        table2_row(oh);
    for (int oh = 0; oh < 8; oh++)
        table4_row(oh);
    reshape5_all();
    for (int oh = 0; oh < 15; oh++)
        table6_row(oh);
    flatten7_all();
}

int reshaped_classify(const reshaped_input_t *input)
{
    static reshaped_output_t output[RESHAPED_OUTPUT_SIZE];
    reshaped_run(input, output);
    int best = 0;
    for (int k = 1; k < RESHAPED_OUTPUT_SIZE; k++)
        if (output[k] > output[best])
            best = k;
    return best;
}
