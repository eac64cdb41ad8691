// A CUDA library that a program opens at its first call, not when it starts, so that a program built for a GPU starts
// on every machine and says itself what is missing. toolkit.sh compiles it once per library, for x86-64 and glibc:
// LIBRARY is the file to open, MISSING the library's own status for "there is none", FUNCTIONS a file with a line
// FUNCTION(name, number) for each function.
#define _GNU_SOURCE
#include <dlfcn.h>
#include <pthread.h>
#include <stdio.h>
#include <string.h>

#define FUNCTION(name, number) extern char first_##name[];
#include FUNCTIONS
#undef FUNCTION

// Where each function is: at first the code below that looks for it.
static void *places[] __attribute__((used)) = {
#define FUNCTION(name, number) first_##name,
#include FUNCTIONS
#undef FUNCTION
};

static const char *const names[] = {
#define FUNCTION(name, number) #name,
#include FUNCTIONS
#undef FUNCTION
};

// A function passes its call on. The first call gives its number to `find_all`, which needs the registers of the
// arguments for itself.
#define FUNCTION(name, number)                                        \
  __asm__(".text\n.globl " #name "\n.type " #name ", @function\n"     \
          #name ": jmp *places + 8 * " #number "(%rip)\n"             \
          "first_" #name ": pushq $" #number "\n jmp find_all\n");
#include FUNCTIONS
#undef FUNCTION

__asm__(".text\n"
        "find_all:\n"
        "  pushq %rdi\n  pushq %rsi\n  pushq %rdx\n  pushq %rcx\n  pushq %r8\n  pushq %r9\n"
        "  subq $128, %rsp\n"
        "  movups %xmm0, (%rsp)\n  movups %xmm1, 16(%rsp)\n  movups %xmm2, 32(%rsp)\n  movups %xmm3, 48(%rsp)\n"
        "  movups %xmm4, 64(%rsp)\n  movups %xmm5, 80(%rsp)\n  movups %xmm6, 96(%rsp)\n  movups %xmm7, 112(%rsp)\n"
        "  movl 176(%rsp), %edi\n"
        "  call find\n"
        "  movq %rax, %r11\n"
        "  movups (%rsp), %xmm0\n  movups 16(%rsp), %xmm1\n  movups 32(%rsp), %xmm2\n  movups 48(%rsp), %xmm3\n"
        "  movups 64(%rsp), %xmm4\n  movups 80(%rsp), %xmm5\n  movups 96(%rsp), %xmm6\n  movups 112(%rsp), %xmm7\n"
        "  addq $128, %rsp\n"
        "  popq %r9\n  popq %r8\n  popq %rcx\n  popq %rdx\n  popq %rsi\n  popq %rdi\n"
        "  addq $8, %rsp\n"
        "  jmp *%r11\n");

static pthread_once_t once = PTHREAD_ONCE_INIT;
static void *library;
static char reason[256];

static void remember(const char *what) { snprintf(reason, sizeof reason, "%s", what ? what : LIBRARY " is not usable"); }

static void open_library(void) {
  library = dlopen(LIBRARY, RTLD_NOW | RTLD_GLOBAL);
  if (!library) {
    remember(dlerror());
    // The driver's reason goes into its error's text; the other libraries' errors have none.
    if (strcmp(LIBRARY, "libcuda.so.1") != 0) fprintf(stderr, "warning: %s\n", reason);
  }
}

static int missing(void) { return MISSING; }

// cuGetErrorString of a driver that is not there.
static int explain(int error, const char **text) {
  (void)error;
  *text = reason;
  return 0;
}

static void *find(unsigned number) __attribute__((used));
static void *find(unsigned number) {
  pthread_once(&once, open_library);
  void *place = library ? dlsym(library, names[number]) : NULL;
  if (place) {
    __atomic_store_n(&places[number], place, __ATOMIC_RELAXED);
    return place;
  }
  if (library) remember(dlerror());
  return strcmp(names[number], "cuGetErrorString") == 0 ? (void *)explain : (void *)missing;
}
