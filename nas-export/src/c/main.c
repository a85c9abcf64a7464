/* Reads the bytes of an image from its input, row by row, of each place all channels, and prints the
   class scores and the class: ./network < image.rgb */
#include <stdio.h>

#include "__NAME__.h"

int main(void)
{
    static uint8_t image[__MACRO___BYTES];
    static __TYPE__ scores[__MACRO___CLASSES];
    int best = 0, i;
    if (fread(image, 1, sizeof image, stdin) != sizeof image || getchar() != EOF) {
        fprintf(stderr, "expected %d x %d places of %d bytes each\n", __MACRO___HEIGHT, __MACRO___WIDTH, __MACRO___CHANNELS);
        return 1;
    }
    __NAME___run(image, scores);
    for (i = 0; i < __MACRO___CLASSES; i++) {
        if (scores[i] > scores[best])
            best = i;
        printf("%.9g %s\n", (double)__SCORE__, __NAME___classes[i]);
    }
    printf("class: %s\n", __NAME___classes[best]);
    return 0;
}
