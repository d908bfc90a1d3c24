/* Read networks written by `prunesweep export --format packed`. Portable C99: no allocation, no library but string.h.
 *
 *     static float weight[10 * 784], bias[10];
 *     static packed_workspace workspace;
 *     const packed_tensor tensors[] = {{2, {10, 784}, weight}, {1, {10}, bias}};
 *     const char *error = packed_read(file, size, tensors, 2, &workspace);   NULL if the tensors were read
 *
 * The file does not contain the shapes of its tensors. They are those of the network, in its own order: the parameters
 * and buffers of type float32. Networks with other buffers (num_batches_tracked) cannot be read here.
 */
#ifndef PRUNESWEEP_PACKED_H
#define PRUNESWEEP_PACKED_H

#include <stddef.h>
#include <stdint.h>

#ifndef PACKED_MAX_BOOKS
#define PACKED_MAX_BOOKS 8 /* the largest number of codebooks: the layers of a network, or one */
#endif
#ifndef PACKED_MAX_ROWS
#define PACKED_MAX_ROWS 4096 /* the largest number of channels or neurons of a layer */
#endif
#define PACKED_MAX_TENSORS 64

typedef struct {
    int dimensions; /* 1 to 4 */
    uint32_t shape[4];
    float *values;
} packed_tensor;

typedef struct {
    uint16_t zeros, ones;
} packed_counter;

typedef struct {
    uint32_t count, size; /* entries, and the next power of 2 */
    uint32_t entries[256];
    packed_counter tree[256];
} packed_book;

/* About 16 kB with 8 codebooks. Its content before and after a call has no meaning. */
typedef struct {
    packed_book books[PACKED_MAX_BOOKS];
    packed_counter plain[512];
    uint16_t rows[PACKED_MAX_ROWS];
    uint8_t choice[PACKED_MAX_TENSORS];
} packed_workspace;

/* Read the tensors in a file of `size` bytes. Return NULL, or what is wrong. Never reads or writes outside the given
 * buffers, whatever the file contains. */
const char *packed_read(const uint8_t *file, size_t size, const packed_tensor *tensors, int count,
                        packed_workspace *workspace);

#endif
