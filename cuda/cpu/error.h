// Status, message and checks of arguments are common to both libraries.
#pragma once

#include "common/error.h"
