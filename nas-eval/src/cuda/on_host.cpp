// Runs the kernels on the host: CUDA's words in plain C++, and a loop that takes launches from standard input.
//
// The threads of a block are coroutines that hand over at `__syncthreads`, so that a missing barrier or a race between
// its two sides shows as a wrong result.
//
// A launch: name (length, bytes), blocks, width of a number in bytes, elements of the output, Params, number of inputs, then
// each input's elements and bytes; lengths are 64 bits. The answer: the output's bytes, or nothing where it is unknown.
//
// A launch on many tensors has blocks, width, output and Params alike, then whether there is a scalar, and it, the table,
// whose addresses say which tensors there are (1) and which are not (0), and the bytes of those, kind by kind. The answer:
// the output's bytes and those of all tensors.
//
// `augment` has pixels, tables and changes after Params, each with its bytes before it, and is answered as the first kind.

#include <ucontext.h>

#include <cmath>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <map>
#include <string>
#include <vector>

#define __global__
#define __device__
#define __shared__ static

using std::max;
using std::min;
using std::sqrt;

struct Index {
    int x;
};
static Index blockIdx, blockDim, threadIdx;
static void __syncthreads();

#include "kernels.cu"

constexpr size_t STACK = 64 << 10;

static ucontext_t scheduler, threads[BLOCK];
static bool waiting[BLOCK];
static char stacks[BLOCK][STACK];
static void (*body)();

static bool together;

static void __syncthreads() {
    if (!together) exit(4);
    int self = threadIdx.x;
    waiting[self] = true;
    swapcontext(&threads[self], &scheduler);
    threadIdx.x = self;
}

static void thread_main() { body(); }

// Every thread up to its next barrier, again and again until all have ended. A barrier that some threads do not reach is an
// error in the kernel.
static bool run_block() {
    if (!together) {
        for (threadIdx.x = 0; threadIdx.x < BLOCK; threadIdx.x++) body();
        return true;
    }
    for (int t = 0; t < BLOCK; t++) {
        getcontext(&threads[t]);
        threads[t].uc_stack.ss_sp = stacks[t];
        threads[t].uc_stack.ss_size = STACK;
        threads[t].uc_link = &scheduler;
        makecontext(&threads[t], thread_main, 0);
    }
    for (;;) {
        int at_barrier = 0;
        for (int t = 0; t < BLOCK; t++) {
            waiting[t] = false;
            threadIdx.x = t;
            swapcontext(&scheduler, &threads[t]);
            at_barrier += waiting[t];
        }
        if (at_barrier == 0) return true;
        if (at_barrier != BLOCK) return false;
    }
}

using Kernel32 = void (*)(const float *, const float *, const float *, const float *, const float *, float *, Params);
using Kernel64 = void (*)(const double *, const double *, const double *, const double *, const double *, double *, Params);

#define ENTRY32(name) {#name, name##_f32},
#define ENTRY64(name) {#name, name##_f64},
static const std::map<std::string, Kernel32> kernels32 = {FOR_EACH_KERNEL(ENTRY32)};
static const std::map<std::string, Kernel64> kernels64 = {FOR_EACH_KERNEL(ENTRY64)};

using Many32 = void (*)(Table, const float *, float *, Params);
using Many64 = void (*)(Table, const double *, double *, Params);

static const std::map<std::string, Many32> many32 = {FOR_EACH_KERNEL_OF_MANY(ENTRY32)};
static const std::map<std::string, Many64> many64 = {FOR_EACH_KERNEL_OF_MANY(ENTRY64)};

static const void *arguments[5];
static void *result;
static Params params;
static Table table;
static Kernel32 kernel32;
static Kernel64 kernel64;
static Many32 kernel_of_many32;
static Many64 kernel_of_many64;

static void call32() {
    const float *const *a = reinterpret_cast<const float *const *>(arguments);
    kernel32(a[0], a[1], a[2], a[3], a[4], static_cast<float *>(result), params);
}

static void call64() {
    const double *const *a = reinterpret_cast<const double *const *>(arguments);
    kernel64(a[0], a[1], a[2], a[3], a[4], static_cast<double *>(result), params);
}

static void call_many32() {
    kernel_of_many32(table, static_cast<const float *>(arguments[0]), static_cast<float *>(result), params);
}

static void call_many64() {
    kernel_of_many64(table, static_cast<const double *>(arguments[0]), static_cast<double *>(result), params);
}

static void call_augment() {
    augment(static_cast<const unsigned char *>(arguments[0]), static_cast<const float *>(arguments[1]),
            static_cast<const unsigned *>(arguments[2]), static_cast<float *>(result), params);
}

static void take(void *to, size_t bytes) {
    if (bytes > 0 && fread(to, bytes, 1, stdin) != 1) exit(feof(stdin) ? 0 : 1);
}

static uint64_t number() {
    uint64_t value;
    take(&value, sizeof value);
    return value;
}

static std::vector<char> read_tensor(size_t bytes) {
    std::vector<char> tensor(bytes);
    take(tensor.data(), bytes);
    return tensor;
}

static bool run_blocks(uint64_t blocks) {
    for (uint64_t block = 0; block < blocks; block++) {
        blockIdx.x = int(block);
        if (!run_block()) return false;
    }
    return true;
}

int main() {
    blockDim.x = BLOCK;
    for (;;) {
        std::string name(number(), ' ');
        take(name.data(), name.size());
        uint64_t blocks = number(), width = number(), length = number();
        take(&params, sizeof params);
        // What a kernel leaves unwritten must not look like a result.
        std::vector<char> output(length * width, char(0xff));
        result = output.data();
        std::vector<std::vector<char>> tensors;
        bool many = many32.count(name);
        if (many) {
            std::vector<char> scalar = read_tensor(number() * width);
            take(&table, sizeof table);
            for (auto &kind : table.at)
                for (int i = 0; i < TENSORS; i++)
                    if (kind[i]) {
                        tensors.push_back(read_tensor(table.length[i] * width));
                        kind[i] = tensors.back().data();
                    }
            arguments[0] = scalar.data();
            kernel_of_many32 = many32.at(name), kernel_of_many64 = many64.at(name);
            body = width == 4 ? call_many32 : call_many64;
            together = name == "squares";
            if (!run_blocks(blocks)) return 3;
        } else if (name == "augment") {
            for (size_t i = 0; i < 3; i++) {
                tensors.push_back(read_tensor(number()));
                arguments[i] = tensors[i].data();
            }
            body = call_augment;
            together = false;
            if (!run_blocks(blocks)) return 3;
        } else {
            if (!kernels32.count(name)) return 2;
            tensors.resize(number());
            for (auto &tensor : tensors) tensor = read_tensor(number() * width);
            for (size_t i = 0; i < 5; i++) arguments[i] = tensors[i < tensors.size() ? i : 0].data();
            kernel32 = kernels32.at(name), kernel64 = kernels64.at(name);
            body = width == 4 ? call32 : call64;
            // Only these have barriers; all others run thread after thread, which is faster.
            together = name != "sum_slices" && name.find("_slices") != std::string::npos;
            if (!run_blocks(blocks)) return 3;
        }
        fwrite(output.data(), 1, output.size(), stdout);
        if (many)
            for (const auto &tensor : tensors) fwrite(tensor.data(), 1, tensor.size(), stdout);
        fflush(stdout);
    }
}
