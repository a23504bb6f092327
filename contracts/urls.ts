/**
 * A URL as it may be printed anywhere: without user info, query and fragment, where credentials live.
 * A text that is no URL is returned as it is, cut to what cannot be a credential.
 */
export function printableUrl(url: string | URL): string {
  let parsed: URL;
  try {
    parsed = new URL(url);
  } catch {
    return String(url)
      .replace(/\/\/[^/@]*@/, '//')
      .replace(/[?#].*$/s, '');
  }
  return `${parsed.protocol}//${parsed.host}${parsed.pathname}`;
}
