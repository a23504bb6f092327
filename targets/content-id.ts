/** The content id of a mirror in a region: the template of the configuration with `{region}` and `{mirror}` filled in. */
export function contentIdFor(mirror: { name: string; contentId: string }, region: string): string {
  return mirror.contentId.replaceAll('{region}', region).replaceAll('{mirror}', mirror.name);
}
