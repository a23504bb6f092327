/**
 * A URL as it may be printed anywhere: without user info, query and fragment, where credentials live. A text that is no URL, such as
 * one whose password should have been escaped, loses everything up to its last `@`.
 */
export function printableUrl(url: string | URL): string {
  const parsed = hierarchical(url);
  if (parsed) return `${parsed.protocol}//${parsed.host}${parsed.pathname}`;
  return String(url)
    .replace(/^(?:([a-z][a-z0-9+.-]*:)?\/\/)?.*@/is, (_all, scheme?: string) => (scheme ? `${scheme}//` : ''))
    .replace(/[?#].*$/s, '');
}

/** Undefined for what has no host: `user:password@host` parses as the scheme `user:`. */
function hierarchical(url: string | URL): URL | undefined {
  try {
    const parsed = new URL(url);
    return parsed.host !== '' || parsed.protocol === 'file:' ? parsed : undefined;
  } catch {
    return undefined;
  }
}
