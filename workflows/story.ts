import { defineSearchAttributeKey } from '@temporalio/common';
import { setCurrentDetails, upsertSearchAttributes } from '@temporalio/workflow';
import { SearchAttribute, type Stage } from '../contracts/names.js';

const stageKey = defineSearchAttributeKey(SearchAttribute.Stage, 'KEYWORD');

/** Tells Temporal's UI where a run is: the search attribute Stage, and a line of details. */
export function tell(stage: Stage, details: string): void {
  upsertSearchAttributes([{ key: stageKey, value: stage }]);
  setCurrentDetails(details);
}
