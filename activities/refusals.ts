import type { TransferBeat } from '../contracts/activities.js';
import type { ErrorCode } from '../contracts/error-codes.js';
import { judgedAs, type ImageStreamError } from '../contracts/errors.js';

/** Times that an image is sent when Glance would not keep it: each costs all of its bytes. What else passes is bounded by time alone. */
const MOST: Partial<Record<ErrorCode, number>> = {
  HashMismatch: 3,
  ImageGone: 4,
  TokenRefused: 4,
  Conflict: 4,
  // A store that is away for some minutes is waited for.
  CloudError: 12,
};

/** The failure of an upload, final where it came once too often; counts in the heartbeat, which the next attempt reads. */
export function refusal(error: ImageStreamError, beat: TransferBeat): ImageStreamError {
  const most = MOST[error.code];
  const asked = error.code === 'CloudError' && error.details.method !== 'PUT';
  if (most === undefined || asked || !error.retryable) return error;
  const times = (beat.refused?.[error.code] ?? 0) + 1;
  beat.refused = { ...beat.refused, [error.code]: times };
  return times < most ? error : judgedAs(error, false, `${error.message} (the last of ${times} uploads)`);
}

/** What the attempts before counted. */
export function refusedBefore(heartbeat: unknown): Record<string, number> {
  if (typeof heartbeat !== 'object' || heartbeat === null || !('refused' in heartbeat)) return {};
  const { refused } = heartbeat;
  if (typeof refused !== 'object' || refused === null) return {};
  const counts = Object.entries(refused).filter(
    (entry): entry is [string, number] => typeof entry[1] === 'number',
  );
  return Object.fromEntries(counts);
}
