import { defineSearchAttributeKey } from '@temporalio/common';
import { setCurrentDetails, upsertSearchAttributes } from '@temporalio/workflow';
import { SearchAttribute, type Stage } from '../contracts/names.js';

const stageKey = defineSearchAttributeKey(SearchAttribute.Stage, 'KEYWORD');

/** Tells Temporal's UI where a run is: the search attribute Stage, and a line of details. */
export function tell(stage: Stage, details: string): void {
  upsertSearchAttributes([{ key: stageKey, value: stage }]);
  setCurrentDetails(details);
}

/** Bytes for people: 1.5 MiB. */
export function bytes(count: number): string {
  const units = ['B', 'KiB', 'MiB', 'GiB', 'TiB'];
  let value = count;
  let unit = 0;
  while (value >= 1024 && unit < units.length - 1) {
    value /= 1024;
    unit += 1;
  }
  return `${unit === 0 ? value : value.toFixed(1)} ${units[unit]}`;
}
