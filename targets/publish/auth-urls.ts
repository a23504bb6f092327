/**
 * Every form of a cloud's auth URL that a Juju user may have typed: Juju compares it as text, apart from a trailing slash.
 * @param urls the auth URL in use, Keystone's public and internal endpoints, those of the configuration
 */
export function authUrlForms(urls: readonly string[]): string[] {
  const forms = new Set<string>();
  for (const url of urls) {
    const base = url.replace(/\/+$/, '').replace(/\/v[23](\.0)?$/, '');
    if (base === '') continue;
    forms.add(`${base}/v3`);
    forms.add(base);
  }
  return [...forms];
}
