// Brings Keystone's projects, users, roles, services and endpoints to what standard input asks for, in JSON; whatever
// is there already stays, apart from an endpoint of ours with another address.

let wanted = '';
for await (const chunk of process.stdin) wanted += chunk;
const { authUrl, admin, projects, users, roles, regions, endpoints } = JSON.parse(wanted);

let token;
async function call(method, path, body) {
  const response = await fetch(`${authUrl}/v3${path}`, {
    method,
    headers: { 'content-type': 'application/json', ...(token && { 'x-auth-token': token }) },
    ...(body && { body: JSON.stringify(body) }),
  });
  const text = await response.text();
  if (!response.ok && response.status !== 409)
    throw new Error(`${method} ${path}: ${response.status} ${text.slice(0, 300)}`);
  token ??= response.headers.get('x-subject-token');
  return text === '' ? {} : JSON.parse(text);
}

const domain = { id: 'default' };
await call('POST', '/auth/tokens', {
  auth: {
    identity: { methods: ['password'], password: { user: { name: 'admin', domain, password: admin } } },
    scope: { project: { name: 'admin', domain } },
  },
});

/** Ids by name, those that are missing made; one listing a kind, since a call takes Keystone 50 ms. */
async function ensureAll(kind, names, fields) {
  const found = new Map((await call('GET', `/${kind}s`))[`${kind}s`].map(({ id, name }) => [name, id]));
  const make = async (name) =>
    (await call('POST', `/${kind}s`, { [kind]: { name, ...fields(name) } }))[kind].id;
  return Object.fromEntries(
    await Promise.all(names.map(async (name) => [name, found.get(name) ?? (await make(name))])),
  );
}

async function ensureRegions() {
  const found = new Set((await call('GET', '/regions')).regions.map(({ id }) => id));
  const missing = regions.filter((id) => !found.has(id));
  await Promise.all(missing.map((id) => call('POST', '/regions', { region: { id } })));
}

const [projectIds, roleIds, userIds, serviceIds, granted, present] = await Promise.all([
  ensureAll('project', projects, () => ({ domain_id: 'default' })),
  ensureAll('role', ['admin', 'member'], () => ({})),
  ensureAll('user', Object.keys(users), (name) => ({ domain_id: 'default', password: users[name] })),
  ensureAll('service', [...new Set(endpoints.map(({ service }) => service))], (name) => ({
    type: endpoints.find(({ service }) => service === name).type,
  })),
  call('GET', '/role_assignments'),
  call('GET', '/endpoints'),
  ensureRegions(),
]);

const grants = new Set(granted.role_assignments.map(({ links }) => new URL(links.assignment).pathname));
await Promise.all(
  roles.map(({ user, project, role }) => {
    const scope = project === undefined ? '/system' : `/projects/${projectIds[project]}`;
    const path = `${scope}/users/${userIds[user]}/roles/${roleIds[role]}`;
    return grants.has(`/v3${path}`) ? undefined : call('PUT', path);
  }),
);

await Promise.all(
  endpoints.flatMap(({ service, region, url }) =>
    ['public', 'internal', 'admin'].map((face) => {
      const id = serviceIds[service];
      const found = present.endpoints.find(
        (e) => e.service_id === id && e.region_id === region && e.interface === face,
      );
      if (found === undefined) {
        return call('POST', '/endpoints', {
          endpoint: { service_id: id, region_id: region, interface: face, url },
        });
      }
      return found.url === url ? undefined : call('PATCH', `/endpoints/${found.id}`, { endpoint: { url } });
    }),
  ),
);
