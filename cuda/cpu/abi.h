// The C ABI, exported, is common to both libraries.
#pragma once

#include "common/abi.h"
