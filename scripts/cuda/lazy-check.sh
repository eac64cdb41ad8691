#!/usr/bin/env bash
# usage: lazy-check.sh
# Checks lazy.c with a small library in place of CUDA's: without it a program starts and gets the status that says so;
# with it, arguments in registers and on the stack arrive, and so does the result.
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"

printf 'FUNCTION(weigh, 0)\nFUNCTION(absent, 1)\n' >functions
cat >library.c <<'END'
double weigh(int a, int b, int c, int d, int e, int f, double g, double h, int i, int j) {
  return a + 2 * b + 3 * c + 4 * d + 5 * e + 6 * f + 7 * g + 8 * h + 9 * i + 10 * j;
}
END
cat >program.c <<'END'
#include <stdio.h>
double weigh(int, int, int, int, int, int, double, double, int, int);
int absent(void);
int main(int count, char **arguments) {
  (void)arguments;
  printf("absent %d\n", absent());
  for (int call = 1; count > 1 && call <= 2; call++) printf("weigh %g\n", weigh(1, 2, 3, 4, 5, 6, 7, 8, 9, 10));
}
END
cc -O2 -Wall -fPIC -c -DLIBRARY='"libweigh.so.1"' -DMISSING=34 -DFUNCTIONS="\"$work/functions\"" -o lazy.o "$here/lazy.c"
cc -o program program.c lazy.o

without=$(./program 2>errors)
cc -shared -fPIC -o libweigh.so.1 library.c
with=$(LD_LIBRARY_PATH=$work ./program weigh)
if [ "$without" != "absent 34" ] || ! grep -q '^warning: libweigh.so.1: ' errors ||
  [ "$with" != $'absent 34\nweigh 385\nweigh 385' ]; then
  printf 'found\n%s\n%s\n%s\nwanted the status 34 and a warning that names the library, then 385 twice\n' \
    "$without" "$(cat errors)" "$with" >&2
  exit 1
fi
