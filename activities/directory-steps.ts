import type { DirectorySettings, MirrorSettings } from '../config/index.js';
import { ImageStreamError } from '../contracts/errors.js';
import type { DocumentRef, ImageItem, PublishOutcome, TargetRef } from '../contracts/sync.js';
import {
  filteredIndex,
  filteredProducts,
  type LeftProducts,
} from '../targets/directory/filtered-documents.js';
import { isSound } from '../targets/directory/held-files.js';
import type { MirrorFolder } from '../targets/directory/mirror-folder.js';
import { adoptFile, placeFile } from '../targets/directory/place-file.js';
import { planDirectory } from '../targets/directory/plan-directory.js';
import { removeFiles, writeDocuments, type MirrorDocument } from '../targets/directory/publish-directory.js';
import { surveyFolder, type FoundFile } from '../targets/directory/survey-directory.js';
import type { CandidateItem, Work } from '../targets/plan.js';
import type { Dependencies } from './dependencies.js';
import type { OpenDirectory } from './directories.js';
import { download, type TransferStep } from './transfer-steps.js';

/** The folder of a run. @throws {ImageStreamError} CloudDiffers, when the path leads elsewhere than where the run was started for */
export async function openFor(
  { directories }: Dependencies,
  { path }: DirectorySettings,
  target: TargetRef,
): Promise<OpenDirectory> {
  const opened = await directories.open(path);
  if (opened.folder.root === target.fingerprint.projectId) return opened;
  throw new ImageStreamError(
    'CloudDiffers',
    `The run is for the directory ${target.fingerprint.projectId}, but ${path} is ${opened.folder.root} here`,
  );
}

/** What is to be brought; what goes is listed for a dry run alone, since files go after the documents were written. */
export async function surveyDirectory(
  dependencies: Dependencies,
  mirror: MirrorSettings,
  target: TargetRef,
  items: readonly CandidateItem[],
  preview: boolean,
): Promise<Work> {
  const { directory } = mirror;
  if (!directory) throw new TypeError('the mirror has no directory');
  await dependencies.directories.reopen(directory.path);
  const { folder, held } = await openFor(dependencies, directory, target);
  const found = await surveyFolder(folder, held);
  // What sstream-mirror placed is noted before the first file of ours, after which its notes no longer count.
  if (!preview && !held.begun) await held.rewrite(found);
  const work = planFor(mirror, folder, found, items, preview);
  return preview ? work : { ...work, removals: [] };
}

function planFor(
  { max, keep, directory }: MirrorSettings,
  { root }: MirrorFolder,
  held: readonly FoundFile[],
  items: readonly CandidateItem[],
  preview: boolean,
): Work {
  return planDirectory({
    items: directory?.items ? items : [],
    held,
    settings: { max, keep },
    root,
    preview,
  });
}

/**
 * Puts one file at its place: one that is there already and right is adopted, else it comes through staging like any other, and
 * its bytes are compared again where they were not just downloaded. Returns what came over the wire.
 */
export async function bringFile(
  dependencies: Dependencies,
  mirror: MirrorSettings,
  directory: DirectorySettings,
  item: ImageItem,
  step: TransferStep,
): Promise<{ fetchedBytes: number; resumedFrom: number }> {
  const { directories, staging } = dependencies;
  const { folder, held } = await directories.open(directory.path);
  const { path, size, digest, contentId, product, version, item: name } = item;
  const wanted = { path, size, digest, identity: [contentId, product, version, name] as const };
  const there = await adoptFile(folder, wanted, step.signal, (offset) =>
    Object.assign(step.beat, { stage: 'verify', offset }),
  );
  if (there) {
    await held.add(there);
    return { fetchedBytes: 0, resumedFrom: size };
  }
  const downloaded = await download(dependencies, mirror, item, step);
  if (downloaded.fetchedBytes === 0) await staging.verify(digest, size, { signal: step.signal });
  const staged = await staging.find(digest, size);
  if (!staged) throw new ImageStreamError('StagingLost', `${path} is not in staging any more`);
  await held.add(await placeFile(folder, staged.path, wanted));
  await staging.release(digest);
  return downloaded;
}

/** The file is at its place as it was compared. @throws {ImageStreamError} StagingLost */
export async function verifyFile(
  { directories }: Dependencies,
  { path }: DirectorySettings,
  item: ImageItem,
): Promise<{ size: number }> {
  const { folder, held } = await directories.open(path);
  const file = held.get(item.path);
  const same = file?.digest.hex === item.digest.hex;
  if (file && same && isSound(file, await folder.facts(item.path))) return { size: file.size };
  throw new ImageStreamError('StagingLost', `${item.path} is not in the directory any more`, {
    retryable: false,
  });
}

/** Products documents, then the indexes that name them, the first one last; then the files go that no plan wants. */
export async function publishDirectory(
  dependencies: Dependencies,
  mirror: MirrorSettings,
  target: TargetRef,
  items: readonly CandidateItem[],
  documents: readonly DocumentRef[],
  signal: AbortSignal,
): Promise<PublishOutcome> {
  const { directory } = mirror;
  if (!directory) throw new TypeError('the mirror has no directory');
  const { folder } = await openFor(dependencies, directory, target);
  const { held } = await dependencies.directories.reopen(directory.path);
  const found = await surveyFolder(folder, held);
  const read = directory.index === 'filtered' ? filtered(found) : verbatim;
  const kinds = await Promise.all(
    documents.map(async (ref) => (await dependencies.documents.read(mirror, ref, signal)).document.kind),
  );
  const ofKind = (kind: 'products' | 'index') => documents.filter((_ref, place) => kinds[place] === kind);
  const products = await writeDocuments(folder, await read(dependencies, mirror, ofKind('products'), signal));
  const outwards = ofKind('index').reverse();
  const indexes = await writeDocuments(folder, await read(dependencies, mirror, outwards, signal));

  const { removals, unchanged } = planFor(mirror, folder, found, items, false);
  const removed = await removeFiles(folder, held, found, removals, async ({ digest }) => {
    if (digest.hex !== '') await dependencies.staging.evict(digest);
  });
  const state = (written: number) => (written > 0 ? ('written' as const) : ('unchanged' as const));
  return { products: state(products), index: state(indexes), images: unchanged, publicUrl: '', removed };
}

type Reader = (
  dependencies: Dependencies,
  mirror: MirrorSettings,
  refs: readonly DocumentRef[],
  signal: AbortSignal,
) => Promise<MirrorDocument[]>;

const verbatim: Reader = async ({ documents }, mirror, refs, signal) =>
  Promise.all(
    refs.map(async (ref) => ({ path: ref.path, bytes: await documents.bytes(mirror, ref, signal) })),
  );

/** What the documents say of the files that are here. Products are read first, so that an index knows which of them are left. */
function filtered(found: readonly FoundFile[]): Reader {
  const sound = new Set(found.filter((file) => file.sound).map(({ path }) => path));
  const left: LeftProducts = new Map();
  return async ({ documents }, mirror, refs, signal) => {
    const written: MirrorDocument[] = [];
    for (const ref of refs) {
      const { document } = await documents.read(mirror, ref, signal);
      written.push(
        document.kind === 'products'
          ? filteredProducts(document, sound, left)
          : filteredIndex(document, left),
      );
    }
    return written;
  };
}
