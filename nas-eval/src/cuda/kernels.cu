// The kernels of training on CUDA, for f32 and f64.
//
// Tensors are dense, of fewer than 2^31 elements (the host sees to it), images [N, C, H, W]. A kernel reads up to five tensors, writes one, and takes its sizes in `Params`;
// `launch.rs` calls them all alike. Those named `*_slices` sum over a part of the batch in each block and leave one number
// a block; `sum_slices` adds these in order. No kernel uses atomics: results are the same in every run.
//
// The file is plain C++ but for CUDA's own words, so that the tests can run it on a machine without a GPU (`on_host.cpp`).

constexpr int BLOCK = 256;

struct Params {
    int n[24];
    double r[4];
};

// Where a convolution or pooling reads: the sizes shared by all of them, in the order in which the host gives them.
struct Window {
    int batch, channels, height, width, rows, columns, kernel_y, kernel_x, stride_y, stride_x, pad_y, pad_x, dilation_y,
        dilation_x, slices;

    __device__ explicit Window(const Params& p)
        : batch(p.n[0]), channels(p.n[1]), height(p.n[2]), width(p.n[3]), rows(p.n[4]), columns(p.n[5]),
          kernel_y(p.n[6]), kernel_x(p.n[7]), stride_y(p.n[8]), stride_x(p.n[9]), pad_y(p.n[10]), pad_x(p.n[11]),
          dilation_y(p.n[12]), dilation_x(p.n[13]), slices(p.n[14]) {}

    // The input row (column) that tap `tap` of output row (column) `at` reads, or one outside the image.
    __device__ int row(int at, int tap) const { return at * stride_y + tap * dilation_y - pad_y; }
    __device__ int column(int at, int tap) const { return at * stride_x + tap * dilation_x - pad_x; }
    __device__ bool has(int row, int column) const {
        return row >= 0 && row < height && column >= 0 && column < width;
    }
    // The output row (column) that reads input row (column) `at` with tap `tap`, or -1.
    __device__ int reader_row(int at, int tap) const {
        int back = at + pad_y - tap * dilation_y;
        return back >= 0 && back % stride_y == 0 && back / stride_y < rows ? back / stride_y : -1;
    }
    __device__ int reader_column(int at, int tap) const {
        int back = at + pad_x - tap * dilation_x;
        return back >= 0 && back % stride_x == 0 && back / stride_x < columns ? back / stride_x : -1;
    }
    // How many elements of the image an average window holds.
    __device__ int count(int row, int column) const {
        int top = max(row * stride_y - pad_y, 0), bottom = min(row * stride_y - pad_y + kernel_y, height);
        int left = max(column * stride_x - pad_x, 0), right = min(column * stride_x - pad_x + kernel_x, width);
        return (bottom - top) * (right - left);
    }
};

// The element of this thread, of `total`.
#define EACH(index, total)                                \
    int index = blockIdx.x * blockDim.x + threadIdx.x; \
    if (index >= (total)) return;

// The sum of a value over the threads of a block, in a fixed order; every thread gets it.
template <typename T> __device__ T block_sum(T value) {
    __shared__ T lanes[BLOCK];
    lanes[threadIdx.x] = value;
    __syncthreads();
    for (int half = BLOCK / 2; half > 0; half /= 2) {
        if (threadIdx.x < half) lanes[threadIdx.x] += lanes[threadIdx.x + half];
        __syncthreads();
    }
    T sum = lanes[0];
    __syncthreads();
    return sum;
}

// The part `slice` of `slices` of 0..total.
struct Part {
    int start, end;
    __device__ Part(long long total, int slice, int slices)
        : start(total * slice / slices), end(total * (slice + 1) / slices) {}
};

#define ARGUMENTS const T *a, const T *b, const T *c, const T *d, const T *e, T *out, const Params &p

// ---- convolution ----------------------------------------------------------------------------------------------------

// a [N, C, H, W] -> [N, C * taps, H' * W']: what each tap sees, zeros in the padding.
template <typename T> __device__ void unfold(ARGUMENTS) {
    Window w(p);
    int taps = w.kernel_y * w.kernel_x;
    int positions = w.rows * w.columns;
    EACH(i, w.batch * w.channels * taps * positions)
    int column = i % w.columns, row = i / w.columns % w.rows;
    int tap = i / positions % taps;
    int plane = i / positions / taps;
    int y = w.row(row, tap / w.kernel_x), x = w.column(column, tap % w.kernel_x);
    out[i] = w.has(y, x) ? a[(plane * w.height + y) * w.width + x] : T(0);
}

// The transpose of unfold: a [N, C * taps, H' * W'] -> [N, C, H, W].
template <typename T> __device__ void fold(ARGUMENTS) {
    Window w(p);
    EACH(i, w.batch * w.channels * w.height * w.width)
    int x = i % w.width, y = i / w.width % w.height;
    int plane = i / w.width / w.height;
    const T *planes = a + plane * w.kernel_y * w.kernel_x * w.rows * w.columns;
    T sum = 0;
    for (int ky = 0; ky < w.kernel_y; ky++) {
        int row = w.reader_row(y, ky);
        if (row < 0) continue;
        for (int kx = 0; kx < w.kernel_x; kx++) {
            int column = w.reader_column(x, kx);
            if (column >= 0) sum += planes[((ky * w.kernel_x + kx) * w.rows + row) * w.columns + column];
        }
    }
    out[i] = sum;
}

// a [N, C, H, W], b [C, taps] -> [N, C, H', W'].
template <typename T> __device__ void depthwise(ARGUMENTS) {
    Window w(p);
    EACH(i, w.batch * w.channels * w.rows * w.columns)
    int column = i % w.columns, row = i / w.columns % w.rows;
    int plane = i / w.columns / w.rows;
    const T *image = a + plane * w.height * w.width;
    const T *weight = b + plane % w.channels * w.kernel_y * w.kernel_x;
    T sum = 0;
    for (int ky = 0; ky < w.kernel_y; ky++) {
        int y = w.row(row, ky);
        if (y < 0 || y >= w.height) continue;
        for (int kx = 0; kx < w.kernel_x; kx++) {
            int x = w.column(column, kx);
            if (x >= 0 && x < w.width) sum += weight[ky * w.kernel_x + kx] * image[y * w.width + x];
        }
    }
    out[i] = sum;
}

// The gradient of depthwise in its input: a [N, C, H', W'], b [C, taps] -> [N, C, H, W].
template <typename T> __device__ void depthwise_input(ARGUMENTS) {
    Window w(p);
    EACH(i, w.batch * w.channels * w.height * w.width)
    int x = i % w.width, y = i / w.width % w.height;
    int plane = i / w.width / w.height;
    const T *gradient = a + plane * w.rows * w.columns;
    const T *weight = b + plane % w.channels * w.kernel_y * w.kernel_x;
    T sum = 0;
    for (int ky = 0; ky < w.kernel_y; ky++) {
        int row = w.reader_row(y, ky);
        if (row < 0) continue;
        for (int kx = 0; kx < w.kernel_x; kx++) {
            int column = w.reader_column(x, kx);
            if (column >= 0) sum += weight[ky * w.kernel_x + kx] * gradient[row * w.columns + column];
        }
    }
    out[i] = sum;
}

// The gradient of depthwise in its weight over a slice of the batch and the positions, `TAPS` taps at a time:
// a [N, C, H, W], b [N, C, H', W'] -> [slices, C, taps].
template <typename T> __device__ void depthwise_weight_slices(ARGUMENTS) {
    constexpr int TAPS = 9;
    Window w(p);
    int channel = blockIdx.x % w.channels, slice = blockIdx.x / w.channels;
    int taps = w.kernel_y * w.kernel_x;
    int positions = w.rows * w.columns;
    Part part(w.batch * positions, slice, w.slices);
    for (int first = 0; first < taps; first += TAPS) {
        T sums[TAPS] = {};
        for (int i = part.start + threadIdx.x; i < part.end; i += BLOCK) {
            int image = i / positions, at = i % positions;
            int row = at / w.columns, column = at % w.columns;
            int plane = image * w.channels + channel;
            T gradient = b[plane * positions + at];
            for (int k = 0; k < TAPS; k++) {
                int tap = first + k;
                int y = w.row(row, tap / w.kernel_x), x = w.column(column, tap % w.kernel_x);
                if (tap < taps && w.has(y, x)) sums[k] += gradient * a[(plane * w.height + y) * w.width + x];
            }
        }
        for (int k = 0; k < TAPS && first + k < taps; k++) {
            T sum = block_sum(sums[k]);
            if (threadIdx.x == 0) out[(slice * w.channels + channel) * taps + first + k] = sum;
        }
    }
}

// a [slices, numbers] -> [numbers], slice after slice.
template <typename T> __device__ void sum_slices(ARGUMENTS) {
    int numbers = p.n[0], slices = p.n[1];
    EACH(i, numbers)
    T sum = 0;
    for (int slice = 0; slice < slices; slice++) sum += a[slice * numbers + i];
    out[i] = sum;
}

// ---- pooling --------------------------------------------------------------------------------------------------------

// a [N, C, H, W] -> [N, C, H', W'].
template <typename T> __device__ void avg_pool(ARGUMENTS) {
    Window w(p);
    EACH(i, w.batch * w.channels * w.rows * w.columns)
    int column = i % w.columns, row = i / w.columns % w.rows;
    const T *image = a + i / w.columns / w.rows * w.height * w.width;
    T sum = 0;
    for (int ky = 0; ky < w.kernel_y; ky++)
        for (int kx = 0; kx < w.kernel_x; kx++) {
            int y = w.row(row, ky), x = w.column(column, kx);
            if (w.has(y, x)) sum += image[y * w.width + x];
        }
    out[i] = sum / w.count(row, column);
}

// a [N, C, H', W'] -> [N, C, H, W].
template <typename T> __device__ void avg_pool_input(ARGUMENTS) {
    Window w(p);
    EACH(i, w.batch * w.channels * w.height * w.width)
    int x = i % w.width, y = i / w.width % w.height;
    const T *gradient = a + i / w.width / w.height * w.rows * w.columns;
    T sum = 0;
    for (int ky = 0; ky < w.kernel_y; ky++)
        for (int kx = 0; kx < w.kernel_x; kx++) {
            int row = w.reader_row(y, ky), column = w.reader_column(x, kx);
            if (row >= 0 && column >= 0) sum += gradient[row * w.columns + column] / w.count(row, column);
        }
    out[i] = sum;
}

// The place in its plane of a window's largest element, the first of several or the last NaN, as in PyTorch.
template <typename T> __device__ int largest(const Window &w, const T *image, int row, int column) {
    int place = -1;
    for (int ky = 0; ky < w.kernel_y; ky++)
        for (int kx = 0; kx < w.kernel_x; kx++) {
            int y = w.row(row, ky), x = w.column(column, kx);
            if (!w.has(y, x)) continue;
            int at = y * w.width + x;
            if (place < 0 || image[at] > image[place] || image[at] != image[at]) place = at;
        }
    return place;
}

// a [N, C, H, W] -> [N, C, H', W'].
template <typename T> __device__ void max_pool(ARGUMENTS) {
    Window w(p);
    EACH(i, w.batch * w.channels * w.rows * w.columns)
    const T *image = a + i / w.columns / w.rows * w.height * w.width;
    out[i] = image[largest(w, image, i / w.columns % w.rows, i % w.columns)];
}

// a [N, C, H, W] -> [N, C, H', W'], the place of each window's maximum (exact: the host keeps planes below 2^24).
template <typename T> __device__ void max_pool_places(ARGUMENTS) {
    Window w(p);
    EACH(i, w.batch * w.channels * w.rows * w.columns)
    const T *image = a + i / w.columns / w.rows * w.height * w.width;
    out[i] = T(largest(w, image, i / w.columns % w.rows, i % w.columns));
}

// a: gradient [N, C, H', W'], b: places -> [N, C, H, W].
template <typename T> __device__ void max_pool_input(ARGUMENTS) {
    Window w(p);
    EACH(i, w.batch * w.channels * w.height * w.width)
    int x = i % w.width, y = i / w.width % w.height;
    int first = i / w.width / w.height * w.rows * w.columns;
    T place = T(y * w.width + x), sum = 0;
    for (int ky = 0; ky < w.kernel_y; ky++)
        for (int kx = 0; kx < w.kernel_x; kx++) {
            int row = w.reader_row(y, ky), column = w.reader_column(x, kx);
            if (row < 0 || column < 0) continue;
            int window = first + row * w.columns + column;
            if (b[window] == place) sum += a[window];
        }
    out[i] = sum;
}

// ---- batch normalisation --------------------------------------------------------------------------------------------
// Sizes: N, C, H * W = P, slices, whether there are weight and bias; numbers: count of values a channel, epsilon.
// Moments are [2, C]: means, biased variances.

// Sums over a slice of a channel of x - s and (x - s)^2, s being the channel's first value: a [N, C, P] -> [slices, 2, C].
template <typename T> __device__ void moment_slices(ARGUMENTS) {
    int batch = p.n[0], channels = p.n[1], positions = p.n[2], slices = p.n[3];
    int channel = blockIdx.x % channels, slice = blockIdx.x / channels;
    T shift = a[channel * positions];
    Part part(batch * positions, slice, slices);
    T sum = 0, squares = 0;
    for (int i = part.start + threadIdx.x; i < part.end; i += BLOCK) {
        T x = a[(i / positions * channels + channel) * positions + i % positions] - shift;
        sum += x;
        squares += x * x;
    }
    sum = block_sum(sum);
    squares = block_sum(squares);
    if (threadIdx.x == 0) {
        out[(slice * 2) * channels + channel] = sum;
        out[(slice * 2 + 1) * channels + channel] = squares;
    }
}

// a: sums of moment_slices [slices, 2, C], b: x -> moments [2, C].
template <typename T> __device__ void moments(ARGUMENTS) {
    int channels = p.n[1], positions = p.n[2], slices = p.n[3];
    EACH(channel, channels)
    double sum = 0, squares = 0, count = p.r[0];
    for (int slice = 0; slice < slices; slice++) {
        sum += a[slice * 2 * channels + channel];
        squares += a[(slice * 2 + 1) * channels + channel];
    }
    double mean = sum / count, variance = squares / count - mean * mean;
    out[channel] = T(double(b[channel * positions]) + mean);
    // Not `max`: a NaN must stay one.
    out[channels + channel] = T(variance < 0 ? 0 : variance);
}

// a: x [N, C, P], b: moments -> [N, C, P]; p.r[1] is epsilon.
template <typename T> __device__ void normalize(ARGUMENTS) {
    int batch = p.n[0], channels = p.n[1], positions = p.n[2];
    EACH(i, batch * channels * positions)
    int channel = i / positions % channels;
    out[i] = (a[i] - b[channel]) / sqrt(b[channels + channel] + T(p.r[1]));
}

// The same, scaled and shifted: a: x, b: weight [C], c: bias [C], d: moments.
template <typename T> __device__ void normalize_affine(ARGUMENTS) {
    int batch = p.n[0], channels = p.n[1], positions = p.n[2];
    EACH(i, batch * channels * positions)
    int channel = i / positions % channels;
    out[i] = (a[i] - d[channel]) / sqrt(d[channels + channel] + T(p.r[1])) * b[channel] + c[channel];
}

// Sums over a slice of g and g * x^: a: g [N, C, P], b: x, c: moments -> [slices, 2, C].
template <typename T> __device__ void normalize_slices(ARGUMENTS) {
    int batch = p.n[0], channels = p.n[1], positions = p.n[2], slices = p.n[3];
    int channel = blockIdx.x % channels, slice = blockIdx.x / channels;
    T mean = c[channel], inverse = T(1) / sqrt(c[channels + channel] + T(p.r[1]));
    Part part(batch * positions, slice, slices);
    T sum = 0, product = 0;
    for (int i = part.start + threadIdx.x; i < part.end; i += BLOCK) {
        int at = (i / positions * channels + channel) * positions + i % positions;
        sum += a[at];
        product += a[at] * ((b[at] - mean) * inverse);
    }
    sum = block_sum(sum);
    product = block_sum(product);
    if (threadIdx.x == 0) {
        out[(slice * 2) * channels + channel] = sum;
        out[(slice * 2 + 1) * channels + channel] = product;
    }
}

// The gradient in x, through the moments too: a: g, b: x, c: moments, d: sums of g and g * x^ [2, C], e: weight [C].
template <typename T> __device__ void normalize_input(ARGUMENTS) {
    int batch = p.n[0], channels = p.n[1], positions = p.n[2], affine = p.n[4];
    EACH(i, batch * channels * positions)
    int channel = i / positions % channels;
    T inverse = T(1) / sqrt(c[channels + channel] + T(p.r[1])), count = T(p.r[0]);
    T x = (b[i] - c[channel]) * inverse;
    T scale = affine ? e[channel] * inverse : inverse;
    out[i] = scale * (a[i] - d[channel] / count - x * (d[channels + channel] / count));
}

// ---- element by element ---------------------------------------------------------------------------------------------

// max(a, 0); NaN stays NaN.
template <typename T> __device__ void relu(ARGUMENTS) {
    EACH(i, p.n[0])
    out[i] = a[i] <= T(0) ? T(0) : a[i];
}

// a: gradient, b: result of relu.
template <typename T> __device__ void relu_input(ARGUMENTS) {
    EACH(i, p.n[0])
    out[i] = b[i] == T(0) ? T(0) : a[i];
}

// p.r[0] * a, plus b where p.n[1] says so.
template <typename T> __device__ void add_scaled(ARGUMENTS) {
    EACH(i, p.n[0])
    T scaled = T(p.r[0]) * a[i];
    out[i] = p.n[1] ? b[i] + scaled : scaled;
}

// Sums over a slice of a * b, or of a alone where p.n[2] is 0: [numbers] -> [slices].
template <typename T> __device__ void dot_slices(ARGUMENTS) {
    int numbers = p.n[0], slices = p.n[1], product = p.n[2];
    Part part(numbers, blockIdx.x, slices);
    T sum = 0;
    for (int i = part.start + threadIdx.x; i < part.end; i += BLOCK) sum += product ? a[i] * b[i] : a[i];
    sum = block_sum(sum);
    if (threadIdx.x == 0) out[blockIdx.x] = sum;
}

// ---- many tensors at a time -----------------------------------------------------------------------------------------

// The tensors of one launch: up to TENSORS of each kind (parameters, gradients, what the optimizer remembers). Each block
// takes ELEMENTS elements of one of them. The host fills it (`multi_tensor.rs`).
constexpr int TENSORS = 48;
constexpr int KINDS = 4;
constexpr int ELEMENTS = 16 * BLOCK;

struct Table {
    void *at[KINDS][TENSORS];
    double reals[3][TENSORS];
    int length[TENSORS];
    int first_block[TENSORS + 1];
};

// The tensor that this block works on, and its part of it.
struct Share {
    int tensor, start, end;

    __device__ explicit Share(const Table &table) : tensor(0) {
        while (table.first_block[tensor + 1] <= blockIdx.x) tensor++;
        start = (blockIdx.x - table.first_block[tensor]) * ELEMENTS;
        end = min(start + ELEMENTS, table.length[tensor]);
    }
};

#define MANY const Table &table, const T *scalar, T *out, const Params &p

// d = g + decay * p; v = momentum * v + d; p -= rate * (v, or d + momentum * v with Nesterov's look-ahead). Without a
// buffer p -= rate * d.
template <typename T> __device__ void sgd(MANY) {
    Share share(table);
    T *parameter = static_cast<T *>(table.at[0][share.tensor]), *buffer = static_cast<T *>(table.at[2][share.tensor]);
    const T *gradient = static_cast<const T *>(table.at[1][share.tensor]);
    T rate = T(p.r[0]), momentum = T(p.r[1]), decay = T(table.reals[0][share.tensor]);
    bool nesterov = p.r[2] != 0;
    for (int i = share.start + threadIdx.x; i < share.end; i += BLOCK) {
        T direction = gradient[i] + decay * parameter[i];
        T step = direction;
        if (buffer) {
            step = momentum * buffer[i] + direction;
            buffer[i] = step;
        }
        parameter[i] = parameter[i] - rate * (nesterov ? direction + momentum * step : step);
    }
}

// m = b1 * m + (1 - b1) * d; v = b2 * v + (1 - b2) * d * d; p -= rate * m / (sqrt(v) / correction + epsilon), where
// d = g + decay * p, or g alone and p shrinks by itself where the decay is decoupled.
// reals: rate / (1 - b1^t), correction, decay (times the rate where decoupled).
template <typename T> __device__ void adam(MANY) {
    Share share(table);
    T *parameter = static_cast<T *>(table.at[0][share.tensor]), *first = static_cast<T *>(table.at[2][share.tensor]);
    T *second = static_cast<T *>(table.at[3][share.tensor]);
    const T *gradient = static_cast<const T *>(table.at[1][share.tensor]);
    T rate = T(table.reals[0][share.tensor]), correction = T(table.reals[1][share.tensor]);
    bool decoupled = p.r[3] != 0;
    double decay = table.reals[2][share.tensor];
    T coupled = decoupled ? T(0) : T(decay), keep = decoupled ? T(1 - decay) : T(1);
    T beta1 = T(p.r[0]), rest1 = T(1 - p.r[0]), beta2 = T(p.r[1]), rest2 = T(1 - p.r[1]), epsilon = T(p.r[2]);
    for (int i = share.start + threadIdx.x; i < share.end; i += BLOCK) {
        T direction = gradient[i] + coupled * parameter[i];
        T m = beta1 * first[i] + rest1 * direction;
        T v = beta2 * second[i] + rest2 * (direction * direction);
        first[i] = m;
        second[i] = v;
        parameter[i] = keep * parameter[i] - rate * m / (sqrt(v) / correction + epsilon);
    }
}

// The sum of the squares of each block's share -> [blocks].
template <typename T> __device__ void squares(MANY) {
    Share share(table);
    const T *x = static_cast<const T *>(table.at[0][share.tensor]);
    T sum = 0;
    for (int i = share.start + threadIdx.x; i < share.end; i += BLOCK) sum += x[i] * x[i];
    sum = block_sum(sum);
    if (threadIdx.x == 0) out[blockIdx.x] = sum;
}

// All tensors times the scalar -> [numbers of all], each from where its own first number says.
template <typename T> __device__ void scale(MANY) {
    Share share(table);
    const T *x = static_cast<const T *>(table.at[0][share.tensor]);
    T *scaled = out + (long long)table.reals[0][share.tensor];
    for (int i = share.start + threadIdx.x; i < share.end; i += BLOCK) scaled[i] = x[i] * *scalar;
}

// ---- batches --------------------------------------------------------------------------------------------------------

// The batch that `changes` [6 or more, N] describes -> [N, C, H, W], as the CPU makes it: the crop, the mirroring, the
// tables' values, the square that is cut out. What lies outside of an image is black, that is pixel 0.
__device__ void make_batch(const unsigned char *pixels, const float *tables, const unsigned *changes, float *out,
                           const Params &p) {
    int batch = p.n[0], channels = p.n[1], height = p.n[2], width = p.n[3], padding = p.n[4], side = p.n[5];
    EACH(i, batch * channels * height * width)
    int x = i % width, y = i / width % height, channel = i / width / height % channels;
    const unsigned *change = changes + i / width / height / channels;
    // The set may have more pixels than an int counts.
    long long plane = (long long)change[0] * channels + channel;
    int top = change[batch], left = change[2 * batch], row = change[4 * batch], column = change[5 * batch];
    bool mirrored = change[3 * batch];
    if (y >= row - side / 2 && y < row + side - side / 2 && x >= column - side / 2 && x < column + side - side / 2) {
        out[i] = 0;
        return;
    }
    int from_y = y + top - padding, from_x = (mirrored ? width - 1 - x : x) + left - padding;
    bool inside = from_y >= 0 && from_y < height && from_x >= 0 && from_x < width;
    int pixel = inside ? pixels[(plane * height + from_y) * width + from_x] : 0;
    out[i] = tables[channel * 256 + pixel];
}

// ---- entry points ---------------------------------------------------------------------------------------------------

#define KERNEL(name)                                                                                              \
    extern "C" __global__ void name##_f32(const float *a, const float *b, const float *c, const float *d,         \
                                          const float *e, float *out, Params p) {                                 \
        name<float>(a, b, c, d, e, out, p);                                                                       \
    }                                                                                                             \
    extern "C" __global__ void name##_f64(const double *a, const double *b, const double *c, const double *d,     \
                                          const double *e, double *out, Params p) {                               \
        name<double>(a, b, c, d, e, out, p);                                                                      \
    }

#define FOR_EACH_KERNEL(WITH)                                                                                     \
    WITH(unfold) WITH(fold) WITH(depthwise) WITH(depthwise_input) WITH(depthwise_weight_slices) WITH(sum_slices)  \
    WITH(avg_pool) WITH(avg_pool_input) WITH(max_pool) WITH(max_pool_places) WITH(max_pool_input)                 \
    WITH(moment_slices) WITH(moments) WITH(normalize) WITH(normalize_affine) WITH(normalize_slices) WITH(normalize_input)                \
    WITH(relu) WITH(relu_input) WITH(add_scaled) WITH(dot_slices)

FOR_EACH_KERNEL(KERNEL)

#define KERNEL_OF_MANY(name)                                                                                      \
    extern "C" __global__ void name##_f32(Table table, const float *scalar, float *out, Params p) {               \
        name<float>(table, scalar, out, p);                                                                       \
    }                                                                                                             \
    extern "C" __global__ void name##_f64(Table table, const double *scalar, double *out, Params p) {             \
        name<double>(table, scalar, out, p);                                                                      \
    }

#define FOR_EACH_KERNEL_OF_MANY(WITH) WITH(sgd) WITH(adam) WITH(squares) WITH(scale)

FOR_EACH_KERNEL_OF_MANY(KERNEL_OF_MANY)

extern "C" __global__ void augment(const unsigned char *pixels, const float *tables, const unsigned *changes, float *out,
                                   Params p) {
    make_batch(pixels, tables, changes, out, p);
}
