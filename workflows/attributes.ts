import { TypedSearchAttributes, defineSearchAttributeKey } from '@temporalio/common';
import { workflowInfo } from '@temporalio/workflow';
import { SearchAttribute } from '../contracts/names.js';
import type { MirrorRun } from '../contracts/activities.js';
import type { ImageItem, TargetRef } from '../contracts/sync.js';
import type { SyncMirrorMemo } from '../contracts/workflows.js';

const keyword = (name: string) => defineSearchAttributeKey(name, 'KEYWORD');

export function mirrorAttributes(mirror: string): TypedSearchAttributes {
  return new TypedSearchAttributes([{ key: keyword(SearchAttribute.Mirror), value: mirror }]);
}

export function regionAttributes(
  mirror: string,
  target: Pick<TargetRef, 'cloud' | 'region'>,
): TypedSearchAttributes {
  return new TypedSearchAttributes([
    { key: keyword(SearchAttribute.Mirror), value: mirror },
    { key: keyword(SearchAttribute.Cloud), value: target.cloud },
    { key: keyword(SearchAttribute.Region), value: target.region },
  ]);
}

export function imageAttributes(mirror: string, target: TargetRef, item: ImageItem): TypedSearchAttributes {
  return new TypedSearchAttributes([
    { key: keyword(SearchAttribute.Mirror), value: mirror },
    { key: keyword(SearchAttribute.Cloud), value: target.cloud },
    { key: keyword(SearchAttribute.Region), value: target.region },
    { key: keyword(SearchAttribute.Product), value: item.product },
    { key: keyword(SearchAttribute.Release), value: item.release },
    { key: keyword(SearchAttribute.Arch), value: item.arch },
  ]);
}

export function mirrorMemo(mirror: MirrorRun): SyncMirrorMemo {
  return {
    configurationDigest: mirror.run.configurationDigest,
    clouds: mirror.cloudDescriptions,
    build: mirror.build,
  };
}

/** The build that began the run, for its children: on an embedded server another build ends all of them. */
export function buildMemo(): { build: string } {
  const build = workflowInfo().memo?.build;
  return { build: typeof build === 'string' ? build : '' };
}
