// /stores/{store}/products:import.
#include "mgmt-service/http/routes.hpp"

namespace esl::mgmt::rest {

void add_import_routes(Routes&) {}

}  // namespace esl::mgmt::rest
