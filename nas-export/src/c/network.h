/* A trained network: the class scores of an image. README.md says what it was trained on. */
#ifndef __MACRO___H
#define __MACRO___H

#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

/* Rows, columns and channels of an image. */
#define __MACRO___HEIGHT __HEIGHT__
#define __MACRO___WIDTH __WIDTH__
#define __MACRO___CHANNELS __CHANNELS__
#define __MACRO___BYTES (__MACRO___HEIGHT * __MACRO___WIDTH * __MACRO___CHANNELS)
#define __MACRO___CLASSES __CLASS_COUNT__
/* Bytes of the one static block of memory that holds all feature maps. */
#define __MACRO___ARENA __ARENA__
__SCALE__
/* Names of the classes, in the order of the scores. */
extern const char *const __NAME___classes[__MACRO___CLASSES];

/* The score of each class, before the softmax. The image is bytes, row by row from the top, of each
   place all channels. Not for several threads at a time. */
void __NAME___run(const uint8_t *image, __TYPE__ *scores);

#ifdef __cplusplus
}
#endif

#endif
