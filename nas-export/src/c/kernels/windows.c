/* Where windows lie; each pair is (rows, columns). */
struct windows {
    int32_t seen[2], size[2], kernel[2], stride[2], padding[2], dilation[2];
};
