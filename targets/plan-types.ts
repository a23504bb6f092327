import type { Digest, ImageItem, ItemFailure, PlanPosition, Removal } from '../contracts/sync.js';
import type { ImageSettings, SourceItem } from './glance/image-fields.js';
import type { InventoryImage } from './glance/inventory.js';
import type { RetirementSettings, Usage } from './retirement.js';

/** An item of the mirror that passed the filters. */
export interface CandidateItem extends Omit<SourceItem, 'digest'> {
  path: string;
  /** Size in bytes and the strongest checksum, or why the item cannot be had. */
  facts: { size: number; digest: Digest } | { code: string; message: string };
}

/** One that can be had. */
export type WantedItem = CandidateItem & { size: number; digest: Digest };

export interface PlanInput {
  cloud: string;
  region: string;
  settings: ImageSettings & RetirementSettings & { max: number | undefined; keep: boolean };
  items: readonly CandidateItem[];
  /** Content ids of the mirror's documents. */
  sourceContentIds: ReadonlySet<string>;
  /** Every image with an identity under the content id, whoever made it. */
  images: readonly InventoryImage[];
  position: PlanPosition;
  pageSize: number;
  /** Also list the removals that would follow the uploads. */
  preview: boolean;
  /** Milliseconds since 1970. */
  now: number;
  /** Images that were asked about, by id; the others count as free. */
  usage: ReadonlyMap<string, Usage>;
}

export interface OrderedItem {
  key: string;
  /** Place in the order of a pass. */
  order: string;
  item: ImageItem;
}

/** What is to be done, and what cannot be. */
export interface Work {
  items: OrderedItem[];
  removals: Removal[];
  unchanged: number;
  failures: ItemFailure[];
  unstable: ItemFailure[];
}
