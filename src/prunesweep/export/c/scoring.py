"""The C text of the program that scores an IDX file. It is compiled only with `-DPRUNESWEEP_MAIN`."""

from __future__ import annotations

from string import Template

from prunesweep.export.c.layers import Shape

SWITCH = "PRUNESWEEP_MAIN"

PROGRAM = Template("""\
#ifdef $switch
#include <stdio.h>

enum { BYTES = 0x08, INTEGERS = 0x0C, FLOATS = 0x0D };

/* Returns 4 bytes of an IDX file as a number. */
static unsigned long read_word(FILE *file)
{
    unsigned long word = 0;
    for (int i = 0; i < 4; i++)
        word = word << 8 | ((unsigned long)getc(file) & 255);
    return word;
}

/* Returns the next value of an IDX file. */
static float read_value(FILE *file, int type)
{
    union { unsigned int word; int integer; float number; } value;
    if (type == BYTES)
        return (float)getc(file);
    value.word = (unsigned int)read_word(file);
    return type == INTEGERS ? (float)value.integer : value.number;
}

/* Reads the header of an IDX file. Returns the number of examples, or 0 if they do not have these sizes. */
static unsigned long read_header(FILE *file, int *type, int rank, const unsigned long *sizes)
{
    const unsigned long magic = read_word(file), number = read_word(file);
    const int given = (int)(magic & 255) - 1;
    *type = (int)(magic >> 8);
    if (*type != BYTES && *type != INTEGERS && *type != FLOATS)
        return 0;
    if (given < rank && sizes[0] == 1) {  /* the file may leave out that images have one channel */
        rank--;
        sizes++;
    }
    for (int i = 0; i < rank && i < given; i++)
        if (read_word(file) != sizes[i])
            return 0;
    return given != rank || feof(file) ? 0 : number;
}

static int failed(const char *path, const char *reason)
{
    fprintf(stderr, "%s: %s.\\n", path, reason);
    return 2;
}

/* Prints the accuracy on the images and labels in two IDX files. Without labels, prints the logits of each image. */
int main(int argc, char **argv)
{
    static const unsigned long sizes[3] = {$channels, $height, $width};
    static float image[$values];
    float logits[$classes];
    unsigned long number, correct = 0;
    int type, label_type = 0;
    FILE *images, *labels = NULL;
    if (argc < 2 || argc > 3)
        return failed("usage", "give an IDX file with images, and for the accuracy one with labels");
    images = fopen(argv[1], "rb");
    if (!images || !(number = read_header(images, &type, 3, sizes)))
        return failed(argv[1], "is not an IDX file with images of $channels x $height x $width pixels");
    if (argc == 3) {
        labels = fopen(argv[2], "rb");
        if (!labels || read_header(labels, &label_type, 0, sizes) != number)
            return failed(argv[2], "is not an IDX file with one label for each image");
    }
    for (unsigned long i = 0; i < number; i++) {
        int predicted;
        for (int pixel = 0; pixel < $values; pixel++)
            image[pixel] = read_value(images, type);
        predicted = ${name}_predict(image, logits);
        if (labels)
            correct += predicted == (int)read_value(labels, label_type);
        else
            for (int k = 0; k < $classes; k++)
                printf("%.9g%c", (double)logits[k], k < $classes - 1 ? ' ' : '\\n');
        if (feof(images) || (labels && feof(labels)))
            return failed(argv[1], "is shorter than its header says, or its labels are");
    }
    if (labels)
        printf("%lu of %lu images are classified correctly (%.2f %%)\\n", correct, number,
               100.0 * (double)correct / (double)number);
    return 0;
}
#endif
""")


def program(name: str, shape: Shape, classes: int) -> str:
    """Return the program for the function `NAME_predict`, for images of `shape` and this number of classes."""
    channels, height, width = shape
    return PROGRAM.substitute(
        switch=SWITCH,
        name=name,
        channels=channels,
        height=height,
        width=width,
        values=channels * height * width,
        classes=classes,
    )
