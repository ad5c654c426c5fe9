// The C ABI with its functions exported; everything else in the library stays hidden.
#pragma once

#pragma GCC visibility push(default)
#include "specmquant.h"
#pragma GCC visibility pop
