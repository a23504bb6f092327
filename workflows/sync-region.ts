import { WorkflowExecutionAlreadyStartedError } from '@temporalio/common';
import {
  ChildWorkflowCancellationType,
  ParentClosePolicy,
  allHandlersFinished,
  condition,
  continueAsNew,
  executeChild,
  setHandler,
  sleep,
  workflowInfo,
} from '@temporalio/workflow';
import { DIRECTORY, WorkflowType } from '../contracts/names.js';
import type { ImageItem, ImageResult, PlanPage } from '../contracts/sync.js';
import type { SyncRegionInput, SyncRegionResult } from '../contracts/workflows.js';
import { buildMemo, imageAttributes } from './attributes.js';
import { failureFacts } from './failures.js';
import { collectPlan } from './plan-only.js';
import { progressQuery } from './progress.js';
import { RegionBook } from './region-book.js';
import { cloudSteps, itemSummary, publishRequest, smallItemStep, waitingSteps } from './steps.js';
import { formatBytes } from '../contracts/bytes.js';
import { counted } from '../contracts/counted.js';
import type { syncImage } from './sync-image.js';
import { slidingWindow } from './window.js';

const PAGE_SIZE = 50;
/** A pass without a new success is the last; this many passes with successes and still no end is somebody undoing them. */
const MAX_PASSES = 3;
/** More failures than this and the rest would fail for the same reason. */
const MAX_FAILURES = 1_000;

/** One region of one cloud: plan, bring what is missing, remove what is superseded, publish, advertise. */
export async function syncRegion(input: SyncRegionInput): Promise<SyncRegionResult> {
  const { run, target, settings } = input;
  const place = `${target.cloud}/${target.region}`;
  const book = new RegionBook(target, input.carried);
  setHandler(progressQuery, () => book.progress());

  try {
    book.tell('waiting', `Waiting for the services of ${place}`);
    await waitingSteps(input.waitMs, place).awaitServices({ run, target, answering: input.waitMs !== null });
    if (input.dryRun) return { outcome: 'planned', plan: await collectPlan(input, PAGE_SIZE) };

    await bringInStep(input, book);

    if (settings.publish) {
      book.tell('publishing', 'Publishing the stream metadata');
      const requestId = `${workflowInfo().workflowId}/${workflowInfo().runId}`;
      const published = await publishRequest(place).requestPublish({
        run,
        target,
        requestId,
        ...(target.cloud === DIRECTORY ? { documents: input.documents } : {}),
      });
      book.summary.removed += published.removed ?? 0;
      book.summary.published = published;
      if (published.publicUrl !== '') {
        book.tell('publishing', `Advertising ${published.publicUrl}`);
        const advertised = await cloudSteps(place).registerEndpoints({
          run,
          target,
          publicUrl: published.publicUrl,
        });
        book.summary.advertised = advertised;
        if (advertised.message !== undefined) book.summary.warnings.push(advertised.message);
      }
    }
  } catch (error) {
    const facts = failureFacts(error);
    if (facts.code === 'SourceMoved') return { outcome: 'sourceMoved', message: facts.message };
    throw error;
  }
  book.tell('done', book.story());
  return { outcome: 'done', summary: book.summary };
}

/** Plans page after page until a pass finds nothing more that this run may do. */
async function bringInStep(input: SyncRegionInput, book: RegionBook): Promise<void> {
  const { run, target, documents, allowOlder } = input;
  let pause = 10_000;
  let removable = Infinity;
  for (;;) {
    book.tell('planning', `Planning pass ${book.pass}`);
    const page = await cloudSteps(`pass ${book.pass}`).planSync({
      run,
      target,
      documents,
      position: book.position,
      pageSize: PAGE_SIZE,
      ...(allowOlder ? { allowOlder } : {}),
    });
    const newFailures = book.take(page);

    if (page.items.length > 0 && book.pass > MAX_PASSES) {
      book.notConverging(page.items);
      return;
    }
    if (page.items.length > 0 && !book.probed && page.items.some((item) => item.action === 'upload')) {
      await cloudSteps('may we upload?').probeRights({ run, target });
      book.probed = true;
    }
    const busy = await bringPage(input, book, page);
    await removeOld(input, book, page);

    if (book.summary.failureCount > MAX_FAILURES) {
      book.summary.warnings.push(`Stopped after ${MAX_FAILURES} failures; the next run goes on`);
      return;
    }
    if (busy > 0) {
      book.tell(
        'waiting',
        `${counted(busy, 'image')} in the hands of another run; looking again in ${pause / 1000} s`,
      );
      await sleep(pause);
      pause = Math.min(pause * 2, 60_000);
      book.startPass(book.pass);
    } else if (page.next !== '') {
      book.position.cursor = page.next;
    } else if (page.items.length > 0 || book.successes > 0) {
      // Once more after a pass that only failed: its failures are known now, and hold up no other product's removals.
      book.startPass(book.pass + 1);
    } else if (newFailures > 0 || (cutShort(page) && page.counts.remove < removable)) {
      removable = page.counts.remove;
      book.startPass(book.pass);
    } else {
      return;
    }
    await continueWhenLong(input, book);
  }
}

/** Whether there are more removals than the page has; a cloud where they do not grow fewer is let be. */
function cutShort({ removals, counts }: PlanPage): boolean {
  return removals.length > 0 && removals.length < counts.remove;
}

/** Brings the items of a page, several at once. Returns how many another run is busy with. */
async function bringPage(input: SyncRegionInput, book: RegionBook, page: PlanPage): Promise<number> {
  let busy = 0;
  book.tell(
    'syncing',
    `${counted(page.counts.upload, 'image')} to bring (${formatBytes(page.counts.bytes)})`,
  );
  await slidingWindow(page.items, input.settings.concurrency, async (item) => {
    book.begin(item, isSmall(input, item));
    try {
      book.succeed(item, await bring(input, item));
    } catch (error) {
      if (error instanceof WorkflowExecutionAlreadyStartedError) busy += 1;
      else book.fail(item, failureFacts(error));
    } finally {
      book.end(item);
    }
  });
  return busy;
}

function isSmall(input: SyncRegionInput, item: ImageItem): boolean {
  return item.size <= input.settings.smallItemLimit;
}

async function bring(input: SyncRegionInput, item: ImageItem): Promise<ImageResult | undefined> {
  const { run, target, settings } = input;
  if (item.action === 'finalise') {
    await cloudSteps(itemSummary(item)).finaliseImage({ run, target, item, imageId: item.imageId ?? '' });
    return undefined;
  }
  if (isSmall(input, item)) {
    return smallItemStep(settings.transferTimeoutMs, itemSummary(item)).syncSmallItem({ run, target, item });
  }
  return executeChild<typeof syncImage>(WorkflowType.syncImage, {
    workflowId: item.workflowId,
    args: [{ run, target, item, transferTimeoutMs: settings.transferTimeoutMs }],
    memo: buildMemo(),
    typedSearchAttributes: imageAttributes(run.mirror, target, item),
    staticSummary: `${item.product} ${item.version} ${item.item} → ${target.cloud}/${target.region}`.slice(
      0,
      200,
    ),
    parentClosePolicy: ParentClosePolicy.REQUEST_CANCEL,
    cancellationType: ChildWorkflowCancellationType.WAIT_CANCELLATION_COMPLETED,
  });
}

async function removeOld({ run, target }: SyncRegionInput, book: RegionBook, page: PlanPage): Promise<void> {
  if (page.removals.length === 0) return;
  book.tell('syncing', `Removing or retiring ${counted(page.removals.length, 'image')}`);
  book.removed(
    await cloudSteps(counted(page.removals.length, 'image')).removeImages({
      run,
      target,
      removals: page.removals,
    }),
  );
}

/** A history that grew long is left behind at the end of a page, when no child runs. */
async function continueWhenLong(input: SyncRegionInput, book: RegionBook): Promise<void> {
  const info = workflowInfo();
  const long = input.continueAfterEvents !== undefined && info.historyLength > input.continueAfterEvents;
  if (!long && !info.continueAsNewSuggested) return;
  await condition(allHandlersFinished);
  await continueAsNew<typeof syncRegion>({ ...input, carried: book.carry() });
}
