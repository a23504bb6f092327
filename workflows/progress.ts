import { defineQuery } from '@temporalio/workflow';
import { QueryName } from '../contracts/names.js';
import type { Progress } from '../contracts/workflows.js';

export const progressQuery = defineQuery<Progress>(QueryName.progress);
