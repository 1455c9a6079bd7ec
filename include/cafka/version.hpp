#pragma once

/// The version of these headers, for the preprocessor and as a text ("0.1.0"). It stands
/// here alone: the build reads it from this file.
#define CAFKA_VERSION_MAJOR 0
#define CAFKA_VERSION_MINOR 1
#define CAFKA_VERSION_PATCH 0

#define CAFKA_VERSION_TEXT_OF(major, minor, patch) #major "." #minor "." #patch
#define CAFKA_VERSION_TEXT(major, minor, patch) CAFKA_VERSION_TEXT_OF(major, minor, patch)
#define CAFKA_VERSION                                                                    \
  CAFKA_VERSION_TEXT(CAFKA_VERSION_MAJOR, CAFKA_VERSION_MINOR, CAFKA_VERSION_PATCH)
