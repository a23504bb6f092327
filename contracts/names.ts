/** Names that other services may rely on: workflow types, task queues, queries, search attributes. */
export const WorkflowType = {
  scheduledSync: 'scheduledSync',
  syncMirror: 'syncMirror',
  syncRegion: 'syncRegion',
  syncImage: 'syncImage',
  publishStreams: 'publishStreams',
} as const;

export const TaskQueue = {
  /** Workflows and the activities that move no image. */
  main: 'image-stream',
  /** Steps that any host with a staging folder may take. */
  transfer: 'image-stream-transfer',
} as const;

/** The queue of the hosts that share one staging folder: steps on a file that was staged there. */
export function stagingQueue(stagingId: string): string {
  return `image-stream-staging-${stagingId}`;
}

export const QueryName = { progress: 'progress' } as const;
export const SignalName = { publish: 'publish' } as const;

/** All of type Keyword; registered by scripts/setup or the embedded server. */
export const SearchAttribute = {
  Mirror: 'Mirror',
  Cloud: 'Cloud',
  Region: 'Region',
  Product: 'Product',
  Release: 'Release',
  Arch: 'Arch',
  Stage: 'Stage',
} as const;

/** What the search attribute Stage says. */
export const Stage = {
  waiting: 'waiting',
  planning: 'planning',
  syncing: 'syncing',
  publishing: 'publishing',
  downloading: 'downloading',
  uploading: 'uploading',
  done: 'done',
} as const;
export type Stage = (typeof Stage)[keyof typeof Stage];

/** What a folder that becomes a mirror is called where a cloud is named otherwise; no cloud may have the name. */
export const DIRECTORY = 'directory';
