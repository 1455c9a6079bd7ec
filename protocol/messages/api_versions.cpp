#include "api_versions.hpp"

#include "../schema/describe.hpp"

#include <algorithm>

namespace cafka::protocol {

template <class F, class M>
  requires of<M, api_versions_request>
void describe(F& f, M& m) {
  f.field("ClientSoftwareName", m.client_software_name, since(3), ignorable);
  f.field("ClientSoftwareVersion", m.client_software_version, since(3), ignorable);
}

template <class F, class M>
  requires of<M, api_versions_response_key>
void describe(F& f, M& m) {
  f.field("ApiKey", m.api_key, since(0));
  f.field("MinVersion", m.min_version, since(0));
  f.field("MaxVersion", m.max_version, since(0));
}

template <class F, class M>
  requires of<M, supported_feature_key>
void describe(F& f, M& m) {
  f.field("Name", m.name, since(3));
  f.field("MinVersion", m.min_version, since(3));
  f.field("MaxVersion", m.max_version, since(3));
}

template <class F, class M>
  requires of<M, finalized_feature_key>
void describe(F& f, M& m) {
  f.field("Name", m.name, since(3));
  f.field("MaxVersionLevel", m.max_version_level, since(3));
  f.field("MinVersionLevel", m.min_version_level, since(3));
}

template <class F, class M>
  requires of<M, api_versions_response>
void describe(F& f, M& m) {
  f.field("ErrorCode", m.error_code, since(0));
  f.field("ApiKeys", m.api_keys, since(0));
  f.field("ThrottleTimeMs", m.throttle_time_ms, since(1), ignorable);
  f.field("SupportedFeatures", m.supported_features, since(3), tagged(0), ignorable);
  f.field("FinalizedFeaturesEpoch", m.finalized_features_epoch, since(3), def(-1),
    tagged(1), ignorable);
  f.field("FinalizedFeatures", m.finalized_features, since(3), tagged(2), ignorable);
  f.field("ZkMigrationReady", m.zk_migration_ready, since(3), tagged(3), ignorable);
}

std::int16_t finalized_features::version_of(std::string_view feature) const {
  const auto found = std::ranges::find(all, feature, &finalized_feature_key::name);
  return found == all.end() ? std::int16_t{0} : found->max_version_level;
}

version_table to_version_table(const api_versions_response& response) {
  std::vector<version_table::entry> entries;
  entries.reserve(response.api_keys.size());
  for (const auto& api : response.api_keys)
    entries.push_back(
      {static_cast<api_key>(api.api_key), {api.min_version, api.max_version}});
  return version_table{std::move(entries)};
}

std::int16_t fallback_version(const api_versions_response& refusal) {
  const auto chosen = to_version_table(refusal).choose<api_versions_request>();
  return chosen ? *chosen : std::int16_t{0};
}

CAFKA_COMPILE_MESSAGE(api_versions_request);
CAFKA_COMPILE_MESSAGE(api_versions_response);

} // namespace cafka::protocol
