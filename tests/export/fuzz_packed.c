/* fuzz_packed FILE COUNT: change a packed file at random COUNT times, and read it. Prints [read, refused].
 * Built with AddressSanitizer. Every buffer has exactly the size that the reader may use. */
#include "../../src/prunesweep/export/c/packed.c"

#include <stdio.h>
#include <stdlib.h>

static uint32_t seed = 1;

static uint32_t draw(uint32_t limit) { /* xorshift32, Marsaglia 2003 */
    seed ^= seed << 13;
    seed ^= seed >> 17;
    seed ^= seed << 5;
    return seed % limit;
}

int main(int argc, char **arguments) {
    static packed_workspace workspace;
    static uint8_t original[1 << 16];
    packed_tensor tensors[] = {{4, {4, 1, 3, 3}, 0}, {1, {4}, 0},    {2, {5, 16}, 0},
                               {1, {5}, 0},          {2, {3, 5}, 0}, {1, {3}, 0}};
    const size_t sizes[] = {36, 4, 80, 5, 15, 3};
    for (int i = 0; i < 6; i++) tensors[i].values = malloc(sizes[i] * sizeof(float));
    FILE *input = argc == 3 ? fopen(arguments[1], "rb") : NULL;
    if (!input) return 2;
    const uint32_t whole = (uint32_t)fread(original, 1, sizeof original, input);
    fclose(input);
    if (packed_read(original, whole, tensors, 6, &workspace)) return 3;
    long read = 0, refused = 0;
    for (long i = atol(arguments[2]); i > 0; i--) {
        const uint32_t size = draw(4) ? whole : draw(whole + 1);
        uint8_t *file = malloc(size ? size : 1);
        if (!file) return 2;
        memcpy(file, original, size);
        for (uint32_t changes = draw(6); size && changes > 0; changes--) file[draw(size)] = (uint8_t)draw(256);
        if (size >= START && draw(8)) { /* mostly, the kind of file and the checksum are right */
            const uint32_t sum = crc32(file + START, size - START);
            memcpy(file, original, 3);
            for (int j = 0; j < 4; j++) file[3 + j] = (uint8_t)(sum >> 8 * j);
        }
        if (packed_read(file, size, tensors, 6, &workspace)) refused++; else read++;
        free(file);
    }
    for (int i = 0; i < 6; i++) free(tensors[i].values);
    printf("[%ld, %ld]\n", read, refused);
    return 0;
}
