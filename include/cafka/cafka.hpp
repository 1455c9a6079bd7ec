#pragma once

/// What most programs need: the application with its workers, producers, consumers and
/// streams, its configuration file, and the version.

#include <cafka/app/application.hpp>
#include <cafka/app/configuration.hpp>
#include <cafka/version.hpp>
