/* See packed.h. The layout of a file: prunesweep/export/packed.py. The order of the decisions: packing.py. */
#include "packed.h"

#include <string.h>

#define START 7       /* kind and version (3 bytes), CRC-32 (4 bytes) */
#define NUMBERS 7     /* in a description */
#define DIGEST 8      /* bytes of the ID of the run */
#define HALF 32768u   /* the probability 1/2 */
#define LIMIT 255     /* decisions after which earlier ones count half */
#define TOTAL (1u << 24)
#define LOW_BITS 23   /* of a float32; the others are sign and exponent */

/* The range decoder of constriction (RangeDecoder with words of 32 bits, a state of 64, a precision of 24). */
typedef struct {
    const uint8_t *next, *end;
    uint64_t lower, range, point;
    int broken;
} decoder;

static uint32_t next_word(decoder *from) {
    uint32_t word = 0;
    for (int i = 0; i < 4; i++) word = word << 8 | (from->next < from->end ? *from->next++ : 0u);
    return word;
}

/* Return a decision. The probability of 0 is zero / 2^16. */
static unsigned decide(decoder *from, uint32_t zero) {
    const uint64_t left = ((uint64_t)zero * (TOTAL - 2) >> 16) + 1; /* of 2^24 */
    const uint64_t scale = from->range >> 24, distance = from->point - from->lower;
    if (distance >= scale << 24) from->broken = 1;
    const unsigned bit = distance >= scale * left;
    if (bit) from->lower += scale * left;
    from->range = scale * (bit ? TOTAL - left : left);
    if (from->range >> 32 == 0) {
        from->lower <<= 32;
        from->range <<= 32;
        from->point = from->point << 32 | next_word(from);
    }
    return bit;
}

static unsigned counted(decoder *from, packed_counter *counter) {
    const uint32_t zeros = counter->zeros, ones = counter->ones;
    const unsigned bit = decide(from, (2 * zeros + 1) * 65536u / (2 * (zeros + ones) + 2));
    if (bit) counter->ones++; else counter->zeros++;
    if (counter->zeros + counter->ones > LIMIT) {
        counter->zeros /= 2;
        counter->ones /= 2;
    }
    return bit;
}

static uint32_t plain(decoder *from, int bits) {
    uint32_t value = 0;
    while (bits-- > 0) value = value << 1 | decide(from, HALF);
    return value;
}

/* Return a number below `size`, a power of 2. */
static uint32_t symbol(decoder *from, packed_counter *tree, uint32_t size) {
    uint32_t node = 1;
    while (node < size) node = 2 * node + counted(from, &tree[node]);
    return node - size;
}

static int bit_length(uint32_t value) {
    int bits = 0;
    for (; value; value >>= 1) bits++;
    return bits;
}

/* Return the bits of a float32 that has the value of a float16. */
static uint32_t from_half(uint32_t half) {
    const uint32_t sign = (half & 0x8000u) << 16;
    uint32_t exponent = half >> 10 & 31u, fraction = half & 0x3ffu;
    if (exponent == 31) return sign | 0x7f800000u | fraction << 13;
    if (exponent == 0) { /* a multiple of 2^-24 */
        if (fraction == 0) return sign;
        for (exponent = 1; !(fraction & 0x400u); exponent--) fraction <<= 1;
        fraction &= 0x3ffu;
    }
    return sign | (exponent + 112) << 23 | fraction << 13;
}

static void read_book(decoder *from, packed_book *book) {
    book->count = plain(from, 8) + 1;
    const int is_short = (int)plain(from, 1);
    for (uint32_t i = 0; i < book->count; i++)
        book->entries[i] = is_short ? from_half(plain(from, 16)) : plain(from, 32);
    book->size = (uint32_t)1 << bit_length(book->count - 1);
    memset(book->tree, 0, sizeof book->tree);
}

/* A tensor as a matrix [rows, units * places]. A vector has no units. */
typedef struct {
    uint32_t rows, units, places;
} matrix;

static matrix matrix_of(const packed_tensor *tensors, int number) {
    const packed_tensor *tensor = &tensors[number];
    matrix found = {tensor->shape[0], 0, 1};
    if (tensor->dimensions == 1) return found;
    found.units = tensor->shape[1];
    int before = number - 1;
    while (before >= 0 && tensors[before].dimensions == 1) before--;
    if (tensor->dimensions == 2 && before >= 0 && tensors[before].shape[0] &&
        tensor->shape[1] % tensors[before].shape[0] == 0)
        found.units = tensors[before].shape[0];
    uint64_t columns = 1;
    for (int i = 1; i < tensor->dimensions; i++) columns *= tensor->shape[i];
    found.places = found.units ? (uint32_t)(columns / found.units) : 0;
    return found;
}

static uint32_t bits_at(const float *values, size_t place) {
    uint32_t bits;
    memcpy(&bits, values + place, sizeof bits);
    return bits;
}

static size_t place_of(matrix part, uint32_t row, uint32_t unit, uint32_t place) {
    return ((size_t)row * part.units + unit) * part.places + place;
}

/* Return whether the next matrix uses a row of a tensor. */
static unsigned is_used(const packed_tensor *tensors, int count, int number, uint32_t row) {
    int after = number + 1;
    while (after < count && tensors[after].dimensions == 1) after++;
    if (after == count) return 1;
    const matrix part = matrix_of(tensors, after);
    if (part.units != tensors[number].shape[0]) return 1;
    for (uint32_t i = 0; i < part.rows; i++)
        for (uint32_t j = 0; j < part.places; j++)
            if (bits_at(tensors[after].values, place_of(part, i, row, j))) return 1;
    return 0;
}

static unsigned has_bias(const packed_tensor *tensors, int count, int number, uint32_t row) {
    const int after = number + 1;
    return after < count && tensors[after].dimensions == 1 && tensors[after].shape[0] == tensors[number].shape[0] &&
           bits_at(tensors[after].values, row) != 0;
}

static void read_value(decoder *from, packed_workspace *with, int number, size_t place, float *values) {
    uint32_t bits;
    if (with->choice[number] == 0) {
        bits = symbol(from, with->plain, 512) << LOW_BITS;
        bits |= plain(from, LOW_BITS);
    } else {
        packed_book *book = &with->books[with->choice[number] - 1];
        const uint32_t index = symbol(from, book->tree, book->size);
        bits = book->entries[index < book->count ? index : book->count - 1];
    }
    memcpy(values + place, &bits, sizeof bits);
}

static void read_vector(decoder *from, packed_workspace *with, const packed_tensor *tensors, int count, int number) {
    packed_counter kinds[2] = {{0, 0}, {0, 0}};
    for (uint32_t row = 0; row < tensors[number].shape[0] && !from->broken; row++)
        if (counted(from, &kinds[is_used(tensors, count, number, row)]))
            read_value(from, with, number, row, tensors[number].values);
}

static void read_matrix(decoder *from, packed_workspace *with, const packed_tensor *tensors, int count, int number) {
    const matrix part = matrix_of(tensors, number);
    packed_counter kinds[4], unit_kind = {0, 0}, cell = {0, 0};
    memset(kinds, 0, sizeof kinds);
    uint32_t rows = 0; /* that are not zero, listed in the workspace */
    for (uint32_t row = 0; row < part.rows; row++) {
        const unsigned kind = 2 * is_used(tensors, count, number, row) + has_bias(tensors, count, number, row);
        if (counted(from, &kinds[kind])) with->rows[rows++] = (uint16_t)row;
    }
    if (rows == 0) return;
    for (uint32_t unit = 0; unit < part.units && !from->broken; unit++) {
        if (!counted(from, &unit_kind)) continue;
        for (uint32_t place = 0; place < part.places; place++)
            for (uint32_t i = 0; i < rows; i++)
                if (counted(from, &cell))
                    read_value(from, with, number, place_of(part, with->rows[i], unit, place), tensors[number].values);
    }
}

static uint32_t crc32(const uint8_t *bytes, size_t size) {
    uint32_t sum = 0xffffffffu;
    for (size_t i = 0; i < size; i++) {
        sum ^= bytes[i];
        for (int bit = 0; bit < 8; bit++) sum = sum >> 1 ^ (0xedb88320u & (0u - (sum & 1u)));
    }
    return ~sum;
}

/* Return where the tensors begin, or NULL. */
static const uint8_t *after_description(const uint8_t *next, const uint8_t *end) {
    uint64_t value = 0;
    for (int number = 0; number < NUMBERS; number++) {
        int shift = 0;
        value = 0;
        do {
            if (next == end || shift > 56) return NULL;
            value |= (uint64_t)(*next & 127u) << shift;
            shift += 7;
        } while (*next++ & 128u);
    }
    return value / 2 + DIGEST > (uint64_t)(end - next) ? NULL : next + value / 2 + DIGEST;
}

static const char *clear(const packed_tensor *tensors, int count) {
    if (count < 1 || count > PACKED_MAX_TENSORS) return "too many tensors, or none";
    for (int i = 0; i < count; i++) {
        size_t size = 1;
        if (tensors[i].dimensions < 1 || tensors[i].dimensions > 4) return "a tensor has no or more than 4 dimensions";
        for (int j = 0; j < tensors[i].dimensions; j++) size *= tensors[i].shape[j];
        if (tensors[i].shape[0] > PACKED_MAX_ROWS) return "a layer is larger than PACKED_MAX_ROWS";
        memset(tensors[i].values, 0, size * sizeof(float));
    }
    return NULL;
}

const char *packed_read(const uint8_t *file, size_t size, const packed_tensor *tensors, int count,
                        packed_workspace *workspace) {
    const char *error = clear(tensors, count);
    if (error) return error;
    if (size < START || file[0] != 0xf1 || file[1] != 'w' || file[2] != 1) return "not a packed file of this version";
    uint32_t sum = 0;
    for (int i = 0; i < 4; i++) sum |= (uint32_t)file[3 + i] << 8 * i;
    if (crc32(file + START, size - START) != sum) return "the file is incomplete or was changed";
    decoder from = {after_description(file + START, file + size), file + size, 0, UINT64_MAX, 0, 0};
    if (!from.next) return "the description is damaged";
    from.point = (uint64_t)next_word(&from) << 32;
    from.point |= next_word(&from);
    const uint32_t books = plain(&from, 8);
    if (books > (uint32_t)count) return "there are more codebooks than tensors";
    if (books > PACKED_MAX_BOOKS) return "there are more codebooks than PACKED_MAX_BOOKS";
    for (uint32_t i = 0; i < books; i++) read_book(&from, &workspace->books[i]);
    for (int i = 0; i < count; i++) {
        const uint32_t chosen = plain(&from, bit_length(books));
        workspace->choice[i] = (uint8_t)(chosen < books ? chosen : books);
    }
    memset(workspace->plain, 0, sizeof workspace->plain);
    for (int i = count - 1; i >= 0 && !from.broken; i--)
        (tensors[i].dimensions == 1 ? read_vector : read_matrix)(&from, workspace, tensors, count, i);
    return from.broken ? "the weights cannot be decoded" : NULL;
}

#ifdef PACKED_MAIN
/* packed FILE SHAPE...: print the tensors in a file, such as 20x1x5x5 20, as the bytes of float32 numbers. */
#include <stdio.h>
#include <stdlib.h>

int main(int argc, char **arguments) {
    static packed_workspace workspace;
    static packed_tensor tensors[PACKED_MAX_TENSORS];
    static size_t sizes[PACKED_MAX_TENSORS];
    static uint8_t file[1 << 24];
    FILE *input = argc > 2 && argc - 2 <= PACKED_MAX_TENSORS ? fopen(arguments[1], "rb") : NULL;
    if (!input) {
        fprintf(stderr, "usage: packed FILE SHAPE..., such as packed model.packed 10x784 10\n");
        return 2;
    }
    const size_t size = fread(file, 1, sizeof file, input);
    fclose(input);
    for (int i = 0; i < argc - 2; i++) {
        sizes[i] = 1;
        for (char *next = arguments[i + 2]; *next && tensors[i].dimensions < 4; next += *next == 'x') {
            sizes[i] *= tensors[i].shape[tensors[i].dimensions++] = (uint32_t)strtoul(next, &next, 10);
            if (*next && *next != 'x') break;
        }
        tensors[i].values = malloc(sizes[i] * sizeof(float) + 1);
        if (!tensors[i].values) return 2;
    }
    const char *error = packed_read(file, size, tensors, argc - 2, &workspace);
    for (int i = 0; i < argc - 2; i++) {
        if (!error) fwrite(tensors[i].values, sizeof(float), sizes[i], stdout);
        free(tensors[i].values);
    }
    if (error) fprintf(stderr, "%s: %s.\n", arguments[1], error);
    return error ? 1 : 0;
}
#endif
