import type { ScheduleSettings } from './configuration.js';
import { parseDuration } from './units.js';

/** What a mirror's `schedule` may be in the file, before it is understood. */
export type ScheduleText =
  string | { cron: string; jitter?: string; timezone?: string } | { every: string; jitter?: string };

const HOUR = 3600e3;

/** Named schedules; their jitter keeps all the clouds of the world from asking a mirror at midnight. */
const NAMED: Record<string, ScheduleSettings> = {
  hourly: { everyMs: HOUR, jitterMs: HOUR / 12, timezone: 'UTC' },
  daily: { everyMs: 24 * HOUR, jitterMs: HOUR, timezone: 'UTC' },
  weekly: { everyMs: 7 * 24 * HOUR, jitterMs: 6 * HOUR, timezone: 'UTC' },
};

/** Below this a sync would hardly end before the next begins. */
const SHORTEST_INTERVAL = 60e3;

/**
 * Understands `hourly`, `daily`, `weekly`, a cron text of five fields (or `@daily` and its like), `{cron, jitter, timezone}` and
 * `{every, jitter}`. Answers a sentence instead when it cannot.
 */
export function parseSchedule(schedule: ScheduleText): ScheduleSettings | string {
  if (typeof schedule === 'string') return NAMED[schedule] ?? cronSchedule(schedule, 0, 'UTC');
  const jitterMs = schedule.jitter === undefined ? 0 : parseDuration(schedule.jitter);
  if (jitterMs === undefined) return 'jitter must be a duration such as 10m';
  if ('cron' in schedule) return cronSchedule(schedule.cron, jitterMs, schedule.timezone ?? 'UTC');
  const everyMs = parseDuration(schedule.every);
  if (everyMs === undefined) return 'every must be a duration such as 6h';
  if (everyMs < SHORTEST_INTERVAL) return 'every must be one minute or more';
  if (jitterMs >= everyMs) return 'jitter must be shorter than every';
  return { everyMs, jitterMs, timezone: 'UTC' };
}

function cronSchedule(cron: string, jitterMs: number, timezone: string): ScheduleSettings | string {
  const problem = cronProblem(cron);
  if (problem) return problem;
  if (!isTimezone(timezone)) return 'timezone must be a name of the time zone database such as Europe/London';
  return { cron: cron.trim(), jitterMs, timezone };
}

const FIELDS = [
  { name: 'minute', low: 0, high: 59, names: [] },
  { name: 'hour', low: 0, high: 23, names: [] },
  { name: 'day of month', low: 1, high: 31, names: [] },
  { name: 'month', low: 1, high: 12, names: 'jan feb mar apr may jun jul aug sep oct nov dec'.split(' ') },
  { name: 'day of week', low: 0, high: 7, names: 'sun mon tue wed thu fri sat'.split(' ') },
];

/** The five fields Temporal reads (calendar specs of the schedule API), checked before a server is asked. */
function cronProblem(cron: string): string | undefined {
  if (/^@(yearly|annually|monthly|weekly|daily|midnight|hourly)$/.test(cron)) return undefined;
  const texts = cron.trim().split(/\s+/);
  if (texts.length !== FIELDS.length) {
    return 'must be hourly, daily, weekly, a cron text of five fields, or {every: 6h, jitter: 10m}';
  }
  const wrong = FIELDS.find((field, index) => !isCronField(texts[index] ?? '', field));
  return wrong && `the ${wrong.name} of the cron text is not understood`;
}

function isCronField(text: string, { low, high, names }: (typeof FIELDS)[number]): boolean {
  return text.split(',').every((part) => {
    const [range = '', step, ...more] = part.split('/');
    if (more.length > 0 || (step !== undefined && !/^[1-9]\d{0,2}$/.test(step))) return false;
    if (range === '*') return true;
    const ends = range.split('-').map((end) => {
      const named = names.indexOf(end.toLowerCase());
      return named >= 0 ? named + low : /^\d{1,2}$/.test(end) ? Number(end) : NaN;
    });
    const [from = NaN, to = from] = ends;
    return ends.length <= 2 && from >= low && to <= high && from <= to;
  });
}

function isTimezone(name: string): boolean {
  try {
    new Intl.DateTimeFormat('en', { timeZone: name });
    return true;
  } catch {
    return false;
  }
}
