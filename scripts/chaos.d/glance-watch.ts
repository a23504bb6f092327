import { setTimeout as sleep } from 'node:timers/promises';
import type { GlanceImage, Session } from '../../openstack/index.js';
import { localSession } from '../../test/support/cloud.js';
import { imagesOf } from '../../test/support/leave-no-trace.js';
import { identityOf, type ChangingMirror } from './changing-mirror.js';
import { REGION, type Journal } from './place.js';

const EVERY_MS = 250;

/** The image's identity as `identityOf` spells it. */
export function imageIdentity({ properties }: GlanceImage): string {
  const { product_name: product = '', version_name: version = '', item_name: item = '' } = properties;
  return identityOf({ product, version, item });
}

/** Looks at Glance all the time: no image may be public before it is whole and verified. */
export class GlanceWatch {
  readonly violations = new Set<string>();
  /** Looks that Glance answered. */
  looks = 0;
  /** Bytes of the distinct contents that were whole at some time: what had to be downloaded at the least. */
  readonly contents = new Map<string, number>();
  #watching = true;
  #done: Promise<void> = Promise.resolve();

  constructor(
    private readonly contentId: string,
    private readonly mirror: ChangingMirror,
    private readonly journal: Journal,
  ) {}

  start(): void {
    this.#done = this.#watch();
  }

  async stop(): Promise<void> {
    this.#watching = false;
    await this.#done;
  }

  get leastBytes(): number {
    return [...this.contents.values()].reduce((sum, size) => sum + size, 0);
  }

  async #watch(): Promise<void> {
    let session: Session | undefined;
    while (this.#watching) {
      try {
        session ??= await localSession();
        for (const image of await imagesOf(session, REGION, this.contentId)) this.#judge(image);
        this.looks += 1;
      } catch {
        // Keystone or Glance is down, as it shall be from time to time.
        await session?.close();
        session = undefined;
      }
      await sleep(EVERY_MS);
    }
    await session?.close();
  }

  #judge(image: GlanceImage): void {
    if (image.properties.image_stream_mirror === undefined) return;
    const identity = imageIdentity(image);
    const right = this.mirror.everOffered.get(identity)?.has(image.osHashValue ?? '') ?? false;
    if (image.status === 'active' && right) this.contents.set(image.osHashValue ?? '', image.size ?? 0);
    if (image.visibility !== 'public') return;
    const wrong =
      image.status !== 'active'
        ? `is ${image.status}`
        : !right
          ? 'has a hash that the mirror never had'
          : image.properties.image_stream_verified === undefined
            ? 'was not verified'
            : undefined;
    if (wrong === undefined) return;
    const line = `image ${image.id} of ${identity} was public and ${wrong}`;
    if (!this.violations.has(line)) this.journal.say(`BROKEN: ${line}`);
    this.violations.add(line);
  }
}
