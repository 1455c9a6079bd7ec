#pragma once

#include <cafka/app/application.hpp>
#include <cafka/app/cli/arguments.hpp>
#include <cafka/app/cli/printer.hpp>

namespace cafka::cli {

// Each asks the application's default worker, prints what comes back, and says on
// standard error what went wrong.

exit_code run(const metadata_arguments& what, application& app, printer& out);
exit_code run(const produce_arguments& what, application& app, printer& out);
exit_code run(const fetch_arguments& what, application& app, printer& out);
exit_code run(const offsets_arguments& what, application& app, printer& out);
exit_code run(const api_versions_arguments& what, application& app, printer& out);

} // namespace cafka::cli
