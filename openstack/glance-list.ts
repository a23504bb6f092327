import { ImageStreamError } from '../contracts/errors.js';
import { pageSchema, type GlanceImage, type Visibility } from './glance-image.js';
import type { Answer } from './http-client.js';

/** What Glance itself filters by; each given value must be equal. */
export interface ImageFilters {
  /** A project's id. */
  readonly owner?: string;
  readonly name?: string;
  readonly status?: string;
  /** @default all that the user may see */
  readonly visibility?: Visibility;
  /** Only hidden or only shown ones. @default both */
  readonly hidden?: boolean;
  readonly tag?: string;
  /** Custom properties, such as content_id. */
  readonly properties?: Readonly<Record<string, string>>;
  /** Images a page, which Glance may lower. @default 500 */
  readonly pageSize?: number;
}

const PAGE_SIZE = 500;
/** How often a listing starts over because the image that its place was kept by is gone. */
const RESTARTS = 5;

/** Reads all pages, first of shown images, then of hidden ones: Glance has no way to ask for both. */
export async function* listImages(
  readPage: (query: string) => Promise<Answer>,
  filters: ImageFilters,
): AsyncGenerator<GlanceImage, void, undefined> {
  const seen = new Set<string>();
  for (const hidden of filters.hidden === undefined ? [false, true] : [filters.hidden]) {
    const first = firstQuery(filters, hidden);
    let query = first;
    let restarts = 0;
    while (query !== '') {
      const answer = await readPage(query).catch((error: unknown) => {
        if (query === first || !isLostMarker(error) || ++restarts > RESTARTS) throw error;
        return undefined;
      });
      if (!answer) {
        query = first;
        continue;
      }
      const page = answer.json(pageSchema);
      for (const image of page.images) {
        if (seen.has(image.id)) continue;
        seen.add(image.id);
        yield image;
      }
      const next = nextQuery(page.next);
      // A service that names the same page again would be read for ever.
      query = next === query || page.images.length === 0 ? '' : next;
    }
  }
}

function firstQuery(filters: ImageFilters, hidden: boolean): string {
  const query = new URLSearchParams(filters.properties);
  query.set('limit', String(filters.pageSize ?? PAGE_SIZE));
  // Oldest first: what is created during the listing comes at the end and is not missed.
  query.set('sort', 'created_at:asc,id:asc');
  query.set('visibility', filters.visibility ?? 'all');
  query.set('os_hidden', String(hidden));
  if (filters.owner !== undefined) query.set('owner', filters.owner);
  if (filters.name !== undefined) query.set('name', filters.name);
  if (filters.status !== undefined) query.set('status', filters.status);
  if (filters.tag !== undefined) query.set('tag', filters.tag);
  return query.toString();
}

/** Only the query of `next` is taken: its path leaves out what a proxy in front of Glance may have put before it. */
function nextQuery(next: string | null | undefined): string {
  const mark = next?.indexOf('?') ?? -1;
  return next && mark >= 0 ? next.slice(mark + 1) : '';
}

function isLostMarker(error: unknown): boolean {
  return error instanceof ImageStreamError && (error.details.status === 404 || error.details.status === 400);
}
