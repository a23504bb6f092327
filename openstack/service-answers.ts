const SAID_LIMIT = 300;
const RETRY_AFTER_LIMIT = 60 * 60 * 1000;

/** Fernet and JWS tokens, which some services repeat in their messages. */
const TOKENS = /\b(gAAAA|eyJ)[\w.-]{20,}=*/g;

/** The sentence in an error's body: Keystone's and newer Glance's JSON, older Glance's and Swift's HTML, or plain text. */
export function serviceMessage(body: string): string {
  return (fromJson(body) ?? fromHtml(body))
    .replace(TOKENS, '[token]')
    .replace(/\s+/g, ' ')
    .trim()
    .slice(0, SAID_LIMIT);
}

function fromJson(body: string): string | undefined {
  let parsed: unknown;
  try {
    parsed = JSON.parse(body);
  } catch {
    return undefined;
  }
  return withoutTags(messageIn(parsed) ?? '');
}

function messageIn(value: unknown): string | undefined {
  if (typeof value !== 'object' || value === null) return undefined;
  if ('message' in value && typeof value.message === 'string') return value.message;
  return 'error' in value ? messageIn(value.error) : undefined;
}

const ENTITIES: Readonly<Record<string, string>> = {
  '&lt;': '<',
  '&gt;': '>',
  '&quot;': '"',
  '&#39;': "'",
  '&#x27;': "'",
  '&amp;': '&',
};

function fromHtml(body: string): string {
  return withoutTags(
    body.replace(/<(head|style|script)\b.*?<\/\1\s*>/gis, ' ').replace(/<h1\b.*?<\/h1\s*>/gis, ' '),
  );
}

/** Glance's messages have line breaks of HTML even within JSON. */
function withoutTags(text: string): string {
  return text
    .replace(/<\/?[a-z][^<>]*>/gi, ' ')
    .replace(/&(lt|gt|quot|amp|#39|#x27);/g, (entity) => ENTITIES[entity] ?? entity);
}

/** Retry-After in milliseconds, from seconds or a date (RFC 9110 §10.2.3), at most an hour. */
export function retryAfterMs(header: string | undefined, now = Date.now()): number | undefined {
  if (header === undefined) return undefined;
  const text = header.trim();
  const milliseconds = /^\d+$/.test(text) ? Number(text) * 1000 : Date.parse(text) - now;
  return Number.isNaN(milliseconds) ? undefined : Math.min(Math.max(milliseconds, 0), RETRY_AFTER_LIMIT);
}
