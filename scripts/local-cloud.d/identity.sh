# Who may do what in the local cloud, and the files that tell clients so.

identity_wanted() {
  local region endpoints=''
  for region in "${REGIONS[@]}"; do
    endpoints+=$(printf '{"service":"keystone","type":"identity","region":"%s","url":"%s/v3"},' "$region" "$(keystone_url)")
    endpoints+=$(printf '{"service":"glance","type":"image","region":"%s","url":"%s"},' "$region" "$(glance_url "$(glance_name "$region")")")
    endpoints+=$(printf '{"service":"swift","type":"object-store","region":"%s","url":"%s/v1/AUTH_%%(tenant_id)s"},' "$region" "$(swift_url)")
  done
  cat <<JSON
{
  "authUrl": "$(keystone_url)",
  "admin": "$ADMIN_PASSWORD",
  "projects": ["service", "image-stream", "member"],
  "regions": [$(printf '"%s",' "${REGIONS[@]}" | sed 's/,$//')],
  "users": {
    "glance": "$GLANCE_PASSWORD",
    "swift": "$SWIFT_PASSWORD",
    "image-stream": "$IMAGE_STREAM_PASSWORD",
    "member": "$MEMBER_PASSWORD"
  },
  "roles": [
    {"user": "glance", "project": "service", "role": "admin"},
    {"user": "swift", "project": "service", "role": "admin"},
    {"user": "image-stream", "project": "image-stream", "role": "admin"},
    {"user": "image-stream", "role": "admin"},
    {"user": "member", "project": "member", "role": "member"}
  ],
  "endpoints": [${endpoints%,}]
}
JSON
}

# The token cache of Glance and Swift may hold endpoints' past for seconds; Keystone itself answers afresh.
ensure_identity() {
  identity_wanted | clean "$NODE" "$PARTS/identity.mjs" 2>>"$STATE/log/identity.log" || {
    tail -n 5 "$STATE/log/identity.log" >&2
    die 1 "Keystone refused its users and endpoints; see $STATE/log/identity.log"
  }
}

# cloud_entry NAME USER PROJECT PASSWORD
cloud_entry() {
  local region
  cat <<YAML
  $1:
    auth:
      auth_url: $(keystone_url)/v3
      username: $2
      password: "$4"
      project_name: $3
      user_domain_id: default
      project_domain_id: default
    identity_api_version: 3
YAML
  # With one region it is named; with several the client takes each that has an image endpoint.
  if [ ${#REGIONS[@]} = 1 ]; then
    printf '    region_name: %s\n' "${REGIONS[0]}"
  else
    printf '    regions:\n'
    for region in "${REGIONS[@]}"; do printf '      - %s\n' "$region"; done
  fi
}

write_clouds() {
  {
    echo '# Written by scripts/local-cloud.'
    echo 'clouds:'
    cloud_entry local image-stream image-stream "$IMAGE_STREAM_PASSWORD"
    cloud_entry local-member member member "$MEMBER_PASSWORD"
    cloud_entry local-admin admin admin "$ADMIN_PASSWORD"
  } | write_file "$STATE/clouds.yaml"
}

# print_env: for `eval`, with whatever names another cloud taken away.
print_env() {
  cat <<ENV
unset OS_CLOUD OS_PROJECT_ID OS_TENANT_NAME OS_TENANT_ID OS_USER_ID OS_USER_DOMAIN_NAME OS_PROJECT_DOMAIN_NAME OS_SYSTEM_SCOPE OS_TOKEN OS_CACERT
export OS_AUTH_URL=$(keystone_url)/v3
export OS_USERNAME=image-stream
export OS_PASSWORD=$IMAGE_STREAM_PASSWORD
export OS_PROJECT_NAME=image-stream
export OS_USER_DOMAIN_ID=default
export OS_PROJECT_DOMAIN_ID=default
export OS_REGION_NAME=${REGIONS[0]}
export OS_IDENTITY_API_VERSION=3
export OS_CLIENT_CONFIG_FILE=$(printf %q "$STATE/clouds.yaml")
export IMAGE_STREAM_LOCAL_CLOUD=$(printf %q "$STATE")
ENV
}
